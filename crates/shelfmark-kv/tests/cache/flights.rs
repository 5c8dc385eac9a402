use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::{Cache, CacheConfig};
use tokio::task::JoinSet;

use crate::{Gate, MINUTE, on_both_tiers, within};

on_both_tiers! {
    async fn of_ten_thousand_who_ask_for_a_key_one_computes(cache: Cache) {
        let gate = Arc::new(Gate::new());
        let computed = Arc::new(AtomicU32::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..10_000 {
            let (cache, gate, computed) = (cache.clone(), gate.clone(), computed.clone());
            tasks.spawn(async move {
                let compute = async || {
                    computed.fetch_add(1, Ordering::SeqCst);
                    gate.pass().await;
                    Ok::<i64, Error>(7)
                };
                cache.remember("k", MINUTE, compute).await
            });
        }
        gate.begun().await;
        gate.open();
        while let Some(value) = tasks.join_next().await {
            assert_eq!(value??, 7);
        }
        assert_eq!(computed.load(Ordering::SeqCst), 1);
        let stats = cache.stats();
        assert_eq!((stats.computed, stats.hits + stats.waits), (1, 9_999), "{stats}");
    }

    async fn different_keys_do_not_wait_for_each_other(cache: Cache) {
        let gate = Gate::new();
        let slow = cache.remember("a", MINUTE, async || {
            gate.pass().await;
            Ok::<i64, Error>(1)
        });
        let quick = async {
            gate.begun().await;
            for number in 0..100_i64 {
                let key = format!("b{number}");
                assert_eq!(cache.remember(&key, MINUTE, async || Ok::<_, Error>(number)).await?, number);
            }
            gate.open();
            Ok::<_, Error>(())
        };
        let (slow, quick) = tokio::join!(slow, quick);
        assert_eq!(slow?, 1);
        quick?;
    }

    async fn what_is_computed_may_borrow(cache: Cache) {
        let text = "borrowed".to_owned();
        let mut times = 0;
        let value = cache
            .remember("k", MINUTE, async || {
                times += 1;
                Ok::<_, Error>(text.len() as u64)
            })
            .await?;
        assert_eq!((value, times), (8, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_by_its_deadline_and_says_what_it_waited_for() {
    let cache = within(CacheConfig::default().with_wait(Duration::from_secs(3)));
    let gate = Gate::new();
    let leader = cache.remember("secret", MINUTE, async || {
        gate.pass().await;
        Ok::<i64, Error>(1)
    });
    let waiter = async {
        gate.begun().await;
        let begun = tokio::time::Instant::now();
        let never = async || -> Result<i64, Error> { unreachable!() };
        let error = cache.remember("secret", MINUTE, never).await.unwrap_err();
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        gate.open();
        error
    };
    let (value, error) = tokio::join!(leader, waiter);
    assert_eq!(value.unwrap(), 1);
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let told = error.to_string();
    assert!(told.contains("CACHE_WAIT") && told.contains("3s"), "{told}");
    assert!(!told.contains("secret"), "{told}");
}

/// Who missed a value that was stored before he could become the one who computes finds it then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_computes_what_was_stored_since_he_looked() -> anyhow::Result<()> {
    for _ in 0..300 {
        let cache = Cache::in_process();
        let computed = Arc::new(AtomicU32::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (cache, computed) = (cache.clone(), computed.clone());
            tasks.spawn(async move {
                let compute = async || {
                    computed.fetch_add(1, Ordering::SeqCst);
                    Ok::<i64, Error>(7)
                };
                cache.remember("k", MINUTE, compute).await
            });
        }
        while let Some(value) = tasks.join_next().await {
            assert_eq!(value??, 7);
        }
        assert_eq!(computed.load(Ordering::SeqCst), 1);
    }
    Ok(())
}
