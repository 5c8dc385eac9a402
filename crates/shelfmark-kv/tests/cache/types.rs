//! One key is asked for as several types, as two methods with the same `key` do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shelfmark_core::Error;
use shelfmark_core::cache::Keep;
use shelfmark_kv::Cache;
use tokio::task::JoinSet;

use crate::{Gate, MINUTE, on_both_tiers};

/// Asks for `k` as a number, or as a text.
async fn as_number(cache: &Cache, value: i64) -> Result<i64, Error> {
    let keep = Keep::during(MINUTE).tag("t");
    cache.remember("k", keep, async || Ok(value)).await
}

async fn as_text(cache: &Cache, value: &str) -> Result<String, Error> {
    let keep = Keep::during(MINUTE).tag("t");
    cache
        .remember("k", keep, async || Ok(value.to_owned()))
        .await
}

on_both_tiers! {
    async fn values_of_two_types_under_one_key_stay_beside_each_other(cache: Cache) {
        for _ in 0..10 {
            assert_eq!(as_number(&cache, 1).await?, 1);
            assert_eq!(as_text(&cache, "one").await?, "one");
        }
        let stats = cache.stats();
        assert_eq!((stats.computed, stats.hits), (2, 18), "{stats}");
    }

    async fn of_a_thousand_who_ask_for_a_key_as_two_types_two_compute(cache: Cache) {
        let (gate, computed) = (Arc::new(Gate::new()), Arc::new(AtomicU32::new(0)));
        let mut tasks = JoinSet::new();
        for nth in 0..1000 {
            let (cache, gate, computed) = (cache.clone(), gate.clone(), computed.clone());
            tasks.spawn(async move {
                let pass = async || {
                    computed.fetch_add(1, Ordering::SeqCst);
                    gate.pass().await;
                };
                if nth % 2 == 0 {
                    let number = cache.remember("k", MINUTE, async || {
                        pass().await;
                        Ok::<i64, Error>(1)
                    });
                    assert_eq!(number.await?, 1);
                } else {
                    let text = cache.remember("k", MINUTE, async || {
                        pass().await;
                        Ok::<_, Error>("one".to_owned())
                    });
                    assert_eq!(text.await?, "one");
                }
                Ok::<_, Error>(())
            });
        }
        for _ in 0..2 {
            gate.begun().await;
        }
        for _ in 0..2 {
            gate.open();
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        assert_eq!(computed.load(Ordering::SeqCst), 2);
    }

    async fn an_eviction_of_a_key_drops_what_is_there_of_all_types(cache: Cache) {
        for by_tag in [false, true] {
            as_number(&cache, 1).await?;
            as_text(&cache, "one").await?;
            match by_tag {
                false => cache.evict("k").await,
                true => cache.evict_tag("t").await,
            }
            assert_eq!(cache.get::<i64>("k").await, None);
            assert_eq!(cache.get::<String>("k").await, None);
        }
        // One that was set is the value of the key now, whatever else was read of it.
        as_number(&cache, 1).await?;
        cache.set("k", &"two".to_owned(), MINUTE).await?;
        assert_eq!(cache.get::<i64>("k").await, None);
    }

    async fn an_eviction_of_a_key_refuses_what_is_computed_of_all_types(cache: Cache) {
        let gate = Gate::new();
        let number = cache.remember("k", MINUTE, async || {
            gate.pass().await;
            Ok::<i64, Error>(1)
        });
        let text = cache.remember("k", MINUTE, async || {
            gate.pass().await;
            Ok::<_, Error>("one".to_owned())
        });
        let evicting = async {
            gate.begun().await;
            gate.begun().await;
            cache.evict("k").await;
            gate.open();
            gate.open();
        };
        let (number, text, ()) = tokio::join!(number, text, evicting);
        assert_eq!((number?, text?), (1, "one".to_owned()));
        assert_eq!(cache.get::<i64>("k").await, None);
        assert_eq!(cache.get::<String>("k").await, None);
        assert_eq!(cache.stats().refused, 2);
    }

    // A box has the shape of what is in it.
    async fn types_of_one_shape_are_each_given_their_own(cache: Cache) {
        for _ in 0..10 {
            assert_eq!(as_number(&cache, 1).await?, 1);
            let boxed = cache.remember("k", MINUTE, async || Ok::<_, Error>(Box::new(1_i64)));
            assert_eq!(*boxed.await?, 1);
        }
        let stats = cache.stats();
        assert!(stats.computed <= 2 && stats.hits >= 18, "{stats}");
    }
}

/// What ended makes no room for itself: a value of one type does not keep one of another that is over.
#[tokio::test(start_paused = true)]
async fn each_type_has_its_own_end() -> anyhow::Result<()> {
    let cache = Cache::in_process();
    let short = Keep::during(MINUTE / 2).jitter(0);
    cache
        .remember("k", short, async || Ok::<i64, Error>(1))
        .await?;
    as_text(&cache, "one").await?;
    assert_eq!(cache.get("k").await, Some(1_i64));
    tokio::time::advance(MINUTE / 2).await;
    assert_eq!(cache.get::<i64>("k").await, None);
    assert_eq!(cache.get("k").await, Some("one".to_owned()));
    assert_eq!(as_number(&cache, 2).await?, 2);
    assert_eq!(as_text(&cache, "two").await?, "one");
    Ok(())
}
