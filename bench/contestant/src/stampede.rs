//! Many tasks that want one value at the same moment, while it is not there.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::sync::Barrier;

use crate::histogram::Histogram;
use crate::measure::{Tally, Watch};
use crate::order::{Measured, Order};

/// How long the value takes to compute: longer than it takes until the last task has asked.
pub const COMPUTING: Duration = Duration::from_millis(50);
const ROUNDS: u64 = 3;

/// The computation of one round: counts how often it is run, and takes its time.
#[derive(Clone, Debug)]
pub struct Computation {
    value: u64,
    runs: Arc<AtomicU64>,
}

impl Computation {
    /// Computes the value.
    pub async fn run(self) -> u64 {
        self.runs.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(COMPUTING).await;
        self.value
    }
}

/// Lets all tasks of the order ask for the value of one key by `call`, each round for that of another key. The times are
/// those that the tasks wait, the computation included; the fact `computations` is the most that any round ran.
///
/// # Errors
/// When a task gets another value, or a call fails.
pub async fn stampede<F, Fut>(order: &Order, call: F) -> anyhow::Result<Measured>
where
    F: Fn(String, Computation) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<u64>> + Send,
{
    let watch = Watch::start(order);
    let begun = Instant::now();
    let mut tally = Tally {
        ops: 0,
        begun,
        ended: begun,
        times: Histogram::new(),
    };
    let mut most = 0;
    let mut round = 0;
    while round < ROUNDS || begun.elapsed() < order.window() {
        let computation = Computation {
            value: round,
            runs: Arc::default(),
        };
        let barrier = Arc::new(Barrier::new(order.tasks));
        let mut waiting = Vec::with_capacity(order.tasks);
        for _ in 0..order.tasks {
            let (call, barrier) = (call.clone(), barrier.clone());
            let computation = computation.clone();
            waiting.push(tokio::spawn(async move {
                barrier.wait().await;
                let asked = Instant::now();
                let value = call(format!("stampede:{round}"), computation).await?;
                if value != round {
                    bail!("round {round} answered {value}");
                }
                Ok(asked.elapsed())
            }));
        }
        for task in waiting {
            tally.times.add(task.await.context("a task ended early")??);
            tally.ops += 1;
        }
        most = most.max(computation.runs.load(Ordering::Relaxed));
        round += 1;
    }
    tally.ended = Instant::now();
    let mut measured = watch.end(vec![tally])?;
    measured.facts.insert("computations".into(), most as f64);
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn computations_of_every_task_are_counted() -> anyhow::Result<()> {
        let order = Order {
            case: "stampede".into(),
            setting: "defaults".into(),
            url: String::new(),
            tasks: 5,
            seconds: 0.0,
            rows: 1,
            server_pid: None,
        };
        let measured = stampede(&order, |_, computation| async {
            Ok(computation.run().await)
        })
        .await?;
        assert_eq!(measured.facts.get("computations"), Some(&5.0));
        assert_eq!(measured.ops, 5 * ROUNDS);
        Ok(())
    }
}
