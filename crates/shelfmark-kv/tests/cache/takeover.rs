use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::Cache;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{Gate, MINUTE, on_both_tiers};

/// How the first who computes ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Dropped,
    Fails,
    Panics,
}

const ENDS: [End; 3] = [End::Dropped, End::Fails, End::Panics];

/// The first computes and ends without a value while ten wait: one of them computes, or some do when it has failed, and all
/// have the value.
async fn takes_over(cache: &Cache, end: End) -> anyhow::Result<Duration> {
    let key = format!("{end:?}");
    let gate = Arc::new(Gate::new());
    let first = tokio::spawn({
        let (cache, gate, key) = (cache.clone(), gate.clone(), key.clone());
        async move {
            let compute = async || {
                gate.pass().await;
                assert!(!matches!(end, End::Panics), "as it is meant to");
                Err::<i64, _>(Error::new(ErrorKind::Connection))
            };
            cache.remember(&key, MINUTE, compute).await
        }
    });
    gate.begun().await;
    let computed = Arc::new(AtomicU32::new(0));
    let mut waiting = JoinSet::new();
    for _ in 0..10 {
        let (cache, computed, key) = (cache.clone(), computed.clone(), key.clone());
        waiting.spawn(async move {
            let compute = async || {
                computed.fetch_add(1, Ordering::SeqCst);
                Ok::<i64, Error>(7)
            };
            cache.remember(&key, MINUTE, compute).await
        });
    }
    // All of them are polled once before the first ends, where there is one thread.
    tokio::task::yield_now().await;
    let ended = Instant::now();
    match end {
        End::Dropped => first.abort(),
        End::Fails | End::Panics => gate.open(),
    }
    while let Some(value) = waiting.join_next().await {
        assert_eq!(value??, 7);
    }
    let after = ended.elapsed();
    let computed = computed.load(Ordering::SeqCst);
    match end {
        End::Dropped | End::Panics => assert_eq!(computed, 1, "{end:?}"),
        End::Fails => assert!((1..=10).contains(&computed), "{computed}"),
    }
    match (end, first.await) {
        (End::Dropped, Err(error)) => assert!(error.is_cancelled()),
        (End::Panics, Err(error)) => assert!(error.is_panic()),
        (End::Fails, Ok(result)) => assert_eq!(result.unwrap_err().kind(), ErrorKind::Connection),
        (_, other) => panic!("{end:?}: {other:?}"),
    }
    Ok(after)
}

on_both_tiers! {
    async fn when_the_one_who_computes_ends_without_a_value_the_next_takes_over(cache: Cache) {
        for end in ENDS {
            takes_over(&cache, end).await?;
        }
    }

    async fn each_of_many_failures_is_its_own_callers(cache: Cache) {
        let mut tasks = JoinSet::new();
        for nth in 0..50_u32 {
            let cache = cache.clone();
            tasks.spawn(async move {
                let compute = async || {
                    tokio::task::yield_now().await;
                    anyhow::bail!("failure {nth}")
                };
                (nth, cache.remember::<i64, anyhow::Error, _, _>("k", MINUTE, compute).await)
            });
        }
        while let Some(ended) = tasks.join_next().await {
            let (nth, result) = ended?;
            assert_eq!(result.unwrap_err().to_string(), format!("failure {nth}"));
        }
        assert_eq!(cache.remember("k", MINUTE, async || Ok::<i64, Error>(1)).await?, 1);
    }
}

/// With paused time, so that no wait of any length is in between.
#[tokio::test(start_paused = true)]
async fn the_next_takes_over_at_once() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    for end in ENDS {
        let after = takes_over(&cache, end).await?;
        assert!(after <= Duration::from_millis(10), "{end:?}: {after:?}");
    }
    Ok(())
}

/// The one who is to take over is dropped before he does; those behind him do not wait for him.
#[tokio::test(start_paused = true)]
async fn one_who_leaves_before_his_turn_is_not_waited_for() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    let gate = Arc::new(Gate::new());
    let ask = |value: i64, gate: Option<Arc<Gate>>| {
        let cache = cache.clone();
        tokio::spawn(async move {
            let compute = async || {
                if let Some(gate) = gate {
                    gate.pass().await;
                }
                Ok::<_, Error>(value)
            };
            cache.remember("k", MINUTE, compute).await
        })
    };
    let first = ask(1, Some(gate.clone()));
    gate.begun().await;
    let (second, third) = (ask(2, None), ask(3, None));
    tokio::task::yield_now().await;
    // Woken, but dropped before he runs.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    second.abort();
    let third = tokio::time::timeout(Duration::from_millis(10), third).await???;
    let second = second.await;
    assert!(
        third == 3 || matches!(&second, Ok(Ok(2))),
        "{third} {second:?}"
    );
    // Nobody is left, and nothing is left of them.
    let fourth = ask(4, Some(gate.clone()));
    assert_eq!(fourth.await??, third);
    Ok(())
}

/// All leave; the next who comes computes.
#[tokio::test(start_paused = true)]
async fn when_all_leave_the_next_who_comes_computes() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    let gate = Arc::new(Gate::new());
    let mut tasks = JoinSet::new();
    for _ in 0..5 {
        let (cache, gate) = (cache.clone(), gate.clone());
        tasks.spawn(async move {
            let compute = async || {
                gate.pass().await;
                Ok::<i64, Error>(1)
            };
            cache.remember("k", MINUTE, compute).await
        });
    }
    gate.begun().await;
    tasks.shutdown().await;
    let computing = cache.remember("k", MINUTE, async || Ok::<i64, Error>(2));
    assert_eq!(tokio::time::timeout(MINUTE, computing).await??, 2);
    Ok(())
}
