//! Readers, writers and evictions race; nobody who begins after an answered eviction is given what was read before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use shelfmark_core::Error;
use shelfmark_core::cache::{Evictions, Keep};
use shelfmark_kv::Cache;
use tokio::task::JoinSet;

use crate::{MINUTE, on_both_tiers};

/// A row: the version that a reader of the database sees, and the newest one whose eviction has been answered.
#[derive(Default)]
struct Row {
    version: AtomicU64,
    answered: AtomicU64,
}

const ROWS: usize = 8;
const TASKS: u64 = 8;

/// Runs `operations` on `caches`, which count as a process each, and answers how many reads were stale.
async fn race(caches: Vec<Cache>, operations: u64) -> anyhow::Result<u64> {
    let rows: Arc<Vec<Row>> = Arc::new((0..ROWS).map(|_| Row::default()).collect());
    let stale = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for nth in 0..TASKS {
        let cache = caches[nth as usize % caches.len()].clone();
        let (rows, stale) = (rows.clone(), stale.clone());
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(nth);
            for _ in 0..operations / TASKS {
                let number = random.usize(..ROWS);
                let row = &rows[number];
                let (key, tag) = (format!("row:{number}"), format!("rows:{}", number % 3));
                if random.u8(..100) < 20 {
                    let version = row.version.fetch_add(1, Ordering::SeqCst) + 1;
                    match random.u8(..3) {
                        0 => cache.evict(&key).await,
                        1 => cache.evict_tag(&tag).await,
                        _ => {
                            let both = Evictions::new().key(key.as_str()).tag(tag.as_str());
                            cache.evict_all_of(&both).await;
                        }
                    }
                    row.answered.fetch_max(version, Ordering::SeqCst);
                } else {
                    let least = row.answered.load(Ordering::SeqCst);
                    let pause = random.bool();
                    let keep = Keep::during(MINUTE).tag(tag);
                    let compute = async || {
                        let version = row.version.load(Ordering::SeqCst);
                        if pause {
                            tokio::task::yield_now().await;
                        }
                        Ok::<_, Error>(version)
                    };
                    if cache.remember(&key, keep, compute).await? < least {
                        stale.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(stale.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_million_racing_operations_show_nothing_stale() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    assert_eq!(race(vec![cache.clone()], 1_000_000).await?, 0);
    let stats = cache.stats();
    // It is a race: values are found, joined and refused.
    assert!(stats.hits > 100_000 && stats.refused > 0, "{stats}");
    assert_eq!(stats.errors, 0, "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_on_one_redis_show_each_other_nothing_stale() -> anyhow::Result<()> {
    let kv = crate::redis_kv().await?;
    let caches = vec![crate::on(&kv)?, crate::on(&kv)?];
    assert_eq!(race(caches.clone(), 20_000).await?, 0);
    for cache in caches {
        let stats = cache.stats();
        assert!(stats.hits > 0 && stats.errors == 0, "{stats}");
    }
    Ok(())
}

on_both_tiers! {
    // Values that come by `set` race with older computations; the last one that was set stays.
    async fn the_last_value_that_was_set_stays(cache: Cache) {
        let done = Arc::new(AtomicBool::new(false));
        let source = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            let (cache, done, source) = (cache.clone(), done.clone(), source.clone());
            tasks.spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    let compute = async || {
                        let value = source.load(Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        Ok::<_, Error>(value)
                    };
                    cache.remember("k", MINUTE, compute).await?;
                    tokio::task::yield_now().await;
                }
                Ok::<_, Error>(())
            });
        }
        for value in 1..=500_u64 {
            cache.evict("k").await;
            tokio::task::yield_now().await;
            source.store(value, Ordering::SeqCst);
            cache.set("k", &value, MINUTE).await?;
            for _ in 0..3 {
                assert_eq!(cache.get("k").await, Some(value));
                tokio::task::yield_now().await;
            }
        }
        done.store(true, Ordering::SeqCst);
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
    }
}
