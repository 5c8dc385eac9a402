//! The example of what stands beside the tables runs: in process, and on Redis. It stands by itself: `verify` looks at
//! all statements of a program.

#[path = "../examples/beside.rs"]
#[expect(dead_code, reason = "its `main` is for those who run the example")]
mod example;

use shelfmark_kv::{Kv, KvConfig};

#[tokio::test]
async fn the_example_comes_to_its_end_in_process() -> shelfmark::Result<()> {
    let db = shelfmark::Db::memory().await?;
    example::beside(&db, Kv::in_process()).await
}

#[tokio::test]
async fn the_example_comes_to_its_end_on_redis() -> anyhow::Result<()> {
    let db = shelfmark::Db::memory().await?;
    let kv = Kv::connect(KvConfig::from_url(&test_redis::shared_url()?)?).await?;
    Ok(example::beside(&db, kv).await?)
}
