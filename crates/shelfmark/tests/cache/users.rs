//! Several users of one cache, of which some hear what others evict and some do not.

use std::time::Duration;

use shelfmark::DatabaseConfig;
use shelfmark::prelude::*;
use shelfmark_kv::Cache;

use crate::instances::listening;
use crate::{Ground, TestResult, open, until, version};

/// A `Db` heard messages, and with that resumed a cache that another one had suspended: what was read through the deaf one
/// was kept, and not dropped when it changed.
#[tokio::test]
async fn who_hears_nothing_keeps_nothing_whoever_else_uses_the_cache() -> TestResult {
    let server = test_postgres::Server::start()?;
    let database = test_postgres::TestDatabase::create_on(&server)?;
    let url = database.url().to_owned();
    let ground = Ground::of(url, None, Some(database)).await?;
    // One connection for its pool, and none to listen with.
    for statement in [
        sql!("CREATE ROLE deaf LOGIN CONNECTION LIMIT 1 PASSWORD 'deaf'"),
        sql!("GRANT SELECT ON shows TO deaf"),
    ] {
        ground.db.execute(statement).await?;
    }
    let (_, place) = ground.url.split_once('@').unwrap();
    let config = DatabaseConfig::from_url(&format!("postgres://deaf:deaf@{place}"))?
        .with_pool_max(1)
        .with_acquire_timeout(Duration::from_secs(60));
    let cache = Cache::in_process();
    let deaf = Db::connect(config).await?;
    assert_eq!(version(&deaf, 1).await?, 1);
    let deaf = deaf.with_cache(cache.prefixed("deaf:"));
    let hears = open(&ground.url)
        .await?
        .with_cache(cache.prefixed("hears:"));
    let mut listener = ground.db.listen(["shelfmark_cache:hears:"]).await?;
    until(async || Ok(listening(&ground.db).await? == 2)).await?;

    for round in 1..=3 {
        for message in ["not to be read", "1 0000000000000001 *"] {
            hears.notify("shelfmark_cache:hears:", message).await?;
            listener.next().await.transpose()?;
        }
        version(&hears, 1).await?;
        assert_eq!(version(&deaf, 1).await?, round);
        ground
            .db
            .execute(sql!("UPDATE shows SET version = version + 1"))
            .await?;
        assert_eq!(version(&deaf, 1).await?, round + 1);
    }
    assert_eq!(cache.stats().hits, 0);

    // Once nobody is deaf any more, values are kept.
    drop(deaf);
    until(async || {
        version(&hears, 1).await?;
        Ok(cache.stats().hits > 0)
    })
    .await
}
