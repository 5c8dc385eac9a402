//! Several instances, each with a cache in its own process, on one PostgreSQL: they tell each other.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use shelfmark::prelude::*;
use shelfmark::{DatabaseConfig, Evictions, Listener, Notice};
use shelfmark_kv::Cache;

use crate::probe::Probe;
use crate::{Ground, TestResult, bump, open, outdated, until, version};

/// The channel of the probes' namespace.
const CHANNEL: &str = "shelfmark_cache:probe:";

/// Another instance of the program, which hears the others.
async fn instance(ground: &Ground) -> anyhow::Result<(Db, Arc<Probe>)> {
    let probe = Arc::new(Probe::in_process());
    let db = open(&ground.url).await?.with_cache(Arc::clone(&probe));
    probe.events.wait_for("resume", 1).await;
    assert_eq!(probe.events.take(), ["suspend", "resume"]);
    Ok((db, probe))
}

/// How many connections listen to evictions.
pub(crate) async fn listening(db: &Db) -> Result<i64> {
    db.fetch_one(sql!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN \"shelfmark_cache%'"
    ))
    .await
}

/// Ends the connections that listen to evictions.
async fn kill_listeners(db: &Db) -> Result<u64> {
    db.execute(sql!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN \"shelfmark_cache%'"
    ))
    .await
}

/// The payloads that are heard before `end`.
async fn heard_before(listener: &mut Listener, end: &str) -> anyhow::Result<Vec<String>> {
    let mut heard = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(30), listener.next()).await?;
        match next.context("the listener has ended")?? {
            Notice::Message { payload, .. } if payload == end => return Ok(heard),
            Notice::Message { payload, .. } => heard.push(payload),
            other => anyhow::bail!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_instance_drops_what_another_one_changed() -> TestResult {
    let ground = Ground::postgres().await?;
    let (ours, our_events) = instance(&ground).await?;
    let (theirs, their_events) = instance(&ground).await?;
    assert_eq!(version(&theirs, 1).await?, 1);

    bump(&ours, 1).await?;
    their_events.events.wait_for("evict show:1", 1).await;
    assert_eq!(version(&theirs, 1).await?, 2);

    ours.transaction(async |tx| {
        bump(&tx, 1).await?;
        tx.evict(Evictions::new().tag("shows in\n100%"))
    })
    .await?;
    let both = "evict show:1 shows in\n100%";
    their_events.events.wait_for(both, 1).await;
    assert_eq!(version(&theirs, 1).await?, 3);

    let ours_of_tenant = ours.for_tenant("acme");
    bump(&ours_of_tenant, 1).await?;
    their_events.events.wait_for("evict show:1|acme", 1).await;

    ground
        .db
        .execute(sql!("UPDATE shows SET version = 10"))
        .await?;
    ours.evict(Evictions::new().key("show:1")).await?;
    their_events.events.wait_for("evict show:1", 2).await;
    assert_eq!(version(&theirs, 1).await?, 10);

    // Each write was evicted here once: one's own messages are not heard.
    let evicted = our_events.events.take();
    let evicted = evicted.iter().filter(|event| event.starts_with("evict"));
    assert_eq!(evicted.count(), 4);
    Ok(())
}

#[tokio::test]
async fn what_another_instance_undid_is_kept() -> TestResult {
    let ground = Ground::postgres().await?;
    let (ours, _) = instance(&ground).await?;
    let (theirs, their_events) = instance(&ground).await?;
    assert_eq!(version(&theirs, 1).await?, 1);
    let undone = ours
        .transaction(async |tx| {
            bump(&tx, 1).await?;
            Err::<(), _>(Error::not_found("undo"))
        })
        .await;
    assert!(undone.unwrap_err().is_not_found());
    bump(&ours, 2).await?;
    their_events.events.wait_for("evict show:2", 1).await;
    assert_eq!(version(&theirs, 1).await?, 1);
    assert_eq!(their_events.events.take(), ["evict show:2", "hit show:1"]);
    Ok(())
}

#[tokio::test]
async fn a_hundred_evicting_statements_of_a_transaction_send_one_message() -> TestResult {
    let ground = Ground::postgres().await?;
    let (ours, _) = instance(&ground).await?;
    let mut listener = ground.db.listen([CHANNEL]).await?;
    ours.transaction(async |tx| {
        for nth in 0..100 {
            bump(&tx, nth % 16).await?;
        }
        Ok::<_, Error>(())
    })
    .await?;
    ground.db.notify(CHANNEL, "end").await?;
    let heard = heard_before(&mut listener, "end").await?;
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].ends_with(" k:show:14 k:show:15"), "{heard:?}");
    Ok(())
}

#[tokio::test]
async fn more_names_than_a_message_takes_drop_everything() -> TestResult {
    let ground = Ground::postgres().await?;
    let (ours, _) = instance(&ground).await?;
    let (theirs, their_events) = instance(&ground).await?;
    assert_eq!(version(&theirs, 1).await?, 1);
    let mut many = Evictions::new();
    for nth in 0..1_000 {
        many = many.key(format!("show:{nth}"));
    }
    ground
        .db
        .execute(sql!("UPDATE shows SET version = 10"))
        .await?;
    ours.evict(many).await?;
    their_events.events.wait_for("drop all", 1).await;
    assert_eq!(their_events.events.take(), ["drop all"]);
    assert_eq!(version(&theirs, 1).await?, 10);
    Ok(())
}

#[tokio::test]
async fn nothing_is_kept_while_the_connection_that_listens_is_lost() -> TestResult {
    let ground = Ground::postgres().await?;
    let (ours, our_events) = instance(&ground).await?;
    let (theirs, their_events) = instance(&ground).await?;
    for round in 1..=5 {
        assert_eq!(version(&theirs, 1).await?, round);
        assert_eq!(kill_listeners(&ground.db).await?, 2);
        // May be missed by the message; then what is dropped at the end of the outage makes up for it.
        their_events.events.wait_for("suspend", 1).await;
        bump(&ours, 1).await?;
        their_events.events.wait_for("resume", 1).await;
        until(async || Ok(version(&theirs, 1).await? == round + 1)).await?;
        our_events.events.wait_for("resume", 1).await;
        // What is not heard yet is heard before the next round begins.
        until(async || Ok(listening(&ground.db).await? == 2)).await?;
        our_events.events.take();
        their_events.events.take();
    }
    Ok(())
}

/// A cache as programs have it, and racing with outages: in the end both instances have what the tables have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_outages_nothing_old_is_served() -> TestResult {
    let ground = Ground::postgres().await?;
    let mut instances = Vec::new();
    for _ in 0..2 {
        let cache = Cache::in_process();
        let db = open(&ground.url).await?.with_cache(cache.clone());
        instances.push((db, cache));
    }
    for round in 1..=10_i64 {
        let (writer, _) = &instances[usize::try_from(round)? % 2];
        let reads = instances.iter().map(|(db, _)| async move {
            for _ in 0..50 {
                version(db, 1).await?;
                tokio::task::yield_now().await;
            }
            Ok::<_, Error>(())
        });
        let reads = futures_util::future::try_join_all(reads);
        let writes = async {
            kill_listeners(&ground.db).await?;
            bump(writer, 1).await
        };
        futures_util::future::try_join(reads, writes).await?;
        for (db, _) in &instances {
            until(async || Ok(version(db, 1).await? == round + 1)).await?;
        }
    }
    // And both keep values again.
    for (db, cache) in &instances {
        let before = cache.stats().hits;
        until(async || {
            version(db, 1).await?;
            Ok(cache.stats().hits > before)
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn instances_that_share_a_cache_send_no_messages() -> TestResult {
    let ground = Ground::postgres().await?;
    let probe = Arc::new(Probe::shared());
    let db = ground.db.with_cache(Arc::clone(&probe));
    silent(&ground, &db, &probe).await
}

#[tokio::test]
async fn messages_can_be_switched_off() -> TestResult {
    let ground = Ground::postgres().await?;
    let config = DatabaseConfig::from_url(&ground.url)?.with_cache_notify(false);
    let probe = Arc::new(Probe::in_process());
    let db = Db::connect(config).await?.with_cache(Arc::clone(&probe));
    silent(&ground, &db, &probe).await
}

/// Neither hears nor sends, and keeps values from the beginning.
async fn silent(ground: &Ground, db: &Db, probe: &Probe) -> TestResult {
    let mut listener = ground.db.listen([CHANNEL]).await?;
    bump(db, 1).await?;
    db.transaction(async |tx| bump(&tx, 1).await).await?;
    db.evict(outdated(1)).await?;
    ground.db.notify(CHANNEL, "end").await?;
    assert!(heard_before(&mut listener, "end").await?.is_empty());
    let events = [
        "announce show:1",
        "evict show:1",
        "announce show:1",
        "evict show:1",
        "evict show:1",
    ];
    assert_eq!(probe.events.take(), events);
    // The one of this test.
    assert_eq!(listening(&ground.db).await?, 1);
    Ok(())
}

#[tokio::test]
async fn without_a_server_nothing_has_to_be_heard() -> TestResult {
    for ground in [Ground::memory().await?, Ground::sqlite().await?] {
        let probe = Arc::new(Probe::in_process());
        let db = ground.db.with_cache(Arc::clone(&probe));
        bump(&db, 1).await?;
        assert_eq!(probe.events.take(), ["announce show:1", "evict show:1"]);
    }
    Ok(())
}

#[tokio::test]
async fn the_last_handle_ends_the_connection_that_listens() -> TestResult {
    let ground = Ground::postgres().await?;
    let (db, probe) = instance(&ground).await?;
    assert_eq!(listening(&ground.db).await?, 1);
    assert_eq!(db.status().listeners, 1);
    let repository_like = db.handle().clone();
    drop(db);
    drop(probe);
    // A handle is enough to hear.
    assert_eq!(listening(&ground.db).await?, 1);
    drop(repository_like);
    until(async || Ok(listening(&ground.db).await? == 0)).await
}

#[tokio::test]
async fn a_closed_database_is_not_answered_for_by_the_cache() -> TestResult {
    let ground = Ground::postgres().await?;
    let (db, probe) = instance(&ground).await?;
    version(&db, 1).await?;
    version(&db, 1).await?;
    assert_eq!(probe.events.take(), ["hit show:1"]);
    db.close().await?;
    until(async || Ok(version(&db, 1).await.is_err())).await
}

#[tokio::test]
async fn a_server_that_is_away_at_first_is_heard_when_it_comes() -> TestResult {
    let server = test_postgres::Server::start()?;
    let database = test_postgres::TestDatabase::create_on(&server)?;
    let ground = Ground::of(database.url().to_owned(), None, Some(database)).await?;
    server.stop();
    let probe = Arc::new(Probe::in_process());
    let db = ground.db.with_cache(Arc::clone(&probe));
    assert_eq!(probe.events.take(), ["suspend"]);
    server.restart()?;
    probe.events.wait_for("resume", 1).await;
    until(async || Ok(version(&db, 1).await.is_ok())).await?;
    assert_eq!(version(&db, 1).await?, 1);
    Ok(())
}
