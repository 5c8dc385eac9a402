//! What goes to a replica, and what does not.

use std::collections::BTreeSet;
use std::fs;

use futures_util::TryStreamExt as _;
use shelfmark::DatabaseConfig;
use shelfmark::prelude::*;
use shelfmark_kv::Cache;
use test_postgres::Server;

use crate::TestResult;
use crate::servers::{Servers, replica, session, until, until_passed_over, until_well};
use crate::words::{Words, WordsExt as _};

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_spread_over_the_replicas_and_all_else_goes_to_the_primary() -> TestResult {
    let servers = Servers::start(2).await?;
    let db = servers.open().await?;
    let mut ports = BTreeSet::new();
    for _ in 0..100 {
        assert!(db.words().is_on_replica().await?);
        ports.insert(db.words().port().await?);
    }
    let replicas = servers.replicas.iter().map(|one| i32::from(one.port()));
    assert_eq!(ports, replicas.collect());
    let streamed: Vec<bool> = db.words().is_each_on_replica().try_collect().await?;
    assert_eq!(streamed, [true; 1000]);

    let is_here = |handle: &Db| {
        let handle = handle.clone();
        async move { handle.words().is_on_replica().await }
    };
    assert!(!is_here(&db.primary()).await?);
    assert!(!is_here(&db.for_tenant(7)).await?);
    assert!(is_here(&db.with_clock(Clock::system())).await?);
    let streamed: Vec<bool> = db
        .primary()
        .words()
        .is_each_on_replica()
        .try_collect()
        .await?;
    assert_eq!(streamed, [false; 1000]);
    let inside = db.transaction(async |tx| tx.words().is_on_replica().await);
    assert!(!inside.await?);
    let read_only = db
        .tx()
        .read_only()
        .run(async |tx| tx.words().is_on_replica().await);
    assert!(!read_only.await?);
    // A write that is answered with rows.
    let sql = sql!("INSERT INTO words (word) SELECT 'second' RETURNING pg_is_in_recovery()");
    assert!(!db.fetch_one::<bool>(sql).await?);
    // A replica would take a lock that nobody else sees.
    let sql = sql!("SELECT pg_is_in_recovery() FROM (SELECT pg_try_advisory_xact_lock(1)) AS t");
    assert!(!db.fetch_one::<bool>(sql).await?);
    db.ping().await?;
    db.verify_report().await?;

    let status = db.status();
    assert!(status.lanes.max > 0);
    for (status, server) in status.replicas.iter().zip(&servers.replicas) {
        let place = format!("PostgreSQL 127.0.0.1:{}/postgres", server.port());
        assert_eq!(status.pool.engine, place);
        assert!(status.pool.open > 0);
        assert_eq!(status.pool.lanes.max, db.status().lanes.max);
        assert!(!status.position.is_empty());
        assert!(status.lag.is_some());
    }
    db.close().await?;
    assert_eq!(
        db.words().is_on_replica().await.unwrap_err().kind(),
        ErrorKind::Connection
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_reads_at_once_share_the_lanes_of_a_replica() -> TestResult {
    let servers = Servers::start(1).await?;
    let db = servers.open().await?;
    let reads = (0..16).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                assert!(db.words().is_on_replica().await?);
                assert_eq!(db.words().all().await?, ["first"]);
            }
            Ok::<(), Error>(())
        })
    });
    for read in reads.collect::<Vec<_>>() {
        read.await??;
    }
    assert!(replica(&db, 0)?.pool.lanes.open > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_writes_runs_on_the_primary_and_is_remembered() -> TestResult {
    let servers = Servers::start(1).await?;
    let beside = session(&servers.primary).await?;
    beside
        .batch_execute(
            "CREATE FUNCTION note(word text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO words VALUES (word); RETURN (SELECT count(*) FROM words); END $$",
        )
        .await?;
    let db = servers.open().await?;
    // The replica has the function, and refuses to run it.
    let beside = session(&servers.replicas[0]).await?;
    until("the function is there", async || {
        let sql = "SELECT count(*) = 1 FROM pg_proc WHERE proname = 'note'";
        Ok(beside.query_one(sql, &[]).await?.get(0))
    })
    .await?;
    for nth in 2..5 {
        assert_eq!(db.words().note().await?, nth);
    }
    let log = fs::read_to_string(servers.replicas[0].log())?;
    assert_eq!(
        log.matches("in a read-only transaction").count(),
        1,
        "{log}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_method_never_keeps_what_a_late_replica_says() -> TestResult {
    let servers = Servers::start(1).await?;
    let cache = Cache::in_process();
    let plain = servers.open().await?;
    let db = plain.with_cache(cache);
    servers.pause().await?;
    assert_eq!(db.words().count().await?, 1);
    db.words().add_and_evict("second").await?;
    assert_eq!(plain.words().all().await?.len(), 1);
    assert_eq!(db.words().count().await?, 2);
    assert_eq!(db.after(&db.position().await?).words().count().await?, 2);
    // Without a cache the same method is a read as any other.
    assert_eq!(plain.words().count().await?, 1);
    servers.resume().await?;
    assert_eq!(db.words().count().await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_the_replica_does_not_have_yet_is_read_on_the_primary() -> TestResult {
    let servers = Servers::start(1).await?;
    let db = servers.open().await?;
    servers.pause().await?;
    db.execute(sql!("CREATE TABLE names (name TEXT)")).await?;
    db.execute(sql!("INSERT INTO names VALUES ('new')")).await?;
    let read: String = db.fetch_one(sql!("SELECT name FROM names")).await?;
    assert_eq!(read, "new");
    let query = sql!("SELECT name FROM names");
    let streamed: Vec<String> = db.stream(query).try_collect().await?;
    assert_eq!(streamed, ["new"]);
    // What is wrong on the primary as well is told as ever.
    let wrong = db
        .fetch_one::<String>(sql!("SELECT name FROM nowhere"))
        .await;
    assert_eq!(wrong.unwrap_err().code(), Some("42P01"));
    let wrong = db
        .fetch_one::<i64>(sql!("SELECT 1 / count(*) FROM words WHERE word = ''"))
        .await;
    assert_eq!(wrong.unwrap_err().code(), Some("22012"));
    servers.resume().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_away_at_the_opening_is_used_when_it_comes() -> TestResult {
    let servers = Servers::start(1).await?;
    servers.replicas[0].stop();
    let db = Db::connect(servers.config()?).await?;
    assert!(!db.words().is_on_replica().await?);
    let why = replica(&db, 0)?.passed_over.unwrap_or_default();
    assert!(why.contains("nothing listens there"), "{why}");
    servers.replicas[0].restart()?;
    until_well(&db, 0).await?;
    assert!(db.words().is_on_replica().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_replica_of_the_database_answers_nothing() -> TestResult {
    let servers = Servers::start(1).await?;
    let stranger = Server::start()?;
    let primary = servers.primary.url();
    session(&servers.primary)
        .await?
        .batch_execute("CREATE DATABASE other")
        .await?;
    let own = servers.replicas[0].url();
    let other = format!("{}other", own.trim_end_matches("postgres"));
    until("the other database is there", async || {
        Ok(tokio_postgres::connect(&other, tokio_postgres::NoTls)
            .await
            .is_ok())
    })
    .await?;
    let config = DatabaseConfig::from_url(&primary)?
        .with_replica_url(&stranger.url())?
        .with_replica_url(&other)?
        .with_replica_url(&primary)?
        .with_replica_url(&own.replace("%40", "%41"))?;
    let db = Db::connect(config).await?;
    for (index, why) in [
        (0, "it has another database than the primary"),
        (1, "it has another database than the primary"),
        (2, "it is no replica"),
        (3, "refused the password of user `postgres`"),
    ] {
        until_passed_over(&db, index, why).await?;
    }
    assert!(!db.words().is_on_replica().await?);
    assert!(!format!("{:?}", db.status()).contains("%4"));
    Ok(())
}
