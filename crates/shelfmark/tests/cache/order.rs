//! When a `Db` evicts: with the commit, before anyone is told, and never without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use shelfmark::Evictions;
use shelfmark::prelude::*;

use crate::probe::Probe;
use crate::{Ground, TestResult, bump, open, outdated, version};

/// A probe, and the database with it. All engines take the same way here, so memory stands for them.
async fn probed() -> anyhow::Result<(Ground, Db, Arc<Probe>)> {
    let ground = Ground::memory().await?;
    let probe = Arc::new(Probe::shared());
    let db = ground.db.with_cache(Arc::clone(&probe));
    Ok((ground, db, probe))
}

#[tokio::test]
async fn a_write_of_its_own_announces_and_evicts_before_it_answers() -> TestResult {
    let (_ground, db, probe) = probed().await?;
    assert_eq!(version(&db, 1).await?, 1);
    assert_eq!(version(&db, 1).await?, 1);
    assert_eq!(bump(&db, 1).await?, 2);
    probe.events.push("answer");
    assert_eq!(version(&db, 1).await?, 2);
    let events = ["hit show:1", "announce show:1", "evict show:1", "answer"];
    assert_eq!(probe.events.take(), events);
    Ok(())
}

#[tokio::test]
async fn a_write_that_failed_lifts_its_announcement() -> TestResult {
    let (_ground, db, probe) = probed().await?;
    let handle = db.handle().evicting(outdated(1));
    let failed = sql!("INSERT INTO shows VALUES (1, 1)")
        .execute(&handle)
        .await;
    assert!(failed.unwrap_err().is_unique_violation());
    assert_eq!(probe.events.take(), ["announce show:1", "evict show:1"]);
    Ok(())
}

#[tokio::test]
async fn evictions_happen_before_the_effects_and_before_the_answer() -> TestResult {
    let (_ground, db, probe) = probed().await?;
    db.transaction(async |tx| {
        let events = probe.events.clone();
        tx.after_commit(async move || events.push("effect"));
        bump(&tx, 1).await?;
        bump(&tx, 2).await?;
        bump(&tx, 1).await?;
        tx.evict(Evictions::new().tag("shows"))?;
        probe.events.push("scope ends");
        Ok::<_, Error>(())
    })
    .await?;
    probe.events.push("answer");
    let events = [
        "scope ends",
        "announce show:1 show:2 shows",
        "evict show:1 show:2 shows",
        "effect",
        "answer",
    ];
    assert_eq!(probe.events.take(), events);
    Ok(())
}

/// What another instance sees when it is announced and when it is evicted.
async fn announced_before_and_evicted_after(ground: Ground) -> TestResult {
    let outside = open(&ground.url).await?;
    let seen = crate::probe::Events::new();
    let probe = Probe::shared().looking({
        let (outside, seen) = (outside.clone(), seen.clone());
        Box::new(move || {
            let (outside, seen) = (outside.clone(), seen.clone());
            Box::pin(async move { seen.push(version(&outside, 1).await.unwrap().to_string()) })
        })
    });
    let db = ground.db.with_cache(probe);
    db.transaction(async |tx| bump(&tx, 1).await).await?;
    assert_eq!(seen.take(), ["1", "2"]);
    bump(&db, 1).await?;
    assert_eq!(seen.take(), ["2", "3"]);
    Ok(())
}

#[tokio::test]
async fn values_are_announced_before_the_commit_and_evicted_after_it_on_sqlite() -> TestResult {
    announced_before_and_evicted_after(Ground::sqlite().await?).await
}

#[tokio::test]
async fn values_are_announced_before_the_commit_and_evicted_after_it_on_postgres() -> TestResult {
    announced_before_and_evicted_after(Ground::postgres().await?).await
}

#[tokio::test]
async fn a_rollback_evicts_and_announces_nothing() -> TestResult {
    let (_ground, db, probe) = probed().await?;
    let undone = db
        .transaction(async |tx| {
            bump(&tx, 1).await?;
            tx.evict(Evictions::new().tag("shows"))?;
            Err::<(), _>(Error::not_found("undo"))
        })
        .await;
    assert!(undone.unwrap_err().is_not_found());
    // Also one whose scope says `Ok` after a failure, and one that is dropped.
    let aborted = db
        .transaction(async |tx| {
            bump(&tx, 1).await?;
            let _ = tx.execute(sql!("INSERT INTO shows VALUES (1, 1)")).await;
            Ok::<_, Error>(())
        })
        .await;
    assert_eq!(aborted.unwrap_err().kind(), ErrorKind::TransactionAborted);
    let dropped = tokio::time::timeout(
        std::time::Duration::from_millis(50),
        db.transaction(async |tx| {
            bump(&tx, 1).await?;
            std::future::pending::<Result<()>>().await
        }),
    );
    assert!(dropped.await.is_err());
    assert!(probe.events.take().is_empty());
    assert_eq!(version(&db, 1).await?, 1);
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_lost_a_race_leaves_no_evictions() -> TestResult {
    let ground = Ground::postgres().await?;
    let probe = Arc::new(Probe::shared());
    let db = ground.db.with_cache(Arc::clone(&probe));
    let (attempts, outside) = (AtomicI64::new(0), &ground.db);
    db.tx()
        .repeatable_read()
        .retry(1)
        .run(async |tx| {
            let attempt = attempts.fetch_add(1, Ordering::Relaxed);
            tx.evict(Evictions::new().key(format!("attempt:{attempt}")))?;
            version(&tx, 1).await?;
            if attempt == 0 {
                // Not part of the transaction, so what it has read is outdated.
                bump_elsewhere(outside).await?;
            }
            bump(&tx, 1).await
        })
        .await?;
    assert_eq!(attempts.into_inner(), 2);
    let events = ["announce attempt:1 show:1", "evict attempt:1 show:1"];
    assert_eq!(probe.events.take(), events);
    Ok(())
}

/// In a task of its own, which is outside of the transaction.
async fn bump_elsewhere(db: &Db) -> Result<i64> {
    let db = db.clone();
    tokio::spawn(async move { bump(&db, 1).await })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_savepoint_that_is_kept_evicts_with_the_commit() -> TestResult {
    let (_ground, db, probe) = probed().await?;
    version(&db, 1).await?;
    db.transaction(async |tx| {
        tx.savepoint(async |sp| bump(&sp, 1).await).await?;
        assert!(probe.events.take().is_empty());
        let undone = tx
            .savepoint(async |sp| {
                bump(&sp, 2).await?;
                Err::<(), _>(Error::not_found("undo"))
            })
            .await;
        assert!(undone.unwrap_err().is_not_found());
        Ok::<_, Error>(())
    })
    .await?;
    // What was undone is dropped as well, which does no harm.
    let events = ["announce show:1 show:2", "evict show:1 show:2"];
    assert_eq!(probe.events.take(), events);
    assert_eq!(version(&db, 1).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_transaction_reads_past_the_cache_and_sees_its_own_writes() -> TestResult {
    let (_ground, db, probe) = probed().await?;
    assert_eq!(version(&db, 1).await?, 1);
    db.transaction(async |tx| {
        assert_eq!(bump(&tx, 1).await?, 2);
        assert_eq!(version(&tx, 1).await?, 2);
        tx.savepoint(async |sp| {
            bump(&sp, 1).await?;
            assert_eq!(version(&sp, 1).await?, 3);
            Ok::<_, Error>(())
        })
        .await?;
        assert_eq!(version(&tx, 1).await?, 3);
        // What it read is not there for others.
        Err::<(), _>(Error::not_found("undo"))
    })
    .await
    .unwrap_err();
    assert!(probe.events.take().is_empty());
    assert_eq!(version(&db, 1).await?, 1);
    assert_eq!(probe.events.take(), ["hit show:1"]);
    Ok(())
}

#[tokio::test]
async fn a_cached_read_past_its_own_transaction_is_still_noticed() -> TestResult {
    let (_ground, db, probe) = probed().await?;
    version(&db, 1).await?;
    db.transaction(async |_tx| {
        let error = version(&db, 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("use `tx`"), "{error}");
        let error = db.evict(outdated(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().starts_with("Db::evict: "), "{error}");
        Ok::<_, Error>(())
    })
    .await?;
    assert!(probe.events.take().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_tenant_evicts_its_own_values() -> TestResult {
    let (_ground, db, probe) = probed().await?;
    let (ours, theirs) = (db.for_tenant(1), db.for_tenant(2));
    for handle in [&ours, &theirs] {
        version(handle, 1).await?;
    }
    bump(&ours, 1).await?;
    ours.transaction(async |tx| {
        bump(&tx, 2).await?;
        tx.evict(Evictions::new().key("by hand"))
    })
    .await?;
    assert_eq!(
        probe.events.take(),
        [
            "announce show:1|1",
            "evict show:1|1",
            "announce show:2|1 by hand|1",
            "evict show:2|1 by hand|1"
        ]
    );
    assert_eq!(version(&ours, 1).await?, 2);
    // Nobody told the other tenant, who has the same row only in this test.
    assert_eq!(version(&theirs, 1).await?, 1);
    assert_eq!(probe.events.take(), ["hit show:1|2"]);
    theirs.evict(outdated(1)).await?;
    assert_eq!(probe.events.take(), ["evict show:1|2"]);
    assert_eq!(version(&theirs, 1).await?, 2);
    Ok(())
}

#[tokio::test]
async fn handles_that_are_made_of_one_share_its_cache() -> TestResult {
    let (ground, db, probe) = probed().await?;
    assert!(ground.db.cache().is_none());
    assert!(db.cache().is_some());
    version(&db, 1).await?;
    for handle in [db.clone(), db.with_clock(Clock::system())] {
        assert_eq!(version(&handle, 1).await?, 1);
    }
    assert_eq!(probe.events.take(), ["hit show:1"; 2]);
    // The handle that it was made of goes past it, and evicts nothing.
    assert_eq!(bump(&ground.db, 1).await?, 2);
    assert!(probe.events.take().is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_evicted_by_hand_is_dropped_at_once_or_with_the_commit() -> TestResult {
    let (_ground, db, probe) = probed().await?;
    db.evict(outdated(1).tag("shows")).await?;
    assert_eq!(probe.events.take(), ["evict show:1 shows"]);
    db.evict(Evictions::new()).await?;
    let escaped = db
        .transaction(async |tx| {
            tx.evict(Evictions::new())?;
            Ok::<_, Error>(tx)
        })
        .await?;
    assert!(probe.events.take().is_empty());
    let error = escaped.evict(outdated(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionClosed);
    assert!(error.to_string().starts_with("Tx::evict: "), "{error}");
    assert!(probe.events.take().is_empty());
    Ok(())
}
