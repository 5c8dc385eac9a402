//! Commits whose answer is lost.

use std::time::Duration;

use shelfmark_core::{BeginOptions, Engine as _, ErrorKind, ValueRef};
use shelfmark_postgres::PostgresEngine;

use crate::proxy::{Loss, Proxy};
use crate::support::{BEGIN, Db, one, pool_of, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_looked_up_on_the_server() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let mut committed = 0;
    for loss in [Loss::Answer, Loss::Request, Loss::RequestUnnoticed] {
        let proxy = Proxy::start(db.target.hosts[0].clone(), loss).await?;
        let mut target = db.target.clone();
        target.hosts = vec![("127.0.0.1".to_owned(), proxy.port)];
        let engine = PostgresEngine::open(&target, &pool_of(2), Duration::from_secs(10)).await?;
        for round in 0..3 {
            let session = engine.begin(BEGIN).await?;
            // Cold in the first round, from the cache of statements in the others.
            session
                .execute(write(
                    "INSERT INTO t VALUES ($1)",
                    vec![ValueRef::I32(round)],
                ))
                .await?;
            proxy.arm();
            let outcome = session.commit().await;
            if loss == Loss::Answer {
                outcome?;
                committed += 1;
            } else {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Connection, "{loss:?} {error:?}");
                assert_eq!(
                    error.to_string(),
                    "the connection was lost during COMMIT, and the transaction was rolled back"
                );
            }
            assert_eq!(
                one(&*db.engine, "SELECT count(*) FROM t").await?,
                ValueRef::I64(committed)
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_commit_that_nobody_can_look_up_is_of_unknown_outcome() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let proxy = Proxy::start(db.target.hosts[0].clone(), Loss::Answer).await?;
    let mut target = db.target.clone();
    target.hosts = vec![("127.0.0.1".to_owned(), proxy.port)];
    let mut settings = pool_of(2);
    settings.acquire_timeout = Duration::from_millis(200);
    let engine = PostgresEngine::open(&target, &settings, Duration::from_secs(10)).await?;
    let session = engine.begin(BEGIN).await?;
    session
        .execute(write("INSERT INTO t VALUES (1)", Vec::new()))
        .await?;
    proxy.arm();
    // Connections that exist go on; new ones find nobody.
    proxy.refuse_new().await?;
    let error = session.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CommitUnknown);
    assert!(!error.is_retryable());
    Ok(())
}

#[tokio::test]
async fn a_lost_commit_of_a_transaction_that_may_not_write_is_no_riddle() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let proxy = Proxy::start(db.target.hosts[0].clone(), Loss::Request).await?;
    let mut target = db.target.clone();
    target.hosts = vec![("127.0.0.1".to_owned(), proxy.port)];
    let engine = PostgresEngine::open(&target, &pool_of(2), Duration::from_secs(10)).await?;
    for (read_only, kind) in [
        (true, ErrorKind::Connection),
        (false, ErrorKind::CommitUnknown),
    ] {
        let session = engine.begin(BeginOptions { read_only, ..BEGIN }).await?;
        one(&*session, "SELECT 1").await?;
        proxy.arm();
        assert_eq!(
            session.commit().await.unwrap_err().kind(),
            kind,
            "read only: {read_only}"
        );
    }
    Ok(())
}
