use std::time::Duration;

use serde::{Deserialize, Serialize};
use shelfmark_core::cache::{Keep, Shape, ShapeOf};
use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::{Cache, CacheConfig, MAX_KEY_BYTES};

use crate::{MINUTE, on_both_tiers, until};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Show {
    id: String,
    year: Option<i16>,
    cast: Vec<(String, f64)>,
}

impl Shape for Show {
    const SHAPE: u64 = ShapeOf::named("Show").text("id year cast").number();
}

fn show() -> Show {
    Show {
        id: "s1".to_owned(),
        year: None,
        cast: vec![("Ana \u{0}\u{1F3AC}".to_owned(), f64::MAX)],
    }
}

async fn failing() -> Result<i64, Error> {
    Err(Error::new(ErrorKind::Connection))
}

on_both_tiers! {
    async fn what_is_stored_is_found_as_it_was(cache: Cache) {
        assert_eq!(cache.get::<Show>("s1").await, None);
        cache.set("s1", &show(), MINUTE).await?;
        assert_eq!(cache.get("s1").await, Some(show()));
        assert_eq!(cache.get::<Show>("s2").await, None);
        let again: Show = cache.remember("s1", MINUTE, async || -> Result<_, Error> { unreachable!() }).await?;
        assert_eq!(again, show());
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses, stats.errors), (2, 2, 0), "{stats}");
    }

    async fn what_was_computed_is_found_and_not_computed_again(cache: Cache) {
        for _ in 0..3 {
            let value = cache.remember("k", MINUTE, async || Ok::<_, Error>(show())).await?;
            assert_eq!(value, show());
        }
        let stats = cache.stats();
        assert_eq!((stats.computed, stats.hits, stats.misses), (1, 2, 1), "{stats}");
    }

    async fn a_value_of_another_shape_or_type_is_a_miss(cache: Cache) {
        cache.set("k", &7_i64, MINUTE).await?;
        assert_eq!(cache.get::<i32>("k").await, None);
        assert_eq!(cache.get::<Option<i64>>("k").await, None);
        let text = cache.remember("k", MINUTE, async || Ok::<_, Error>("x".to_owned())).await?;
        assert_eq!(text, "x");
        assert_eq!(cache.get("k").await, Some("x".to_owned()));
    }

    async fn a_value_is_gone_after_its_end(cache: Cache) {
        cache.set("k", &1_i64, Duration::from_millis(30)).await?;
        until(async || cache.get::<i64>("k").await.is_none()).await?;
        let short = Duration::from_millis(30);
        assert_eq!(cache.remember("k", short, async || Ok::<i64, Error>(2)).await?, 2);
        until(async || cache.get::<i64>("k").await.is_none()).await?;
    }

    async fn a_none_is_kept_for_its_own_time(cache: Cache) {
        let short = Keep::during(MINUTE).none_during(Duration::from_millis(30));
        let nothing = cache.remember("none", short.clone(), async || Ok::<Option<i64>, Error>(None)).await?;
        assert_eq!(nothing, None);
        cache.remember("some", short, async || Ok::<_, Error>(Some(1_i64))).await?;
        until(async || cache.get::<Option<i64>>("none").await.is_none()).await?;
        assert_eq!(cache.get::<Option<i64>>("some").await, Some(Some(1)));

        cache.remember("kept", MINUTE, async || Ok::<Option<i64>, Error>(None)).await?;
        assert_eq!(cache.get::<Option<i64>>("kept").await, Some(None));
        let never = Keep::during(MINUTE).none_during(Duration::ZERO);
        cache.remember("never", never, async || Ok::<Option<i64>, Error>(None)).await?;
        assert_eq!(cache.get::<Option<i64>>("never").await, None);
    }

    async fn an_error_is_its_callers_and_never_kept(cache: Cache) {
        let error = cache.remember("k", MINUTE, failing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert_eq!(cache.get::<i64>("k").await, None);
        assert_eq!(cache.remember("k", MINUTE, async || Ok::<i64, Error>(1)).await?, 1);
        assert_eq!(cache.stats().computed, 1);
    }

    async fn an_error_of_the_callers_own_type_comes_through(cache: Cache) {
        let error = cache
            .remember("k", MINUTE, async || -> anyhow::Result<i64> { anyhow::bail!("no luck") })
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "no luck");
    }

    async fn keys_are_bytes_and_nothing_in_them_means_anything(cache: Cache) {
        let keys = ["a", "a\r\nDEL b", "*", "{a}b", "{a", "a}", "a:v", "{}", "b\0", "é", "?[a-z]", " "];
        for (number, key) in (0_i64..).zip(keys) {
            cache.set(key, &number, MINUTE).await?;
        }
        cache.evict("*").await;
        cache.evict_tag("a").await;
        for (number, key) in (0_i64..).zip(keys) {
            let expected = (key != "*").then_some(number);
            assert_eq!(cache.get::<i64>(key).await, expected, "{key:?}");
        }
    }

    async fn prefixes_set_keys_and_tags_apart(cache: Cache) {
        let (a, b) = (cache.prefixed("a:"), cache.prefixed("b:"));
        for (number, cache) in [(1_i64, &a), (2, &b)] {
            cache.set("k", &number, Keep::during(MINUTE).tag("t")).await?;
        }
        assert_eq!(cache.get::<i64>("k").await, None);
        assert_eq!(a.get::<i64>("k").await, Some(1));
        assert_eq!(cache.get::<i64>("b:k").await, Some(2));
        a.evict_tag("t").await;
        assert_eq!(a.get::<i64>("k").await, None);
        assert_eq!(b.get::<i64>("k").await, Some(2));
        a.evict("k").await;
        b.evict("k").await;
        assert_eq!(b.get::<i64>("k").await, None);
    }

    async fn what_no_cache_can_take_is_refused_and_a_lookup_of_it_is_a_miss(cache: Cache) {
        let long = "k".repeat(MAX_KEY_BYTES + 1);
        let many = (0..65).fold(Keep::during(MINUTE), |keep, nth| keep.tag(nth.to_string()));
        for (key, keep) in [
            ("", Keep::during(MINUTE)),
            (&*long, Keep::during(MINUTE)),
            ("k", Keep::during(Duration::ZERO)),
            ("k", Keep::during(Duration::MAX)),
            ("k", Keep::during(MINUTE).none_during(Duration::MAX)),
            ("k", Keep::during(MINUTE).jitter(51)),
            ("k", Keep::during(MINUTE).tag("")),
            ("k", Keep::during(MINUTE).tag(long.clone())),
            ("k", many),
        ] {
            let error = cache.set(key, &1_i64, keep.clone()).await.unwrap_err();
            assert_eq!((error.kind(), error.method()), (ErrorKind::InvalidInput, Some("Cache::set")));
            let computed = cache.remember(key, keep, async || Ok::<i64, Error>(1)).await;
            let error = computed.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(!format!("{error:?}").contains("kkk"));
        }
        assert_eq!(cache.get::<i64>("").await, None);
        assert_eq!(cache.get::<i64>(&long).await, None);
        cache.evict(&long).await;
        cache.evict_tag("").await;
        let stats = cache.stats();
        assert_eq!((stats.errors, stats.computed, stats.evicted), (2, 0, 0), "{stats}");
    }

    async fn a_value_that_is_too_long_is_given_and_not_stored(cache: Cache) {
        let most = CacheConfig::default().max_value_bytes;
        let long = "v".repeat(most + 1);
        let given = cache.remember("k", MINUTE, async || Ok::<_, Error>(long.clone())).await?;
        assert_eq!(given, long);
        assert_eq!(cache.get::<String>("k").await, None);
        cache.set("k", &"old".to_owned(), MINUTE).await?;
        cache.set("k", &long, MINUTE).await?;
        // What was there is not the value any more.
        assert_eq!(cache.get::<String>("k").await, None);
        assert_eq!(cache.stats().too_large, 2);
    }

    async fn what_is_found_saves_the_time_it_took_to_compute(cache: Cache) {
        let slow = async || {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok::<i64, Error>(1)
        };
        for _ in 0..3 {
            cache.remember("k", MINUTE, slow).await?;
        }
        assert!(cache.stats().saved >= Duration::from_millis(10), "{}", cache.stats());
    }
}
