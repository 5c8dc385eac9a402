//! What is computed fails: who waits for it does not stand in a queue of failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::Cache;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::MINUTE;

/// As long as it takes until a pool gives up.
const SLOW: Duration = Duration::from_secs(2);

/// A source that answers late: with an error the first `failures` times, then with a value.
#[derive(Default)]
struct Source {
    failures: u32,
    asked: AtomicU32,
    asking: AtomicU32,
    most_at_once: AtomicU32,
}

impl Source {
    fn failing(failures: u32) -> Arc<Source> {
        Arc::new(Source {
            failures,
            ..Source::default()
        })
    }

    async fn answer(&self, after: Duration) -> Result<i64, Error> {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst);
        let asking = self.asking.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(asking, Ordering::SeqCst);
        sleep(after).await;
        self.asking.fetch_sub(1, Ordering::SeqCst);
        if nth < self.failures {
            return Err(Error::new(ErrorKind::Connection));
        }
        Ok(7)
    }
}

/// How many of `callers`, who all ask at once, were given the value, and how long the last one took.
async fn ask(
    cache: &Cache,
    callers: u32,
    source: &Arc<Source>,
    after: Duration,
) -> anyhow::Result<(u32, Duration)> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (cache, source) = (cache.clone(), source.clone());
        tasks.spawn(async move {
            let compute = async || source.answer(after).await;
            cache.remember("k", MINUTE, compute).await
        });
    }
    let mut given = 0;
    while let Some(ended) = tasks.join_next().await {
        match ended? {
            Ok(value) => {
                assert_eq!(value, 7);
                given += 1;
            }
            // Each has the error of his own computation, and none waits until CACHE_WAIT.
            Err(error) => assert_eq!(error.kind(), ErrorKind::Connection),
        }
    }
    Ok((given, begun.elapsed()))
}

#[tokio::test(start_paused = true)]
async fn of_twenty_who_ask_for_what_fails_the_last_one_knows_after_two_computations()
-> anyhow::Result<()> {
    let source = Source::failing(u32::MAX);
    let (given, after) = ask(&Cache::in_process(), 20, &source, SLOW).await?;
    assert_eq!(given, 0);
    assert!(after <= 2 * SLOW, "{after:?}");
    assert_eq!(source.asked.load(Ordering::SeqCst), 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_who_ask_for_what_fails_the_last_one_knows_after_three() -> anyhow::Result<()>
{
    let source = Source::failing(u32::MAX);
    let (given, after) = ask(&Cache::in_process(), 1000, &source, SLOW).await?;
    assert_eq!(given, 0);
    assert!(after <= 3 * SLOW, "{after:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_error_does_not_become_a_computation_for_each_of_a_thousand() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    let source = Source::failing(1);
    let (given, after) = ask(&cache, 1000, &source, SLOW).await?;
    assert_eq!(given, 999);
    assert!(after <= 2 * SLOW, "{after:?}");
    assert_eq!(source.asked.load(Ordering::SeqCst), 33);
    assert_eq!(source.most_at_once.load(Ordering::SeqCst), 32);
    // It is stored, and nothing is left of those who computed beside each other.
    assert_eq!(cache.get("k").await, Some(7_i64));
    Ok(())
}

/// An eviction is for all who compute beside each other.
#[tokio::test(start_paused = true)]
async fn what_several_compute_while_it_is_evicted_is_stored_by_none_of_them() -> anyhow::Result<()>
{
    let cache = Cache::in_process();
    let source = Source::failing(1);
    let evicting = async {
        sleep(SLOW + SLOW / 2).await;
        cache.evict("k").await;
    };
    let (asked, ()) = tokio::join!(ask(&cache, 10, &source, SLOW), evicting);
    assert_eq!(asked?.0, 9);
    assert_eq!(cache.get::<i64>("k").await, None);
    assert_eq!(cache.stats().refused, 9);
    Ok(())
}

/// On Redis, where one after the other would claim the value. With real time: in a queue it is four seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_failures_do_not_queue_either() -> anyhow::Result<()> {
    let source = Source::failing(u32::MAX);
    let cache = crate::on_redis().await?;
    let (given, after) = ask(&cache, 20, &source, Duration::from_millis(200)).await?;
    assert_eq!(given, 0);
    assert!(after < Duration::from_secs(2), "{after:?}");
    // With a value again all is as ever.
    let again = Source::failing(0);
    assert_eq!(
        ask(&cache, 100, &again, Duration::from_millis(20)).await?.0,
        100
    );
    assert_eq!(again.asked.load(Ordering::SeqCst), 1);
    Ok(())
}
