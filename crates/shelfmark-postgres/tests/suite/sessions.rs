//! Transactions: what is kept, what is undone, and what is said of it.

use shelfmark_core::{BeginOptions, Channel as _, Engine as _, ErrorKind, Isolation, ValueRef};

use crate::support::{BEGIN, Db, one, pool_of, read, rows, text, write};

async fn with_table() -> anyhow::Result<Db> {
    let db = Db::with(pool_of(2)).await?;
    db.script("CREATE TABLE t (n int PRIMARY KEY)").await?;
    Ok(db)
}

fn insert(n: i32) -> shelfmark_core::Call<'static> {
    write("INSERT INTO t VALUES ($1)", vec![ValueRef::I32(n)])
}

async fn kept(db: &Db) -> anyhow::Result<ValueRef<'static>> {
    one(
        &*db.engine,
        "SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM t",
    )
    .await
}

#[tokio::test]
async fn commit_keeps_and_rollback_undoes() -> anyhow::Result<()> {
    let db = with_table().await?;
    let session = db.engine.begin(BEGIN).await?;
    session.execute(insert(1)).await?;
    assert_eq!(kept(&db).await?, text(""));
    session.commit().await?;
    assert_eq!(kept(&db).await?, text("1"));
    let session = db.engine.begin(BEGIN).await?;
    session.execute(insert(2)).await?;
    session.rollback().await?;
    assert_eq!(kept(&db).await?, text("1"));
    Ok(())
}

#[tokio::test]
async fn an_ended_transaction_has_given_its_connection_back_and_answers_closed()
-> anyhow::Result<()> {
    let db = with_table().await?;
    for commits in [true, false] {
        let session = db.engine.begin(BEGIN).await?;
        assert_eq!(db.engine.status().holders[0].method, "tests/suite");
        if commits {
            session.commit().await?;
        } else {
            session.rollback().await?;
        }
        assert_eq!(db.engine.status().in_use, 0);
        for error in [
            session.execute(insert(1)).await.unwrap_err(),
            session.commit().await.unwrap_err(),
            session.rollback().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::TransactionClosed);
        }
    }
    Ok(())
}

#[tokio::test]
async fn after_a_failed_statement_nothing_but_a_rollback_is_answered() -> anyhow::Result<()> {
    let db = with_table().await?;
    let session = db.engine.begin(BEGIN).await?;
    session.execute(insert(1)).await?;
    let error = session.execute(insert(1)).await.unwrap_err();
    assert!(error.is_unique_violation());
    let error = session.execute(insert(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    let error = session.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    session.rollback().await?;
    assert_eq!(kept(&db).await?, text(""));
    Ok(())
}

#[tokio::test]
async fn savepoints_nest_and_end_the_aborted_state() -> anyhow::Result<()> {
    let db = with_table().await?;
    let session = db.engine.begin(BEGIN).await?;
    session.execute(insert(1)).await?;
    session.savepoint(1).await?;
    session.execute(insert(2)).await?;
    session.savepoint(2).await?;
    assert!(session.execute(insert(1)).await.is_err());
    session.rollback_to(2).await?;
    session.execute(insert(3)).await?;
    session.savepoint(2).await?;
    session.execute(insert(4)).await?;
    session.release(2).await?;
    session.release(1).await?;
    session.savepoint(1).await?;
    session.execute(insert(5)).await?;
    session.rollback_to(1).await?;
    session.commit().await?;
    assert_eq!(kept(&db).await?, text("1,2,3,4"));
    Ok(())
}

#[tokio::test]
async fn a_deferred_constraint_that_fails_at_commit_is_that_constraints_error() -> anyhow::Result<()>
{
    let db = with_table().await?;
    db.script(
        "CREATE TABLE child (n int CONSTRAINT child_n_fkey REFERENCES t DEFERRABLE INITIALLY DEFERRED)",
    )
    .await?;
    let orphan = || write("INSERT INTO child VALUES (77)", Vec::new());
    let session = db.engine.begin(BEGIN).await?;
    session.execute(orphan()).await?;
    let error = session.commit().await.unwrap_err();
    assert_eq!(error.to_string(), "foreign key violation of child_n_fkey");
    drop(session);
    // The same without a transaction of the caller's.
    let error = db.engine.execute(orphan()).await.unwrap_err();
    assert_eq!(error.to_string(), "foreign key violation of child_n_fkey");
    assert_eq!(
        one(&*db.engine, "SELECT count(*) FROM child").await?,
        ValueRef::I64(0)
    );
    Ok(())
}

#[tokio::test]
async fn isolation_and_read_only_are_what_was_asked_for() -> anyhow::Result<()> {
    let db = with_table().await?;
    for (isolation, name) in [
        (Isolation::ReadCommitted, "read committed"),
        (Isolation::RepeatableRead, "repeatable read"),
        (Isolation::Serializable, "serializable"),
    ] {
        for read_only in [true, false] {
            let session = db
                .engine
                .begin(BeginOptions {
                    isolation,
                    read_only,
                    ..BEGIN
                })
                .await?;
            assert_eq!(
                one(&*session, "SELECT current_setting('transaction_isolation')").await?,
                text(name)
            );
            let outcome = session.execute(insert(1)).await;
            if read_only {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert_eq!(
                    error.to_string(),
                    "the transaction is read-only, and the statement writes (25006)"
                );
            }
            session.rollback().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_lost_race_can_be_run_again_also_when_the_commit_tells() -> anyhow::Result<()> {
    let db = with_table().await?;
    let serializable = BeginOptions {
        isolation: Isolation::Serializable,
        ..BEGIN
    };
    let first = db.engine.begin(serializable.clone()).await?;
    let second = db.engine.begin(serializable).await?;
    for (session, n) in [(&first, 1), (&second, 2)] {
        rows(&**session, read("SELECT count(*) FROM t", Vec::new())).await?;
        session.execute(insert(n)).await?;
    }
    first.commit().await?;
    let error = second.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Serialization);
    assert!(error.is_retryable());
    drop(second);
    assert_eq!(kept(&db).await?, text("1"));
    Ok(())
}

#[tokio::test]
async fn a_session_outlives_its_engine() -> anyhow::Result<()> {
    let db = with_table().await?;
    let session = db.engine.begin(BEGIN).await?;
    let Db { engine, base, .. } = db;
    drop(engine);
    session.execute(insert(1)).await?;
    session.commit().await?;
    drop(base);
    Ok(())
}
