//! The example for those who come from Python runs. It stands by itself: `verify` looks at all statements of a program.

#[path = "../examples/coming_from_python.rs"]
#[expect(dead_code, reason = "its `main` is for those who run the example")]
mod example;

use shelfmark_kv::{Kv, KvConfig};

#[tokio::test]
async fn the_example_comes_to_its_end_in_memory_and_in_process() -> shelfmark::Result<()> {
    example::coming_from_python("memory:", Kv::in_process()).await
}

#[tokio::test]
async fn the_example_comes_to_its_end_on_a_file() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}", folder.path().join("posts.db").display());
    Ok(example::coming_from_python(&url, Kv::in_process()).await?)
}

#[tokio::test]
async fn the_example_comes_to_its_end_on_postgres_and_redis() -> anyhow::Result<()> {
    let server = test_postgres::Server::start()?;
    let kv = Kv::connect(KvConfig::from_url(&test_redis::shared_url()?)?).await?;
    Ok(example::coming_from_python(&server.url(), kv).await?)
}
