//! The same loop for contestants that block: a thread for each task.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::Context as _;

use crate::histogram::Histogram;
use crate::measure::{Choices, Pace, Tally, Watch};
use crate::order::{Measured, Order};

/// As [`measure`](crate::measure()), with a thread for each of `works`. An answer that is wrong is an error.
///
/// # Errors
/// The first error of a thread.
pub fn measure_threads<W>(order: &Order, pace: Pace, works: Vec<W>) -> anyhow::Result<Measured>
where
    W: FnMut(u64) -> anyhow::Result<()> + Send,
{
    let is_warm = AtomicBool::new(false);
    let is_over = AtomicBool::new(false);
    let barrier = Barrier::new(works.len() + 1);
    thread::scope(|scope| {
        let mut running = Vec::with_capacity(works.len());
        for (number, mut work) in works.into_iter().enumerate() {
            let (is_warm, is_over, barrier) = (&is_warm, &is_over, &barrier);
            running.push(scope.spawn(move || {
                let mut choices = Choices::new(number);
                let mut warmed = Ok(());
                while warmed.is_ok() {
                    warmed = work(choices.next());
                    if is_warm.load(Ordering::Relaxed) {
                        break;
                    }
                }
                // Whoever failed waits as well, or the others would wait for ever.
                barrier.wait();
                barrier.wait();
                warmed?;
                repeat(&mut work, &mut choices, is_over, pace)
            }));
        }
        thread::sleep(order.window() / 5);
        is_warm.store(true, Ordering::Relaxed);
        barrier.wait();
        let watch = Watch::start(order);
        barrier.wait();
        thread::sleep(order.window());
        is_over.store(true, Ordering::Relaxed);
        let mut tallies = Vec::with_capacity(running.len());
        for thread in running {
            let tally = thread.join().ok().context("a thread ended early")?;
            tallies.push(tally);
        }
        let tallies = tallies.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        watch.end(tallies)
    })
}

fn repeat(
    work: &mut impl FnMut(u64) -> anyhow::Result<()>,
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
        let is_timed = tally.ops.is_multiple_of(64) || !matches!(pace, Pace::Sampled);
        let before = if is_timed { Instant::now() } else { begun };
        work(choices.next())?;
        tally.ops += 1;
        if is_timed {
            tally.times.add(before.elapsed());
        }
        if is_over.load(Ordering::Relaxed) && tally.ops >= pace.least() {
            tally.ended = Instant::now();
            return Ok(tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::atomic::AtomicU64;

    fn order() -> Order {
        Order {
            case: "count".into(),
            setting: "defaults".into(),
            url: String::new(),
            tasks: 2,
            seconds: 0.01,
            rows: 1,
            server_pid: None,
        }
    }

    #[test]
    fn every_thread_works_and_all_are_counted() -> anyhow::Result<()> {
        let counts = [AtomicU64::new(0), AtomicU64::new(0)];
        let works = counts
            .iter()
            .map(|count| {
                |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }
            })
            .collect();
        let measured = measure_threads(&order(), Pace::Sampled, works)?;
        let done: u64 = counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum();
        // What was done to warm up is not counted.
        assert!(measured.ops >= 2 && measured.ops < done);
        assert!(measured.server_cpu_seconds.is_none());
        Ok(())
    }

    #[test]
    fn wrong_answer_of_any_thread_fails_the_run() {
        let error = measure_threads(&order(), Pace::Each, vec![|_| bail!("row 3 is wrong")]);
        assert_eq!(error.unwrap_err().to_string(), "row 3 is wrong");
    }
}
