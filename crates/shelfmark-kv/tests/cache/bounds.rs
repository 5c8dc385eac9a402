use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::{Cache, CacheConfig, Kv};

use crate::{MINUTE, within};

#[tokio::test]
async fn the_number_of_values_is_bounded() -> anyhow::Result<()> {
    let cache = within(CacheConfig::default().with_room(100, 1 << 20));
    for number in 0..10_000_u64 {
        cache.set(&number.to_string(), &number, MINUTE).await?;
    }
    let entries = cache.entries();
    assert!((50..=100).contains(&entries), "{entries}");
    Ok(())
}

#[tokio::test]
async fn the_bytes_of_all_values_are_bounded() -> anyhow::Result<()> {
    let cache = within(CacheConfig::default().with_room(10_000, 1 << 20));
    let long = "v".repeat(10_000);
    for number in 0..1_000_u64 {
        cache.set(&number.to_string(), &long, MINUTE).await?;
    }
    let entries = cache.entries();
    assert!((90..=104).contains(&entries), "{entries}");
    Ok(())
}

#[tokio::test]
async fn a_value_that_is_used_often_stays_while_others_come_and_go() -> anyhow::Result<()> {
    let cache = within(CacheConfig::default().with_room(100, 1 << 20));
    cache.set("often", &1_u64, MINUTE).await?;
    for number in 0..5_000_u64 {
        assert_eq!(cache.get("often").await, Some(1_u64), "{number}");
        cache.set(&number.to_string(), &number, MINUTE).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_value_that_serde_cannot_write_is_given_and_not_stored() -> anyhow::Result<()> {
    #[derive(Clone, Debug, serde::Deserialize)]
    struct Unwritable;
    impl serde::Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not this one"))
        }
    }
    impl shelfmark_core::cache::Shape for Unwritable {
        const SHAPE: u64 = 1;
    }
    let cache = Cache::in_process();
    cache.remember("k", MINUTE, async || Ok::<_, Error>(Unwritable)).await?;
    assert!(cache.get::<Unwritable>("k").await.is_none());
    assert_eq!(cache.stats().errors, 1);
    Ok(())
}

#[test]
fn a_cache_out_of_its_bounds_is_refused() {
    let config = CacheConfig::default().with_room(0, 0);
    let error = Cache::new(&Kv::in_process(), config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}

#[tokio::test]
async fn debug_shows_no_key_and_no_value() -> anyhow::Result<()> {
    let cache = Cache::in_process().prefixed("p:");
    cache.set("k3y", &"s3cret".to_owned(), MINUTE).await?;
    let told = format!("{cache:?}");
    assert!(told.starts_with(r#"Cache { tier: "in process", namespace: "cache:p:", stats: "#), "{told}");
    assert!(!told.contains("k3y") && !told.contains("s3cret"), "{told}");
    Ok(())
}
