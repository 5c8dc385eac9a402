//! Transactions: what they keep, what they undo, and what is left of them when they are dropped.

use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::{BeginOptions, Engine, ErrorKind, Isolation, Session, ValueRef};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_keeps_and_a_rollback_undoes() -> Outcome {
    for db in both().await? {
        for isolation in [
            Isolation::ReadCommitted,
            Isolation::RepeatableRead,
            Isolation::Serializable,
        ] {
            let options = BeginOptions {
                isolation,
                ..options()
            };
            let session = db.engine.begin(options.clone()).await?;
            session.execute(write("INSERT INTO t VALUES (1)")).await?;
            session.commit().await?;
            let session = db.engine.begin(options).await?;
            session.execute(write("INSERT INTO t VALUES (10)")).await?;
            assert_eq!(
                number(&*session, "SELECT count(*) FROM t WHERE a = 10").await?,
                1
            );
            session.rollback().await?;
        }
        assert_eq!(db.number("SELECT sum(a) FROM t").await?, 3);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_end_a_session_answers_that_it_is_closed() -> Outcome {
    for db in both().await? {
        for commit in [true, false] {
            let session = begin(&*db.engine).await?;
            if commit {
                session.commit().await?;
            } else {
                session.rollback().await?;
            }
            let closed = ErrorKind::TransactionClosed;
            let error = session.execute(write("DELETE FROM t")).await.unwrap_err();
            assert_eq!(error.kind(), closed);
            assert_eq!(session.commit().await.unwrap_err().kind(), closed);
            assert_eq!(session.savepoint(1).await.unwrap_err().kind(), closed);
            // The connection is free although the session is still there.
            db.execute("DELETE FROM t").await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_session_rolls_back_before_anyone_gets_its_connection() -> Outcome {
    for db in both().await? {
        for _ in 0..50 {
            let session = begin(&*db.engine).await?;
            session.execute(write("INSERT INTO t VALUES (1)")).await?;
            drop(session);
            // Waits for the writer, and must not run inside what was left.
            db.execute("INSERT INTO t VALUES (100)").await?;
        }
        assert_eq!(db.number("SELECT sum(a) FROM t").await?, 5000);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_dropped_while_its_statement_runs_stops_and_rolls_back() -> Outcome {
    for db in both().await? {
        for endless in [read(ENDLESS), write(ENDLESS_WRITE)] {
            let session = begin(&*db.engine).await?;
            session.execute(write("INSERT INTO t VALUES (1)")).await?;
            let statement = session.execute(endless);
            assert!(
                dropped_after(statement, Duration::from_millis(30))
                    .await
                    .is_none()
            );
            drop(session);
            let next = tokio::time::timeout(Duration::from_secs(2), db.execute("DELETE FROM t"));
            assert_eq!(next.await??, 0);
            db.assert_nothing_is_left_open().await?;
        }
    }
    Ok(())
}

#[test]
fn a_session_dropped_outside_of_a_runtime_rolls_back() -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    for db in runtime.block_on(both())? {
        let session = runtime.block_on(async {
            let session = begin(&*db.engine).await?;
            session.execute(write("INSERT INTO t VALUES (1)")).await?;
            Outcome::Ok(session)
        })?;
        drop(session);
        assert_eq!(db.engine.status().in_use, 0);
        runtime.block_on(async {
            db.assert_nothing_is_left_open().await?;
            assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
            Outcome::Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_session_that_outlives_its_runtime_rolls_back() -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    let db = runtime.block_on(file())?;
    let session = runtime.block_on(async {
        let session = begin(&*db.engine).await?;
        session.execute(write("INSERT INTO t VALUES (1)")).await?;
        Outcome::Ok(session)
    })?;
    drop(runtime);
    drop(session);
    assert_eq!(db.engine.status().in_use, 0);
    tokio::runtime::Runtime::new()?.block_on(async {
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
        db.assert_nothing_is_left_open().await
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_dropped_midway_leaves_only_the_rollback() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        session.execute(write("INSERT INTO t VALUES (1)")).await?;
        let endless = session.execute(read(ENDLESS));
        assert!(
            dropped_after(endless, Duration::from_millis(20))
                .await
                .is_none()
        );
        for error in [
            session
                .execute(write("INSERT INTO t VALUES (2)"))
                .await
                .map(drop)
                .unwrap_err(),
            session.savepoint(1).await.unwrap_err(),
            session.release(1).await.unwrap_err(),
            session.commit().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{error}");
        }
        session.rollback().await?;
        db.assert_nothing_is_left_open().await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_dropped_inside_a_savepoint_is_undone_with_it() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        session.execute(write("INSERT INTO t VALUES (1)")).await?;
        session.savepoint(1).await?;
        session.execute(write("INSERT INTO t VALUES (2)")).await?;
        let endless = session.execute(read(ENDLESS));
        assert!(
            dropped_after(endless, Duration::from_millis(20))
                .await
                .is_none()
        );
        session.rollback_to(1).await?;
        session.execute(write("INSERT INTO t VALUES (3)")).await?;
        session.commit().await?;
        assert_eq!(db.number("SELECT sum(a) FROM t").await?, 4);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_sqlite_ended_is_never_continued() -> Outcome {
    // An interrupted write, and a conflict clause, make SQLite roll back the whole transaction.
    for db in both().await? {
        db.execute("CREATE TABLE u (a PRIMARY KEY)").await?;
        for round in 0..2 {
            let session = begin(&*db.engine).await?;
            session.execute(write("INSERT INTO u VALUES (1)")).await?;
            session.savepoint(1).await?;
            if round == 0 {
                let endless = session.execute(write(ENDLESS_WRITE));
                assert!(
                    dropped_after(endless, Duration::from_millis(20))
                        .await
                        .is_none()
                );
            } else {
                let insert = session.execute(write("INSERT OR ROLLBACK INTO u VALUES (1)"));
                assert!(insert.await.unwrap_err().is_unique_violation());
            }
            let aborted = ErrorKind::TransactionAborted;
            assert_eq!(session.rollback_to(1).await.unwrap_err().kind(), aborted);
            let insert = session.execute(write("INSERT INTO u VALUES (2)"));
            assert_eq!(insert.await.unwrap_err().kind(), aborted);
            assert_eq!(session.commit().await.unwrap_err().kind(), aborted);
            drop(session);
            db.assert_nothing_is_left_open().await?;
            assert_eq!(db.number("SELECT count(*) FROM u").await?, 0);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn savepoints_nest() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        let insert = async |value: i64| {
            let sql = format!("INSERT INTO t VALUES ({value})");
            session.execute(write(&sql)).await
        };
        insert(1).await?;
        session.savepoint(1).await?;
        insert(10).await?;
        session.savepoint(2).await?;
        insert(100).await?;
        session.rollback_to(2).await?;
        session.savepoint(2).await?;
        insert(1_000).await?;
        session.release(2).await?;
        session.release(1).await?;
        session.savepoint(1).await?;
        insert(10_000).await?;
        session.rollback_to(1).await?;
        session.commit().await?;
        assert_eq!(db.number("SELECT sum(a) FROM t").await?, 1_011);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_statement_leaves_the_rest_of_the_transaction() -> Outcome {
    for db in both().await? {
        db.execute("CREATE UNIQUE INDEX u ON t (a)").await?;
        let session = begin(&*db.engine).await?;
        session.execute(write("INSERT INTO t VALUES (1)")).await?;
        session.savepoint(1).await?;
        let error = session
            .execute(write("INSERT INTO t VALUES (2), (1)"))
            .await
            .unwrap_err();
        assert_eq!(error.constraint(), Some("u"));
        session.rollback_to(1).await?;
        session.execute(write("INSERT INTO t VALUES (3)")).await?;
        session.commit().await?;
        assert_eq!(db.number("SELECT sum(a) FROM t").await?, 4);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_promised_to_read_cannot_write() -> Outcome {
    for db in both().await? {
        db.execute("INSERT INTO t VALUES (1)").await?;
        let session = begin_reading(&*db.engine).await?;
        assert_eq!(number(&*session, "SELECT count(*) FROM t").await?, 1);
        let error = session.execute(write("DELETE FROM t")).await.unwrap_err();
        assert!(
            error.to_string().contains("its transaction is read-only"),
            "{error}"
        );
        session.commit().await?;
        db.execute("INSERT INTO t VALUES (2)").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_transaction_sees_one_state_and_blocks_nobody() -> Outcome {
    let db = file().await?;
    db.execute("INSERT INTO t VALUES (1)").await?;
    let session = begin_reading(&*db.engine).await?;
    assert_eq!(number(&*session, "SELECT count(*) FROM t").await?, 1);
    db.execute("INSERT INTO t VALUES (2)").await?;
    assert_eq!(number(&*session, "SELECT count(*) FROM t").await?, 1);
    assert_eq!(db.number("SELECT count(*) FROM t").await?, 2);
    session.commit().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_one_transaction_at_once_are_run_one_by_one() -> Outcome {
    for db in both().await? {
        let session: Arc<dyn Session> = begin(&*db.engine).await?;
        let insert = |value: i64| {
            let session = Arc::clone(&session);
            async move {
                let value = vec![ValueRef::I64(value)];
                let insert = call(
                    "INSERT INTO t VALUES (?1)",
                    shelfmark_core::Access::Write,
                    value,
                );
                session.execute(insert).await
            }
        };
        let touched = futures_util::future::try_join_all((0..20).map(insert)).await?;
        assert_eq!(touched.iter().sum::<u64>(), 20);
        session.commit().await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 20);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_changes_nothing() -> Outcome {
    for db in both().await? {
        let options = BeginOptions {
            tenant: Some("7".into()),
            ..options()
        };
        let session = db.engine.begin(options).await?;
        session.execute(write("INSERT INTO t VALUES (1)")).await?;
        session.commit().await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 1);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}
