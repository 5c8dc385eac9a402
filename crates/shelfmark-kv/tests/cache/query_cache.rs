//! The cache as a `Db` uses it.

use std::borrow::Cow;
use std::sync::Arc;

use shelfmark_core::cache::{Codec, Evictions, Keep, QueryCache, Shape, Stored, Wanted};
use shelfmark_core::{Error, ErrorKind, Result};
use shelfmark_kv::Cache;

use crate::{Gate, MINUTE, on_both_tiers};

/// Asks as a method with `#[cached]` does.
async fn ask(cache: &dyn QueryCache, key: &str, value: i64) -> Result<i64> {
    ask_with(cache, key, Box::pin(async move { Ok(value) })).await
}

async fn ask_with(
    cache: &dyn QueryCache,
    key: &str,
    compute: shelfmark_core::BoxFuture<'_, Result<i64>>,
) -> Result<i64> {
    let wanted = Wanted {
        key: Cow::Borrowed(key),
        shape: i64::SHAPE,
        keep: Keep::during(MINUTE).tag("t"),
        codec: Codec::of::<i64>(),
    };
    let compute: shelfmark_core::cache::Compute<'_> = Box::new(|| {
        Box::pin(async {
            let value: Stored = Arc::new(compute.await?);
            Ok(value)
        })
    });
    let stored = cache.remember(wanted, compute).await?;
    Ok(*stored.downcast::<i64>().unwrap())
}

on_both_tiers! {
    async fn a_db_and_the_program_share_one_cache(cache: Cache) {
        assert_eq!(ask(&cache, "k", 1).await?, 1);
        assert_eq!(ask(&cache, "k", 2).await?, 1);
        assert_eq!(cache.get::<i64>("k").await, Some(1));
        QueryCache::evict(&cache, &Evictions::new().tag("t")).await;
        assert_eq!(ask(&cache, "k", 3).await?, 3);
        QueryCache::announce(&cache, &Evictions::new().key("k")).await;
        QueryCache::evict(&cache, &Evictions::new().key("k")).await;
        assert_eq!(ask(&cache, "k", 4).await?, 4);
        assert_eq!(ask(&cache, "k", 5).await?, 4);
    }

    async fn arguments_too_long_for_a_key_are_as_if_there_were_no_cache(cache: Cache) {
        let long = "k".repeat(2000);
        assert_eq!(ask(&cache, &long, 1).await?, 1);
        assert_eq!(ask(&cache, &long, 2).await?, 2);
        assert_eq!(cache.stats().errors, 2);
    }

    async fn an_error_of_a_statement_comes_through(cache: Cache) {
        let fails = Box::pin(async { Err(Error::new(ErrorKind::Connection)) });
        let error = ask_with(&cache, "k", fails).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert_eq!(ask(&cache, "k", 1).await?, 1);
    }
}

#[tokio::test]
async fn while_it_is_suspended_nothing_is_kept() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    ask(&cache, "before", 1).await?;
    cache.suspend();
    assert_eq!(ask(&cache, "before", 2).await?, 2);
    assert_eq!(ask(&cache, "before", 3).await?, 3);
    cache.set("during", &1_i64, MINUTE).await?;
    assert_eq!(cache.get::<i64>("during").await, None);
    cache.resume();
    assert_eq!(cache.get::<i64>("during").await, None);
    assert_eq!(ask(&cache, "before", 5).await?, 5);
    assert_eq!(ask(&cache, "before", 6).await?, 5);
    Ok(())
}

/// Several use one cache, each with a connection of its own that tells it of evictions.
#[tokio::test]
async fn values_are_kept_only_while_nobody_suspends_it() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    let other = cache.prefixed("other:");
    cache.suspend();
    other.suspend();
    other.resume();
    for value in [1, 2] {
        assert_eq!(ask(&cache, "k", value).await?, value);
        assert_eq!(ask(&other, "k", value).await?, value);
        // What the other one was told, or may have missed, lifts nothing.
        other.drop_all();
    }
    cache.resume();
    assert_eq!(ask(&cache, "k", 3).await?, 3);
    assert_eq!(ask(&cache, "k", 4).await?, 3);
    Ok(())
}

#[tokio::test]
async fn all_is_dropped_and_what_is_being_computed_is_not_stored() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    let gate = Arc::new(Gate::new());
    assert_eq!(ask(&cache, "there", 1).await?, 1);
    let old = tokio::spawn({
        let (cache, gate) = (cache.clone(), gate.clone());
        async move {
            let compute = Box::pin(async {
                gate.pass().await;
                Ok(1)
            });
            ask_with(&cache, "k", compute).await
        }
    });
    gate.begun().await;
    cache.drop_all();
    assert_eq!(cache.get::<i64>("there").await, None);
    assert_eq!(ask(&cache, "k", 2).await?, 2);
    gate.open();
    assert_eq!(old.await??, 1);
    assert_eq!(cache.get("k").await, Some(2_i64));
    assert_eq!(ask(&cache, "there", 3).await?, 3);
    assert_eq!(ask(&cache, "there", 4).await?, 3);
    Ok(())
}

#[tokio::test]
async fn what_was_begun_before_or_during_a_suspension_is_never_stored() -> anyhow::Result<()> {
    for during in [false, true] {
        let cache = Cache::in_process();
        let gate = Arc::new(Gate::new());
        if during {
            cache.suspend();
        }
        let old = tokio::spawn({
            let (cache, gate) = (cache.clone(), gate.clone());
            async move {
                let compute = Box::pin(async {
                    gate.pass().await;
                    Ok(1)
                });
                ask_with(&cache, "k", compute).await
            }
        });
        gate.begun().await;
        cache.suspend();
        assert_eq!(ask(&cache, "k", 2).await?, 2);
        cache.resume();
        if during {
            cache.resume();
        }
        assert_eq!(ask(&cache, "k", 3).await?, 3);
        gate.open();
        assert_eq!(old.await??, 1);
        assert_eq!(cache.get("k").await, Some(3_i64));
    }
    Ok(())
}

/// Evictions may be missed while it is suspended, so who comes later is not given what was read before he came. All of
/// those share what is read next.
#[tokio::test]
async fn while_it_is_suspended_many_share_what_is_read_after_they_came() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    cache.suspend();
    let gates: Vec<Arc<Gate>> = (0..2).map(|_| Arc::new(Gate::new())).collect();
    let ask_at = |nth: usize| {
        let (cache, gate) = (cache.clone(), gates[nth].clone());
        tokio::spawn(async move {
            let compute = Box::pin(async {
                gate.pass().await;
                Ok(nth as i64)
            });
            ask_with(&cache, "k", compute).await
        })
    };
    let first = ask_at(0);
    gates[0].begun().await;
    let later: Vec<_> = (0..100).map(|_| ask_at(1)).collect();
    tokio::task::yield_now().await;
    gates[0].open();
    assert_eq!(first.await??, 0);
    gates[1].begun().await;
    gates[1].open();
    for task in later {
        assert_eq!(task.await??, 1);
    }
    assert_eq!(cache.stats().computed, 2);
    Ok(())
}

#[tokio::test]
async fn in_process_it_is_not_shared_and_has_a_namespace() {
    let cache = Cache::in_process();
    assert!(!cache.is_shared());
    assert_eq!(cache.namespace(), "cache:");
    assert_eq!(cache.prefixed("films:").namespace(), "cache:films:");
}

#[tokio::test]
async fn an_eviction_in_the_background_is_done_in_this_process_when_it_returns()
-> anyhow::Result<()> {
    let cache = Cache::in_process();
    ask(&cache, "k", 1).await?;
    cache.evict_in_background(Evictions::new().key("k"));
    assert_eq!(cache.get::<i64>("k").await, None);
    Ok(())
}
