//! What stands in the documentation of `Locks`: a table that takes no write of somebody whose lock has passed to another.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use shelfmark::Migration;
use shelfmark::prelude::*;
use shelfmark_kv::{Kv, Locks};

const TRIALS: i64 = 10_000;

const MIGRATIONS: &[Migration] = &[Migration::new(
    1,
    "stocks",
    Some(
        "CREATE TABLE stocks (item_id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, fence INTEGER NOT NULL DEFAULT 0) \
         STRICT; INSERT INTO stocks (item_id, amount) VALUES (1, 0);",
    ),
    None,
)];

#[derive(Entity, Debug, PartialEq)]
#[entity(table = "stocks")]
struct Stock {
    #[id]
    item_id: i64,
    amount: i64,
    fence: i64,
}

#[repository(entity = Stock)]
trait Stocks {
    #[find]
    async fn find(&self, item_id: i64) -> Result<Option<Stock>>;
    /// Answers 0 when somebody with a later lock has been here: nothing is written then.
    #[exec(
        "UPDATE stocks SET amount = :amount, fence = :fence WHERE item_id = :item_id AND fence <= :fence"
    )]
    async fn set(&self, item_id: i64, amount: i64, fence: i64) -> Result<u64>;
}

/// The token of a lock that ends at once, as if its holder stood still for longer than its time to live.
async fn token(kv: &Kv) -> Result<i64> {
    let lock = kv
        .try_lock("item:1", Duration::from_secs(30))
        .await?
        .unwrap();
    let token = i64::try_from(lock.token()).unwrap();
    assert!(lock.release().await?);
    Ok(token)
}

#[tokio::test]
async fn a_write_with_a_stale_token_is_refused_each_time() -> Result<()> {
    let (db, kv) = (Db::memory().await?, Kv::in_process());
    db.migrate(MIGRATIONS).await?;
    let mut written = 0;
    for trial in 0..TRIALS {
        let stale = token(&kv).await?;
        let current = token(&kv).await?;
        assert_eq!(db.stocks().set(1, trial, current).await?, 1);
        // The one that stood still wakes up and goes on as if nothing had been.
        written += db.stocks().set(1, -1, stale).await?;
        // Whoever has the lock may write more than once.
        assert_eq!(db.stocks().set(1, trial + 1, current).await?, 1);
    }
    assert_eq!(written, 0, "writes of those who no longer had the lock");
    assert_eq!(db.stocks().find(1).await?.unwrap().amount, TRIALS);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_first_the_later_lock_has_the_last_word() -> Result<()> {
    let (db, kv) = (Db::memory().await?, Kv::in_process());
    db.migrate(MIGRATIONS).await?;
    for _ in 0..1_000 {
        let (stale, current) = (token(&kv).await?, token(&kv).await?);
        let zombie = tokio::spawn({
            let db = db.clone();
            async move { db.stocks().set(1, -1, stale).await }
        });
        assert_eq!(db.stocks().set(1, 1, current).await?, 1);
        zombie.await.unwrap()?;
        assert_eq!(db.stocks().find(1).await?.unwrap().amount, 1);
    }
    Ok(())
}
