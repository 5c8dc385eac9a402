//! A server that restarts, ends sessions, freezes, or is not there. Each test has a server of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shelfmark_core::{Channel as _, Engine as _, ErrorKind, ValueRef};
use shelfmark_postgres::PostgresEngine;
use test_postgres::{Server, TestDatabase};

use crate::support::{BEGIN, Db, Observer, in_use, one, pool_of, read, rows, until, write};

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

async fn server() -> anyhow::Result<Arc<Server>> {
    Ok(Arc::new(blocking(Server::start).await??))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_of_the_server_is_not_seen_by_reads() -> anyhow::Result<()> {
    let server = server().await?;
    let base = TestDatabase::create_on(&server)?;
    let db = Db::on(base, pool_of(4), Duration::from_secs(30)).await?;
    db.script("CREATE TABLE t (n int); INSERT INTO t VALUES (7)")
        .await?;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..6)
        .map(|_| {
            let (engine, stop) = (Arc::clone(&db.engine), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut reads = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(one(&*engine, "SELECT n FROM t").await?, ValueRef::I32(7));
                    reads += 1;
                }
                anyhow::Ok(reads)
            })
        })
        .collect();
    for _ in 0..2 {
        let restarted = Arc::clone(&server);
        blocking(move || restarted.restart()).await??;
        one(&*db.engine, "SELECT n FROM t").await?;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await?? > 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_write_on_a_connection_that_is_dead_goes_to_another() -> anyhow::Result<()> {
    let db = Db::with(pool_of(3)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let observer = db.observer().await?;
    for round in 1..=20 {
        // Warm connections, all idle.
        let sessions = [db.engine.begin(BEGIN).await?, db.engine.begin(BEGIN).await?];
        for session in &sessions {
            session.commit().await?;
        }
        observer
            .run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'shelfmark' AND datname = current_database()")
            .await?;
        // The driver may not even have seen the end of its connection yet.
        match round % 3 {
            0 => drop(
                db.engine
                    .execute(write("INSERT INTO t VALUES (1)", Vec::new()))
                    .await?,
            ),
            1 => {
                let session = db.engine.begin(BEGIN).await?;
                session
                    .execute(write("INSERT INTO t VALUES (1)", Vec::new()))
                    .await?;
                session.commit().await?;
            }
            _ => {
                one(&*db.engine, "SELECT 1").await?;
                db.engine
                    .execute(write("INSERT INTO t VALUES (1)", Vec::new()))
                    .await?;
            }
        }
        assert_eq!(
            one(&*db.engine, "SELECT count(*) FROM t").await?,
            ValueRef::I64(round)
        );
    }
    Ok(())
}

/// Ends the engine's sessions while this thread stands still, so that no driver of this runtime can notice.
fn end_sessions_unnoticed(db: &Db) -> anyhow::Result<()> {
    let url = db.base.url().to_owned();
    let work = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let observer = Observer::connect(&url).await?;
            observer
                .run(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                     WHERE application_name = 'shelfmark' AND datname = current_database()",
                )
                .await
        })
    });
    work.join()
        .map_err(|_| anyhow::anyhow!("the thread panicked"))?
}

#[tokio::test]
async fn a_statement_that_never_left_goes_to_another_connection_whatever_it_does()
-> anyhow::Result<()> {
    let db = Db::with(pool_of(3)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let insert = || write("INSERT INTO t VALUES (1)", Vec::new());
    for round in 1..=10 {
        // Warm connections, all idle, on which the statement is prepared.
        let sessions = [db.engine.begin(BEGIN).await?, db.engine.begin(BEGIN).await?];
        for session in &sessions {
            session.execute(insert()).await?;
            session.rollback().await?;
        }
        end_sessions_unnoticed(&db)?;
        if round % 2 == 0 {
            assert_eq!(db.engine.execute(insert()).await?, 1);
        } else {
            let session = db.engine.begin(BEGIN).await?;
            session.execute(insert()).await?;
            session.commit().await?;
        }
        let count = one(&*db.engine, "SELECT count(*) FROM t").await?;
        assert_eq!(count, ValueRef::I64(round));
    }
    Ok(())
}

#[tokio::test]
async fn a_read_whose_answer_was_lost_is_run_again_and_a_write_is_not() -> anyhow::Result<()> {
    let db = Db::with(pool_of(2)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let observer = db.observer().await?;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shelfmark' \
                AND datname = current_database() AND state = 'active'";
    let engine = Arc::clone(&db.engine);
    let reading = tokio::spawn(async move { one(&*engine, "SELECT 7 FROM pg_sleep(0.5)").await });
    observer.until("state = 'active'", 1).await?;
    observer.run(kill).await?;
    assert_eq!(reading.await??, ValueRef::I32(7));

    let engine = Arc::clone(&db.engine);
    let insert = "INSERT INTO t SELECT 1 FROM pg_sleep(0.5)";
    let writing = tokio::spawn(async move { engine.execute(write(insert, Vec::new())).await });
    observer.until("state = 'active'", 1).await?;
    observer.run(kill).await?;
    let error = writing.await?.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(
        error.to_string(),
        "the connection was lost while the statement ran; it may or may not have been done (57P01)"
    );
    assert!(!error.is_retryable());
    assert_eq!(
        one(&*db.engine, "SELECT count(*) FROM t").await?,
        ValueRef::I64(0)
    );
    Ok(())
}

#[tokio::test]
async fn a_transaction_whose_connection_ends_is_over() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let observer = db.observer().await?;
    let session = db.engine.begin(BEGIN).await?;
    session
        .execute(write("INSERT INTO t VALUES (1)", Vec::new()))
        .await?;
    observer
        .run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'shelfmark' AND datname = current_database()")
        .await?;
    let error = session
        .execute(write("INSERT INTO t VALUES (2)", Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(session.commit().await.is_err());
    drop(session);
    assert_eq!(
        one(&*db.engine, "SELECT count(*) FROM t").await?,
        ValueRef::I64(0)
    );
    Ok(())
}

#[tokio::test]
async fn the_acquire_deadline_holds_while_the_server_is_frozen() -> anyhow::Result<()> {
    let server = server().await?;
    let mut settings = pool_of(2);
    settings.acquire_timeout = Duration::from_secs(1);
    settings.pre_ping = true;
    let db = Db::on(
        TestDatabase::create_on(&server)?,
        settings,
        Duration::from_secs(2),
    )
    .await?;
    one(&*db.engine, "SELECT 1").await?;
    server.freeze()?;
    // One connection is idle in the pool and would have to answer a ping; for others the server would have to accept.
    for _ in 0..2 {
        let begun = Instant::now();
        let error = rows(&*db.engine, read("SELECT 1", Vec::new()))
            .await
            .unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
    }
    server.thaw()?;
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    Ok(())
}

#[tokio::test]
async fn the_pool_recovers_from_calls_that_froze_in_flight() -> anyhow::Result<()> {
    let server = server().await?;
    let mut settings = pool_of(2);
    settings.acquire_timeout = Duration::from_secs(3);
    let db = Db::on(
        TestDatabase::create_on(&server)?,
        settings,
        Duration::from_secs(1),
    )
    .await?;
    let session = db.engine.begin(BEGIN).await?;
    server.freeze()?;
    let begun = Instant::now();
    let error = rows(&*db.engine, read("SELECT 1", Vec::new()))
        .await
        .unwrap_err();
    assert!(error.is_timeout() || error.is_unavailable(), "{error:?}");
    let error = session
        .execute(write("SELECT 1", Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    drop(session);
    // Cleaning up has its own bound, also when nothing answers.
    until("all places are free", || in_use(&db) == 0).await?;
    server.thaw()?;
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    let observer = Observer::connect(db.base.url()).await?;
    observer.until("state LIKE 'idle in%'", 0).await?;
    Ok(())
}

#[tokio::test]
async fn an_opening_waits_for_a_server_that_is_starting() -> anyhow::Result<()> {
    let server = server().await?;
    let target = crate::support::target(&server.url())?;
    let stopped = Arc::clone(&server);
    blocking(move || stopped.stop()).await?;
    let mut settings = pool_of(1);
    settings.acquire_timeout = Duration::from_secs(20);
    let opening = tokio::spawn(async move {
        PostgresEngine::open(&target, &settings, Duration::from_secs(5)).await
    });
    let started = Arc::clone(&server);
    blocking(move || started.restart()).await??;
    let engine = opening.await??;
    assert_eq!(one(&engine, "SELECT 1").await?, ValueRef::I32(1));
    Ok(())
}

#[tokio::test]
async fn a_server_without_free_places_is_waited_for() -> anyhow::Result<()> {
    let server = Arc::new(
        blocking(|| {
            Server::start_with(&[
                ("max_connections", "5"),
                ("superuser_reserved_connections", "0"),
            ])
        })
        .await??,
    );
    let db = Db::on(
        TestDatabase::create_on(&server)?,
        pool_of(20),
        Duration::from_secs(30),
    )
    .await?;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let engine = Arc::clone(&db.engine);
            tokio::spawn(async move { one(&*engine, "SELECT 1 FROM pg_sleep(0.05)").await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await??, ValueRef::I32(1));
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password() -> anyhow::Result<()> {
    let server = server().await?;
    let mut target = crate::support::target(&server.url())?;
    target.password = Some(shelfmark_core::config::Secret::new("wr0ng"));
    let Err(error) = PostgresEngine::open(&target, &pool_of(1), Duration::from_secs(5)).await
    else {
        anyhow::bail!("a wrong password was taken");
    };
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert_eq!(
        error.to_string(),
        format!(
            "the server of 127.0.0.1:{}/postgres refused the password of user `postgres` (28P01)",
            server.port()
        )
    );
    assert!(!format!("{error:?}").contains("wr0ng"));
    target.password = None;
    let Err(error) = PostgresEngine::open(&target, &pool_of(1), Duration::from_secs(5)).await
    else {
        anyhow::bail!("no password was taken");
    };
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(
        error
            .to_string()
            .ends_with("for a password, and none is given"),
        "{error}"
    );
    Ok(())
}
