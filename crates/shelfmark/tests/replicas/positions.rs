//! What a read sees: late ones, and those that are told how far the database had come.

use std::time::Duration;

use anyhow::bail;
use futures_util::TryStreamExt as _;
use futures_util::future::try_join_all;
use shelfmark::Position;
use shelfmark::prelude::*;

use crate::TestResult;
use crate::servers::{Servers, replica, session, until, until_passed_over, until_well};
use crate::words::{Words, WordsExt as _};

#[tokio::test(flavor = "multi_thread")]
async fn a_read_after_a_position_sees_what_was_written_before_it() -> TestResult {
    let servers = Servers::start(1).await?;
    let db = servers.open().await?;
    servers.pause().await?;
    db.words().add("second").await?;
    let position = db.position().await?;
    assert_eq!(position.to_string().parse::<Position>()?, position);
    assert_eq!(db.words().all().await?, ["first"]);
    assert!(db.words().is_on_replica().await?);

    let after = db.after(&position);
    assert_eq!(after.words().all().await?, ["first", "second"]);
    assert!(!after.words().is_on_replica().await?);
    let streamed: Vec<String> = after.words().each().try_collect().await?;
    assert_eq!(streamed, ["first", "second"]);
    // The handle that it was made of reads as before.
    assert_eq!(db.words().all().await?, ["first"]);

    servers.resume().await?;
    until("the replica has come so far", async || {
        Ok(after.words().is_on_replica().await?)
    })
    .await?;
    assert_eq!(after.words().all().await?, ["first", "second"]);
    assert!(replica(&db, 0)?.position.covers(&position));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_no_replica_reaches_is_read_on_the_primary() -> TestResult {
    let servers = Servers::start(1).await?;
    let db = servers.open().await?;
    for text in ["1-7fffffffffffffff", "2-1"] {
        let position = text.parse()?;
        assert!(
            !db.after(&position).words().is_on_replica().await?,
            "{text}"
        );
    }
    let nothing = Position::default();
    assert!(db.after(&nothing).words().is_on_replica().await?);
    assert!(db.primary().after(&nothing).words().is_on_replica().await?);
    assert!(!db.after(&nothing).primary().words().is_on_replica().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_too_late_is_passed_over_until_it_has_caught_up() -> TestResult {
    let servers = Servers::start(1).await?;
    let config = servers
        .config()?
        .with_replica_max_lag(Duration::from_secs(1));
    let db = Db::connect(config).await?;
    until_well(&db, 0).await?;
    servers.pause().await?;
    db.words().add("second").await?;
    until_passed_over(&db, 0, "behind the primary").await?;
    let lag = replica(&db, 0)?.lag.unwrap_or_default();
    assert!(lag > Duration::from_secs(1), "{lag:?}");
    assert_eq!(db.words().all().await?, ["first", "second"]);
    servers.resume().await?;
    until_well(&db, 0).await?;
    assert!(db.words().is_on_replica().await?);
    assert_eq!(db.words().all().await?, ["first", "second"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_misses_a_write_that_was_answered_before_its_position() -> TestResult {
    let servers = Servers::start(1).await?;
    let db = servers.open().await?;
    let writers = (0..4).map(|writer| {
        let db = &db;
        async move {
            for nth in 0..50 {
                let word = format!("{writer}-{nth}");
                db.words().add(&word).await?;
                let after = db.after(&db.position().await?);
                // The first reads come before the replica has the word. The last one is answered by it, as soon as it
                // can be.
                until("the replica has come so far", async || {
                    let sql = sql!(
                        "SELECT count(*), pg_is_in_recovery() FROM words WHERE word = :word",
                        word
                    );
                    let (count, is_on_replica): (i64, bool) = after.fetch_one(sql).await?;
                    assert_eq!(count, 1, "{word}");
                    Ok(is_on_replica)
                })
                .await?;
            }
            TestResult::Ok(())
        }
    });
    try_join_all(writers).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_not_late_after_a_switch_of_the_log_while_nobody_writes() -> TestResult {
    /// The server writes a little by itself now and then; a round in which it did shows nothing.
    const MOST_ROUNDS: usize = 10;
    let servers = Servers::start(1).await?;
    let db = servers.open().await?;
    let beside = session(&servers.primary).await?;
    let written = async || -> anyhow::Result<String> {
        let sql = "SELECT pg_current_wal_insert_lsn()::text";
        Ok(beside.query_one(sql, &[]).await?.get(0))
    };
    for round in 0..MOST_ROUNDS {
        db.words().add(&format!("{round}")).await?;
        beside.batch_execute("SELECT pg_switch_wal()").await?;
        let before = written().await?;
        let after = db.after(&db.position().await?);
        until("the replica has come so far", async || {
            Ok(after.words().is_on_replica().await?)
        })
        .await?;
        if written().await? == before {
            return Ok(());
        }
    }
    bail!("the primary wrote in each of {MOST_ROUNDS} rounds before the replica had come so far")
}
