//! Second evictions of many writes: together, in time, and in bounded memory.

use shelfmark_core::cache::QueryCache;
use tokio::time::{Instant, sleep};

use super::super::second::SecondEvictions;
use super::*;

fn second(probe: &Arc<Probe>) -> SecondEvictions {
    let cache: Arc<dyn QueryCache> = Arc::new(Arc::clone(probe));
    SecondEvictions::of(&cache)
}

fn many(names: usize) -> Evictions {
    (0..names).fold(Evictions::new(), |all, nth| all.key(nth.to_string()))
}

#[tokio::test(start_paused = true)]
async fn writes_that_end_together_are_evicted_together_once_more() {
    let probe = Arc::new(Probe::shared());
    let second = second(&probe);
    for key in ["a", "b", "a"] {
        second.push(Evictions::new().key(key));
        sleep(Duration::from_millis(100)).await;
    }
    sleep(Duration::from_millis(200)).await;
    let last = Instant::now();
    second.push(Evictions::new().key("c"));
    probe.events.wait_for("evict c", 1).await;
    assert_eq!(last.elapsed().as_secs(), 5);
    assert_eq!(probe.events.take(), ["evict a b", "evict c"]);
}

/// Each eviction took its time, and there was one for each write.
#[tokio::test(start_paused = true)]
async fn a_minute_of_failing_writes_on_a_slow_cache_is_evicted_in_time() {
    let slow = Probe::shared().looking(Box::new(|| Box::pin(sleep(Duration::from_millis(270)))));
    let probe = Arc::new(slow);
    let second = second(&probe);
    for nth in 0..6_000 {
        second.push(Evictions::new().key(nth.to_string()));
        sleep(Duration::from_millis(10)).await;
    }
    let last = Instant::now();
    second.push(Evictions::new().key("last"));
    sleep(Duration::from_secs(6)).await;
    let evicted = probe.events.take();
    assert!(last.elapsed().as_secs() <= 6);
    assert!(evicted.len() <= 6_000 / 25 + 1, "{}", evicted.len());
    let names: usize = evicted
        .iter()
        .map(|event| event.split(' ').count() - 1)
        .sum();
    assert_eq!(names, 6_001);
}

#[tokio::test(start_paused = true)]
async fn more_names_than_are_kept_are_everything() {
    let probe = Arc::new(Probe::in_process());
    let second = second(&probe);
    second.push(Evictions::new().key("k"));
    second.push(many(100_000));
    assert!(probe.events.take().is_empty());
    probe.events.wait_for("drop all", 1).await;
    // What comes later has room again.
    second.push(Evictions::new().key("k"));
    probe.events.wait_for("evict k", 1).await;
    assert_eq!(probe.events.take(), ["drop all", "evict k"]);
}

/// Where the cache is shared not everything can be dropped.
#[tokio::test(start_paused = true)]
async fn more_names_than_are_kept_are_evicted_from_a_shared_cache_at_once() {
    let probe = Arc::new(Probe::shared());
    let second = second(&probe);
    second.push(many(100_000));
    second.push(Evictions::new().key("k"));
    assert_eq!(probe.events.take(), ["background k"]);
    drop(second);
    assert_eq!(probe.events.take().len(), 1);
}
