//! Calls that end before their answer: dropped at any moment, timed out, panicked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use shelfmark_core::{Channel as _, Engine as _, ErrorKind, ValueRef};

use crate::support::{
    AtFirstRow, BEGIN, Db, Keep, drop_after, in_use, one, pool_of, read, rows, text, until, write,
};

const IN_TRANSACTION: &str = "state LIKE 'idle in transaction%'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_begin_leaves_no_open_transaction() -> anyhow::Result<()> {
    let db = Db::with(pool_of(3)).await?;
    let observer = db.observer().await?;
    for round in 0..400 {
        let session = drop_after(db.engine.begin(BEGIN), fastrand::usize(1..6)).await;
        if round % 3 == 0 {
            drop(session);
        } else if let Some(Ok(session)) = session {
            drop_after(session.commit(), fastrand::usize(1..4)).await;
        }
        // The next caller is in no transaction, where time would stand still.
        let now = || one(&*db.engine, "SELECT now()::text");
        assert_ne!(now().await?, now().await?, "round {round}");
    }
    until("all places are free", || in_use(&db) == 0).await?;
    assert_eq!(observer.sessions(IN_TRANSACTION).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_dropped_anywhere_is_rolled_back_before_the_next_caller() -> anyhow::Result<()>
{
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let insert = || write("INSERT INTO t VALUES ($1)", vec![ValueRef::I32(1)]);
    for round in 0..300 {
        let work = async {
            let session = db.engine.begin(BEGIN).await?;
            session.execute(insert()).await?;
            session.savepoint(1).await?;
            session.execute(insert()).await?;
            session.rollback_to(1).await?;
            session.execute(insert()).await?;
            // Dropped here at the latest.
            anyhow::Ok(())
        };
        drop_after(work, fastrand::usize(1..14)).await;
        assert_eq!(
            one(&*db.engine, "SELECT count(*) FROM t").await?,
            ValueRef::I64(0),
            "round {round}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_dropped_query_stops_on_the_server_and_frees_its_slot() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let observer = db.observer().await?;
    let sleeping = "state = 'active' AND query LIKE '%pg_sleep%'";
    for round in 0..5 {
        let engine = Arc::clone(&db.engine);
        let call =
            tokio::spawn(
                async move { rows(&*engine, read("SELECT pg_sleep(60)", Vec::new())).await },
            );
        observer.until(sleeping, 1).await?;
        let dropped = Instant::now();
        call.abort();
        // The only place is free again, and its connection is the same.
        one(&*db.engine, "SELECT 1").await?;
        assert!(
            dropped.elapsed() < Duration::from_secs(5),
            "{:?}",
            dropped.elapsed()
        );
        assert_eq!(observer.sessions(sleeping).await?, 0, "round {round}");
        assert_eq!(observer.sessions("true").await?, 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_cancel_never_hits_the_next_statement() -> anyhow::Result<()> {
    let db = Db::with(pool_of(2)).await?;
    let mut stress = Vec::new();
    for _ in 0..8 {
        let engine = Arc::clone(&db.engine);
        stress.push(tokio::spawn(async move {
            for _ in 0..60 {
                let pause = fastrand::f64() * 0.02;
                let sleep = format!("SELECT pg_sleep({pause})");
                let limit = Duration::from_micros(fastrand::u64(0..25_000));
                let _ = tokio::time::timeout(limit, rows(&*engine, read(&sleep, Vec::new()))).await;
                // Whoever is next must never be told that it was cancelled.
                let n = fastrand::i32(..);
                let found = rows(
                    &*engine,
                    read(
                        "SELECT $1::int4 FROM (SELECT pg_sleep(0.003)) AS s",
                        vec![ValueRef::I32(n)],
                    ),
                )
                .await?;
                assert_eq!(found, [[ValueRef::I32(n)]]);
            }
            anyhow::Ok(())
        }));
    }
    for task in stress {
        task.await??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_belongs_to_its_question_while_calls_are_dropped() -> anyhow::Result<()> {
    let db = Db::with(pool_of(4)).await?;
    db.script("CREATE TABLE t (n int8)").await?;
    let mut stress = Vec::new();
    for _ in 0..16 {
        let engine = Arc::clone(&db.engine);
        stress.push(tokio::spawn(async move {
            for _ in 0..150 {
                let tag = fastrand::i64(..);
                let echo = || read("SELECT $1::int8", vec![ValueRef::I64(tag)]);
                match fastrand::u8(0..4) {
                    0 => drop(drop_after(rows(&*engine, echo()), fastrand::usize(1..5)).await),
                    1 => {
                        let insert = write("INSERT INTO t VALUES ($1)", vec![ValueRef::I64(tag)]);
                        drop(drop_after(engine.execute(insert), fastrand::usize(1..5)).await);
                    }
                    _ => assert_eq!(rows(&*engine, echo()).await?, [[ValueRef::I64(tag)]]),
                }
            }
            anyhow::Ok(())
        }));
    }
    for task in stress {
        task.await??;
    }
    until("all places are free", || in_use(&db) == 0).await?;
    let status = db.engine.status();
    assert!(status.open <= 4 && status.waiting == 0, "{status:?}");
    let observer = db.observer().await?;
    assert_eq!(observer.sessions(IN_TRANSACTION).await?, 0);
    assert!(observer.sessions("true").await? <= 4);
    Ok(())
}

#[tokio::test]
async fn a_statement_past_its_deadline_is_stopped() -> anyhow::Result<()> {
    let db = Db::limited(pool_of(1), Duration::from_millis(500)).await?;
    let error = rows(&*db.engine, read("SELECT pg_sleep(60)", Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(
        error.to_string(),
        "the statement took longer than 500ms and was stopped"
    );
    let error = db
        .engine
        .execute(write("SELECT pg_sleep(60)", Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the statement took longer than 500ms and was stopped; it may have been done at the last moment"
    );
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    Ok(())
}

#[tokio::test]
async fn a_panicking_sink_gives_the_connection_back_idle() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let observer = db.observer().await?;
    for _ in 0..3 {
        let sink = Box::new(AtFirstRow(|| panic!("in the sink")));
        let call = db
            .engine
            .fetch(read("SELECT generate_series(1, 100000)", Vec::new()), sink);
        let caught = std::panic::AssertUnwindSafe(call).catch_unwind().await;
        assert!(caught.is_err());
        assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    }
    // In a transaction the same, and the transaction is over.
    let session = db.engine.begin(BEGIN).await?;
    session
        .execute(write("INSERT INTO t VALUES (1)", Vec::new()))
        .await?;
    let sink = Box::new(AtFirstRow(|| panic!("in the sink")));
    let call = session.fetch(read("SELECT generate_series(1, 100000)", Vec::new()), sink);
    assert!(
        std::panic::AssertUnwindSafe(call)
            .catch_unwind()
            .await
            .is_err()
    );
    let error = session.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    drop(session);
    assert_eq!(
        one(&*db.engine, "SELECT count(*) FROM t").await?,
        ValueRef::I64(0)
    );
    assert_eq!(observer.sessions(IN_TRANSACTION).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_call_dropped_in_a_savepoint_is_stopped_and_undone_with_it() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let session = db.engine.begin(BEGIN).await?;
    session
        .execute(write("INSERT INTO t VALUES (1)", Vec::new()))
        .await?;
    session.savepoint(1).await?;
    let slow = write("INSERT INTO t SELECT 2 FROM pg_sleep(60)", Vec::new());
    assert!(
        tokio::time::timeout(Duration::from_millis(50), session.execute(slow))
            .await
            .is_err()
    );
    let error = session
        .execute(write("INSERT INTO t VALUES (3)", Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    session.rollback_to(1).await?;
    session
        .execute(write("INSERT INTO t VALUES (4)", Vec::new()))
        .await?;
    session.commit().await?;
    assert_eq!(
        one(
            &*db.engine,
            "SELECT string_agg(n::text, ',' ORDER BY n) FROM t"
        )
        .await?,
        text("1,4")
    );
    Ok(())
}

#[tokio::test]
async fn a_drop_of_a_busy_session_stops_its_statement() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let observer = db.observer().await?;
    let session = db.engine.begin(BEGIN).await?;
    let slow = read("SELECT pg_sleep(60)", Vec::new());
    let outcome = tokio::time::timeout(
        Duration::from_millis(50),
        session.fetch(slow, Box::new(Keep::default())),
    )
    .await;
    assert!(outcome.is_err());
    drop(outcome);
    drop(session);
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    observer.until("state = 'active'", 0).await?;
    Ok(())
}

#[test]
fn a_drop_after_the_end_of_the_runtime_closes_the_connection() -> anyhow::Result<()> {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
    };
    let first = runtime()?;
    let (db, session) = first.block_on(async {
        let db = Db::with(pool_of(2)).await?;
        let session = db.engine.begin(BEGIN).await?;
        anyhow::Ok((db, session))
    })?;
    drop(first);
    drop(session);
    runtime()?.block_on(async {
        let observer = db.observer().await?;
        observer.until("true", 0).await?;
        // The engine connects again on the runtime it finds.
        assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
        anyhow::Ok(())
    })
}
