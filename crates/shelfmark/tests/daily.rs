//! The example of every day's queries runs. It stands by itself: `verify` looks at all statements of a program.

#[path = "../examples/daily.rs"]
#[expect(dead_code, reason = "its `main` is for those who run the example")]
mod example;

#[tokio::test]
async fn the_daily_queries_come_to_their_end() -> shelfmark::Result<()> {
    example::daily(&shelfmark::Db::memory().await?).await
}
