//! What callers notice of a replica in trouble: nothing.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use shelfmark::config::PostgresTarget;
use shelfmark::prelude::*;
use shelfmark::{DatabaseConfig, Target};
use tokio::task::JoinHandle;

use crate::TestResult;
use crate::servers::{Servers, replica, session, until, until_passed_over, until_well};
use crate::words::{Words, WordsExt as _};

/// Readers that look at each answer.
struct Load {
    readers: Vec<JoinHandle<Result<()>>>,
    answered: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    /// Readers of a table of one word; every other one has seen the last write.
    async fn start(db: &Db) -> anyhow::Result<Load> {
        let (answered, is_over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let after = db.after(&db.position().await?);
        let reader = |nth: usize| {
            let db = if nth.is_multiple_of(2) { db } else { &after }.clone();
            let (answered, is_over) = (Arc::clone(&answered), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(db.words().all().await?, ["first"]);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        };
        Ok(Load {
            readers: (0..12).map(reader).collect(),
            answered,
            is_over,
        })
    }

    /// Waits until each reader can have been answered some times more.
    async fn goes_on(&self) -> TestResult {
        let before = self.answered.load(Ordering::Relaxed);
        until("readers are answered", async || {
            Ok(self.answered.load(Ordering::Relaxed) > before + 500)
        })
        .await
    }

    async fn end(self) -> TestResult {
        self.is_over.store(true, Ordering::Relaxed);
        for reader in self.readers {
            reader.await?.context("a reader saw an error")?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stands_still_or_dies_is_noticed_by_no_reader() -> TestResult {
    let servers = Servers::start(2).await?;
    let db = servers.open().await?;
    let load = Load::start(&db).await?;
    load.goes_on().await?;

    servers.replicas[0].freeze()?;
    until_passed_over(&db, 0, "does not answer").await?;
    load.goes_on().await?;
    servers.replicas[0].thaw()?;
    until_well(&db, 0).await?;
    load.goes_on().await?;

    servers.replicas[0].crash();
    until_passed_over(&db, 0, "").await?;
    load.goes_on().await?;
    servers.replicas[1].stop();
    until_passed_over(&db, 1, "").await?;
    load.goes_on().await?;
    assert!(!db.words().is_on_replica().await?);

    servers.replicas[0].restart()?;
    until_well(&db, 0).await?;
    assert!(db.words().is_on_replica().await?);
    load.goes_on().await?;
    load.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_in_the_way_of_the_primary_runs_there() -> TestResult {
    let servers = Servers::with(1, &[("max_standby_streaming_delay", "0")]).await?;
    let db = servers.open().await?;
    assert_eq!(db.words().all().await?, ["first"]);
    let beside = session(&servers.primary).await?;
    let slow = db.clone();
    let slow = tokio::spawn(async move { slow.words().count_slowly().await });
    until("the read is under way", async || {
        Ok(replica(&db, 0)?.reading > 0)
    })
    .await?;
    beside
        .batch_execute("UPDATE words SET word = 'second'")
        .await?;
    let there = session(&servers.replicas[0]).await?;
    until("the read was stopped", async || {
        beside.batch_execute("VACUUM words").await?;
        let sql = "SELECT confl_snapshot + confl_lock + confl_bufferpin > 0 FROM pg_stat_database_conflicts \
                   WHERE datname = current_database()";
        Ok(there.query_one(sql, &[]).await?.get(0))
    })
    .await?;
    assert_eq!(slow.await??, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_is_passed_over() -> TestResult {
    let servers = Servers::start(1).await?;
    let db = servers.open().await?;
    session(&servers.replicas[0])
        .await?
        .batch_execute("SELECT pg_promote()")
        .await?;
    until_passed_over(&db, 0, "it is no replica").await?;
    db.words().add("second").await?;
    assert_eq!(db.words().all().await?, ["first", "second"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_to_a_promoted_replica_that_is_not_passed_over_yet() -> TestResult {
    /// A round in which the promotion was noticed before the first call shows nothing.
    const MOST_ROUNDS: usize = 5;
    for _ in 0..MOST_ROUNDS {
        if is_refused_by_a_promoted_replica().await? {
            return Ok(());
        }
    }
    bail!("each of {MOST_ROUNDS} promotions was noticed before the first call")
}

/// Calls a function that writes wherever it can, from before a promotion until it has written. Whether the promoted
/// server was asked.
async fn is_refused_by_a_promoted_replica() -> anyhow::Result<bool> {
    let servers = Servers::start(1).await?;
    let (old, promoted) = (&servers.primary, &servers.replicas[0]);
    session(old)
        .await?
        .batch_execute(
            "CREATE FUNCTION note_if_it_can(word text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN \
             IF pg_is_in_recovery() THEN RETURN false; END IF; \
             INSERT INTO words VALUES (word); RETURN true; END $$",
        )
        .await?;
    let db = servers.open().await?;
    let after = db.after(&db.position().await?);
    until("the replica has the function", async || {
        Ok(after.words().is_on_replica().await?)
    })
    .await?;
    assert!(!db.words().note_if_it_can("second").await?);
    let beside = session(promoted).await?;
    beside.batch_execute("SELECT pg_promote(false)").await?;
    until("the function has written", async || {
        Ok(db.words().note_if_it_can("second").await?)
    })
    .await?;
    let words = "SELECT word FROM words ORDER BY word";
    let there = beside.query(words, &[]).await?;
    assert_eq!(there.len(), 1, "the call wrote to the promoted server");
    assert_eq!(db.primary().words().all().await?, ["first", "second"]);
    Ok(fs::read_to_string(promoted.log())?.contains("in a read-only transaction"))
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_while_the_primary_is_away() -> TestResult {
    let servers = Servers::start(1).await?;
    let config = servers
        .config()?
        .with_acquire_timeout(Duration::from_secs(2));
    let db = Db::connect(config).await?;
    until_well(&db, 0).await?;
    servers.primary.stop();
    for _ in 0..50 {
        assert_eq!(db.words().all().await?, ["first"]);
    }
    let refused = db.words().add("second").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Connection);
    let refused = db.position().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Connection);
    servers.primary.restart()?;
    db.words().add("second").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_a_replica_is_used_again_once_it_follows() -> TestResult {
    let servers = Servers::start(2).await?;
    let (old, new, follower) = (&servers.primary, &servers.replicas[0], &servers.replicas[1]);
    // The second host is tried when the first is away.
    let place = |port: u16| format!("127.0.0.1:{port}");
    let both = format!("{},{}", place(old.port()), place(new.port()));
    let url = old.url().replace(&place(old.port()), &both);
    let config = DatabaseConfig::from_url(&url)?.with_replica_url(&follower.url())?;
    let db = Db::connect(config).await?;
    until_well(&db, 0).await?;
    let before = db.position().await?;
    until("the replica has come so far", async || {
        Ok(db.after(&before).words().is_on_replica().await?)
    })
    .await?;

    // Goodbyes are said, so both replicas have all there is.
    old.stop();
    session(new)
        .await?
        .batch_execute("SELECT pg_promote()")
        .await?;
    db.words().add("second").await?;
    until_passed_over(&db, 0, "it follows timeline 1, and the primary writes 2").await?;
    assert_eq!(db.words().all().await?, ["first", "second"]);

    let beside = session(follower).await?;
    let target = DatabaseConfig::from_url(&old.url())?.target;
    let Target::Postgres(PostgresTarget {
        password: Some(password),
        ..
    }) = target
    else {
        panic!("the server asks for a password");
    };
    let password = password.reveal();
    beside
        .batch_execute(&format!(
            "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={} user=postgres password={password}'",
            new.port()
        ))
        .await?;
    beside
        .batch_execute("ALTER SYSTEM SET primary_slot_name = ''")
        .await?;
    beside.batch_execute("SELECT pg_reload_conf()").await?;
    until_well(&db, 0).await?;
    let now = db.position().await?;
    until("the replica has come so far", async || {
        Ok(db.after(&now).words().is_on_replica().await?)
    })
    .await?;
    assert_eq!(db.words().all().await?, ["first", "second"]);
    // Of before the failover, so nobody knows whether the replica has it.
    assert!(!db.after(&before).words().is_on_replica().await?);
    Ok(())
}
