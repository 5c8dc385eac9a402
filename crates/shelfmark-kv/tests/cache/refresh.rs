//! Values are computed again shortly before their end. Time is paused, so that it passes when the test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shelfmark_core::cache::Keep;
use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::Cache;
use tokio::time::{advance, sleep, timeout};

use crate::{Gate, MINUTE};

fn exactly(ttl: Duration) -> Keep {
    Keep::during(ttl).jitter(0)
}

/// Stores a value that took a second to compute and lives for a minute, and goes to `left` before its end.
async fn stored(cache: &Cache, left: Duration) -> anyhow::Result<()> {
    let slow = async || {
        sleep(Duration::from_secs(1)).await;
        Ok::<u64, Error>(1)
    };
    cache.remember("k", exactly(MINUTE), slow).await?;
    advance(MINUTE - left).await;
    Ok(())
}

/// A hundredth of what it takes to compute before the end, a caller is the one with probability 0.99: of twenty one is.
const NEAR: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn near_its_end_one_computes_it_again_and_the_others_are_given_the_old_one()
-> anyhow::Result<()> {
    let cache = Cache::in_process();
    stored(&cache, NEAR).await?;
    let gate = Arc::new(Gate::new());
    let ask = || {
        let (cache, gate) = (cache.clone(), gate.clone());
        tokio::spawn(async move {
            let compute = async || {
                gate.pass().await;
                Ok::<u64, Error>(2)
            };
            cache.remember("k", exactly(MINUTE), compute).await
        })
    };
    let asked: Vec<_> = (0..20).map(|_| ask()).collect();
    gate.begun().await;
    let mut refreshing = None;
    for task in asked {
        // Only the one who computes does not answer at once.
        let mut task = task;
        match timeout(Duration::from_nanos(1), &mut task).await {
            Ok(value) => assert_eq!(value??, 1),
            Err(_) => assert!(refreshing.replace(task).is_none()),
        }
    }
    gate.open();
    assert_eq!(refreshing.unwrap().await??, 2);
    assert_eq!(cache.get("k").await, Some(2_u64));
    let stats = cache.stats();
    assert_eq!((stats.computed, stats.refreshed, stats.misses), (1, 1, 1), "{stats}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn far_from_its_end_nobody_computes_it_again() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    stored(&cache, MINUTE).await?;
    for _ in 0..1000 {
        let never = async || -> Result<u64, Error> { unreachable!() };
        assert_eq!(cache.remember("k", exactly(MINUTE), never).await?, 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_answers_the_old_value_and_is_not_tried_again_before_the_end()
-> anyhow::Result<()> {
    let cache = Cache::in_process();
    stored(&cache, NEAR).await?;
    let tried = AtomicU64::new(0);
    for _ in 0..100 {
        let fails = async || {
            tried.fetch_add(1, Ordering::SeqCst);
            Err::<u64, _>(Error::new(ErrorKind::Connection))
        };
        assert_eq!(cache.remember("k", exactly(MINUTE), fails).await?, 1);
    }
    assert_eq!(tried.load(Ordering::SeqCst), 1);
    let stats = cache.stats();
    assert_eq!((stats.errors, stats.refreshed), (1, 0), "{stats}");
    advance(NEAR).await;
    assert_eq!(cache.get::<u64>("k").await, None);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_was_dropped_is_tried_by_another() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    stored(&cache, NEAR).await?;
    let gate = Arc::new(Gate::new());
    for value in [2_u64, 3] {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (cache, gate) = (cache.clone(), gate.clone());
                tokio::spawn(async move {
                    let compute = async || {
                        gate.pass().await;
                        Ok::<_, Error>(value)
                    };
                    cache.remember("k", exactly(MINUTE), compute).await
                })
            })
            .collect();
        gate.begun().await;
        if value == 2 {
            tasks.iter().for_each(|task| task.abort());
        } else {
            gate.open();
        }
        for task in tasks {
            let _ = task.await;
        }
    }
    assert_eq!(cache.get("k").await, Some(3_u64));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_an_eviction_overtakes_is_not_stored() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    stored(&cache, NEAR).await?;
    let gate = Arc::new(Gate::new());
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (cache, gate) = (cache.clone(), gate.clone());
            tokio::spawn(async move {
                let compute = async || {
                    gate.pass().await;
                    Ok::<u64, Error>(2)
                };
                cache.remember("k", exactly(MINUTE), compute).await
            })
        })
        .collect();
    gate.begun().await;
    cache.evict("k").await;
    gate.open();
    for task in tasks {
        task.await??;
    }
    assert_eq!(cache.get::<u64>("k").await, None);
    assert_eq!(cache.stats().refused, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_end_is_exact_without_jitter_and_up_to_its_part_earlier_with_it() -> anyhow::Result<()>
{
    let cache = Cache::in_process();
    cache.set("exact", &1_u64, exactly(MINUTE)).await?;
    let jittered: Vec<String> = (0..1000).map(|number| format!("k{number}")).collect();
    for key in &jittered {
        cache.set(key, &1_u64, Keep::during(MINUTE).jitter(50)).await?;
    }
    let count = async || {
        let mut there = 0;
        for key in &jittered {
            there += u32::from(cache.get::<u64>(key).await.is_some());
        }
        there
    };
    advance(Duration::from_secs(29)).await;
    assert_eq!(count().await, 1000);
    advance(Duration::from_secs(16)).await;
    let half = count().await;
    assert!((400..=600).contains(&half), "{half}");
    advance(Duration::from_secs(15) - Duration::from_nanos(1)).await;
    assert_eq!(cache.get("exact").await, Some(1_u64));
    assert!(count().await < 10);
    advance(Duration::from_nanos(1)).await;
    assert_eq!(cache.get::<u64>("exact").await, None);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_none_is_kept_for_at_most_half_a_minute_when_nothing_is_said() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    cache.set("k", &None::<u64>, exactly(10 * MINUTE)).await?;
    advance(Duration::from_millis(29_999)).await;
    assert_eq!(cache.get::<Option<u64>>("k").await, Some(None));
    advance(Duration::from_millis(1)).await;
    assert_eq!(cache.get::<Option<u64>>("k").await, None);
    Ok(())
}
