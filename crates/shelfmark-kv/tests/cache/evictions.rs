use std::sync::Arc;

use shelfmark_core::Error;
use shelfmark_core::cache::{Evictions, Keep};
use shelfmark_kv::Cache;

use crate::{Gate, MINUTE, on_both_tiers};

/// Begins to compute `value` for `k`, tagged `t`, and comes back once that is begun.
async fn begun(
    cache: &Cache,
    value: i64,
) -> (Arc<Gate>, tokio::task::JoinHandle<Result<i64, Error>>) {
    let gate = Arc::new(Gate::new());
    let task = tokio::spawn({
        let (cache, gate) = (cache.clone(), gate.clone());
        async move {
            let keep = Keep::during(MINUTE).tag("t");
            let compute = async || {
                gate.pass().await;
                Ok(value)
            };
            cache.remember("k", keep, compute).await
        }
    });
    gate.begun().await;
    (gate, task)
}

async fn asked(cache: &Cache, value: i64) -> Result<i64, Error> {
    let keep = Keep::during(MINUTE).tag("t");
    cache.remember("k", keep, async || Ok(value)).await
}

on_both_tiers! {
    async fn what_is_evicted_is_gone(cache: Cache) {
        let tagged = |tag: &'static str| Keep::during(MINUTE).tag("all").tag(tag);
        for (key, tag) in [("a", "x"), ("b", "x"), ("c", "y")] {
            cache.set(key, &1_i64, tagged(tag)).await?;
        }
        let there = async || {
            let mut there = String::new();
            for key in ["a", "b", "c"] {
                if cache.get::<i64>(key).await.is_some() {
                    there.push_str(key);
                }
            }
            there
        };
        assert_eq!(there().await, "abc");
        cache.evict("a").await;
        assert_eq!(there().await, "bc");
        cache.evict_tag("x").await;
        assert_eq!(there().await, "c");
        cache.evict_tag("all").await;
        assert_eq!(there().await, "");
        for key in ["a", "b", "c"] {
            cache.set(key, &1_i64, tagged("z")).await?;
        }
        cache.evict_all_of(&Evictions::new().key("a").key("b").tag("nobody's")).await;
        assert_eq!(there().await, "c");
        assert_eq!(cache.stats().evicted, 6);
    }

    async fn what_is_computed_while_its_key_is_evicted_is_not_stored(cache: Cache) {
        let (gate, old) = begun(&cache, 1).await;
        cache.evict("k").await;
        gate.open();
        assert_eq!(old.await??, 1);
        assert_eq!(cache.get::<i64>("k").await, None);
        assert_eq!(cache.stats().refused, 1);
    }

    async fn what_is_computed_while_its_tag_is_evicted_is_not_stored(cache: Cache) {
        let (gate, old) = begun(&cache, 1).await;
        cache.evict_tag("t").await;
        gate.open();
        assert_eq!(old.await??, 1);
        assert_eq!(cache.get::<i64>("k").await, None);
        assert_eq!(cache.stats().refused, 1);
    }

    async fn who_asks_after_an_eviction_is_not_given_what_is_computed_since_before(cache: Cache) {
        for by_tag in [false, true] {
            let (gate, old) = begun(&cache, 1).await;
            if by_tag {
                cache.evict_tag("t").await;
            } else {
                cache.evict("k").await;
            }
            assert_eq!(asked(&cache, 2).await?, 2);
            gate.open();
            assert_eq!(old.await??, 1);
            // The older one, which ends later, does not overwrite it.
            assert_eq!(asked(&cache, 3).await?, 2);
            cache.evict("k").await;
        }
    }

    async fn a_value_that_was_set_is_not_overwritten_by_an_older_computation(cache: Cache) {
        let (gate, old) = begun(&cache, 1).await;
        cache.set("k", &2_i64, Keep::during(MINUTE).tag("t")).await?;
        assert_eq!(asked(&cache, 3).await?, 2);
        gate.open();
        assert_eq!(old.await??, 1);
        assert_eq!(asked(&cache, 3).await?, 2);
        assert_eq!(cache.stats().refused, 1);
    }

    async fn what_is_evicted_while_nobody_computes_is_nobodys_concern(cache: Cache) {
        cache.evict("k").await;
        cache.evict_tag("t").await;
        assert_eq!(asked(&cache, 1).await?, 1);
        assert_eq!(asked(&cache, 2).await?, 1);
        assert_eq!(cache.stats().refused, 0);
    }
}
