//! Tasks that do the same work again and again for a while, and what that took.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::Barrier;

use crate::histogram::Histogram;
use crate::order::{Measured, Order};
use crate::process::{own_cpu, peak_kib, server_cpu};

/// After so many operations a task lets others go first, since one that never waits would keep its thread.
const TURN: u64 = 64;

/// What a task does again and again. An answer that is wrong is an error.
pub trait Task: Send + 'static {
    /// Does it once. `choice` is a random number to choose a row or key by.
    fn once(&mut self, choice: u64) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// How the work is timed.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Each operation is timed.
    Each,
    /// Operations take less time than reading the clock, so one of 64 is timed.
    Sampled,
    /// Operations take long: each is timed, and each task does so many at least.
    AtLeast(u64),
}

impl Pace {
    pub(crate) fn least(self) -> u64 {
        match self {
            Pace::Each | Pace::Sampled => 1,
            Pace::AtLeast(least) => least,
        }
    }
}

/// What one task, or thread, has to tell.
pub(crate) struct Tally {
    pub(crate) ops: u64,
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
    pub(crate) times: Histogram,
}

/// Warms up for a fifth of the order's time, then lets all of `tasks` work for the whole of it.
///
/// # Errors
/// The first error of a task.
pub async fn measure<T: Task>(
    order: &Order,
    pace: Pace,
    tasks: Vec<T>,
) -> anyhow::Result<Measured> {
    let is_warm = Arc::new(AtomicBool::new(false));
    let is_over = Arc::new(AtomicBool::new(false));
    let barrier = Arc::new(Barrier::new(tasks.len() + 1));
    let mut running = Vec::with_capacity(tasks.len());
    for (number, mut task) in tasks.into_iter().enumerate() {
        let (is_warm, is_over) = (is_warm.clone(), is_over.clone());
        let barrier = barrier.clone();
        let mut choices = Choices::new(number);
        running.push(tokio::spawn(async move {
            let warmed = warm_up(&mut task, &mut choices, &is_warm).await;
            // Whoever failed waits as well, or the others would wait for ever.
            barrier.wait().await;
            barrier.wait().await;
            warmed?;
            work(&mut task, &mut choices, &is_over, pace).await
        }));
    }
    tokio::time::sleep(order.window() / 5).await;
    is_warm.store(true, Ordering::Relaxed);
    barrier.wait().await;
    let watch = Watch::start(order);
    barrier.wait().await;
    tokio::time::sleep(order.window()).await;
    is_over.store(true, Ordering::Relaxed);
    let mut tallies = Vec::with_capacity(running.len());
    for task in running {
        tallies.push(task.await.context("a task ended early")?);
    }
    let tallies = tallies.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    watch.end(tallies)
}

async fn warm_up<T: Task>(
    task: &mut T,
    choices: &mut Choices,
    is_warm: &AtomicBool,
) -> anyhow::Result<()> {
    loop {
        for _ in 0..TURN {
            task.once(choices.next()).await?;
            if is_warm.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        tokio::task::yield_now().await;
    }
}

async fn work<T: Task>(
    task: &mut T,
    choices: &mut Choices,
    is_over: &AtomicBool,
    pace: Pace,
) -> anyhow::Result<Tally> {
    let begun = Instant::now();
    let mut tally = Tally {
        ops: 0,
        begun,
        ended: begun,
        times: Histogram::new(),
    };
    loop {
        tally.ended = Instant::now();
        for place in 0..TURN {
            task.once(choices.next()).await?;
            tally.ops += 1;
            if place == 0 || !matches!(pace, Pace::Sampled) {
                let now = Instant::now();
                tally.times.add(now - tally.ended);
                tally.ended = now;
            }
            if is_over.load(Ordering::Relaxed) && tally.ops >= pace.least() {
                tally.ended = Instant::now();
                return Ok(tally);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// The CPU times at the begin.
pub(crate) struct Watch<'a> {
    order: &'a Order,
    own: Duration,
    server: Option<Duration>,
}

impl Watch<'_> {
    pub(crate) fn start(order: &Order) -> Watch<'_> {
        Watch {
            order,
            own: own_cpu(),
            server: server_cpu(order.server_pid),
        }
    }

    /// Adds CPU time and memory to figures that were measured elsewhere.
    pub(crate) fn end_with(self, mut measured: Measured) -> Measured {
        let server = server_cpu(self.order.server_pid);
        measured.peak_kib = peak_kib();
        measured.client_cpu_seconds = own_cpu().saturating_sub(self.own).as_secs_f64();
        measured.server_cpu_seconds = server
            .zip(self.server)
            .map(|(now, before)| now.saturating_sub(before).as_secs_f64());
        measured
    }

    /// The figures of all together.
    pub(crate) fn end(self, tallies: Vec<Tally>) -> anyhow::Result<Measured> {
        let mut times = Histogram::new();
        for tally in &tallies {
            times.merge(&tally.times);
        }
        let begun = tallies.iter().map(|tally| tally.begun).min();
        let ended = tallies.iter().map(|tally| tally.ended).max();
        let (begun, ended) = begun.zip(ended).context("no task was started")?;
        Ok(self.end_with(Measured {
            ops: tallies.iter().map(|tally| tally.ops).sum(),
            seconds: (ended - begun).as_secs_f64(),
            p50_us: times.quantile_us(0.5),
            p99_us: times.quantile_us(0.99),
            max_us: times.max_us(),
            ..Measured::default()
        }))
    }
}

/// Random numbers, the same in every run: xorshift64*.
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn new(number: usize) -> Choices {
        Choices((number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        // The upper bits are the better ones, and callers take the remainder.
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    struct Sleeper;

    impl Task for Sleeper {
        async fn once(&mut self, _: u64) -> anyhow::Result<()> {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(())
        }
    }

    struct Failing;

    impl Task for Failing {
        async fn once(&mut self, _: u64) -> anyhow::Result<()> {
            bail!("the value of key 7 is wrong")
        }
    }

    fn order(seconds: f64) -> Order {
        Order {
            case: "sleep".into(),
            setting: "defaults".into(),
            url: String::new(),
            tasks: 4,
            seconds,
            rows: 1,
            server_pid: Some(std::process::id()),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn figures_are_those_of_all_tasks_together() -> anyhow::Result<()> {
        let tasks = (0..4).map(|_| Sleeper).collect();
        let measured = measure(&order(0.2), Pace::Each, tasks).await?;
        // Four tasks, each sleeping 10 ms at least.
        assert!(measured.ops as f64 <= 4.0 * (measured.seconds / 0.01 + 1.0));
        assert!(measured.ops >= 4);
        assert!(measured.p50_us >= 9_500.0, "{measured:?}");
        assert!(measured.p50_us <= measured.p99_us && measured.p99_us <= measured.max_us);
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn long_work_is_done_as_often_as_asked_however_short_the_time_is() -> anyhow::Result<()> {
        let measured = measure(&order(0.001), Pace::AtLeast(3), vec![Sleeper]).await?;
        assert_eq!(measured.ops, 3);
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn wrong_answer_of_any_task_fails_the_run() {
        let error = measure(&order(0.01), Pace::Each, vec![Failing, Failing]).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "the value of key 7 is wrong"
        );
    }
}
