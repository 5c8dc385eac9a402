//! The pool: who waits, who holds, when connections end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use shelfmark_core::{Engine as _, ErrorKind, ValueRef};
use shelfmark_postgres::PostgresEngine;

use crate::support::{BEGIN, Db, one, pool_of, read, rows, target, until};

#[tokio::test]
async fn waiting_for_a_connection_times_out_and_names_the_holder() -> anyhow::Result<()> {
    let mut settings = pool_of(1);
    settings.acquire_timeout = Duration::from_secs(1);
    let db = Db::with(settings).await?;
    let holder = db.engine.begin(BEGIN).await?;
    let begun = Instant::now();
    let error = rows(&*db.engine, read("SELECT 1", Vec::new()))
        .await
        .unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(error.kind(), ErrorKind::PoolExhausted);
    let message = error.to_string();
    assert!(
        message.contains("waiting for a connection (max 1, in use 1, idle 0, waiting 0)"),
        "{message}"
    );
    assert!(
        message.contains("held longest: tests/suite for 1."),
        "{message}"
    );
    holder.rollback().await?;
    one(&*db.engine, "SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn those_who_wait_are_served_in_turn_and_never_more_than_max_at_once() -> anyhow::Result<()> {
    let db = Db::with(pool_of(3)).await?;
    let observer = db.observer().await?;
    let calls = (0..40).map(|_| {
        let engine = Arc::clone(&db.engine);
        tokio::spawn(async move { one(&*engine, "SELECT 1 FROM pg_sleep(0.02)").await })
    });
    for call in join_all(calls).await {
        assert_eq!(call??, ValueRef::I32(1));
    }
    assert!(observer.sessions("true").await? <= 3);
    let status = db.engine.status();
    assert_eq!((status.max, status.in_use, status.waiting), (3, 0, 0));
    assert!(
        status
            .engine
            .starts_with(&format!("PostgreSQL {}:", db.target.hosts[0].0)),
        "{}",
        status.engine
    );
    Ok(())
}

#[tokio::test]
async fn connections_beyond_max_are_closed_when_they_come_back() -> anyhow::Result<()> {
    let mut settings = pool_of(1);
    settings.max_overflow = 2;
    let db = Db::with(settings).await?;
    let observer = db.observer().await?;
    let sessions = [
        db.engine.begin(BEGIN).await?,
        db.engine.begin(BEGIN).await?,
        db.engine.begin(BEGIN).await?,
    ];
    assert_eq!(db.engine.status().max, 3);
    for session in &sessions {
        session.commit().await?;
    }
    observer.until("true", 1).await?;
    assert_eq!(db.engine.status().open, 1);
    Ok(())
}

#[tokio::test]
async fn min_connections_are_opened_at_the_start_and_kept() -> anyhow::Result<()> {
    let mut settings = pool_of(5);
    settings.min = 3;
    settings.idle_timeout = Duration::from_millis(200);
    let db = Db::with(settings).await?;
    let observer = db.observer().await?;
    observer.until("true", 3).await?;
    observer
        .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shelfmark' AND datname = current_database()")
        .await?;
    observer
        .until("backend_start > now() - interval '1 hour'", 3)
        .await?;
    Ok(())
}

#[tokio::test]
async fn idle_connections_are_closed() -> anyhow::Result<()> {
    let mut settings = pool_of(5);
    settings.idle_timeout = Duration::from_millis(200);
    let db = Db::with(settings).await?;
    let observer = db.observer().await?;
    let sessions = [db.engine.begin(BEGIN).await?, db.engine.begin(BEGIN).await?];
    for session in &sessions {
        session.commit().await?;
    }
    observer.until("true", 2).await?;
    observer.until("true", 0).await?;
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    Ok(())
}

#[tokio::test]
async fn a_connection_past_its_lifetime_is_replaced() -> anyhow::Result<()> {
    let mut settings = pool_of(1);
    settings.max_lifetime = Duration::from_millis(300);
    let db = Db::with(settings).await?;
    let pid = || one(&*db.engine, "SELECT pg_backend_pid()");
    let first = pid().await?;
    let begun = Instant::now();
    while pid().await? == first {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        begun.elapsed() > Duration::from_millis(200),
        "{:?}",
        begun.elapsed()
    );
    Ok(())
}

#[tokio::test]
async fn a_cancelled_waiter_passes_its_turn_on() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let holder = db.engine.begin(BEGIN).await?;
    let engine = Arc::clone(&db.engine);
    let cancelled = tokio::spawn(async move { one(&*engine, "SELECT 1").await });
    until("one waits", || db.engine.status().waiting == 1).await?;
    let engine = Arc::clone(&db.engine);
    let patient = tokio::spawn(async move { one(&*engine, "SELECT 2").await });
    until("two wait", || db.engine.status().waiting == 2).await?;
    cancelled.abort();
    holder.commit().await?;
    assert_eq!(patient.await??, ValueRef::I32(2));
    Ok(())
}

#[tokio::test]
async fn close_waits_for_what_runs_and_refuses_what_comes() -> anyhow::Result<()> {
    let db = Db::with(pool_of(2)).await?;
    let observer = db.observer().await?;
    let engine = Arc::clone(&db.engine);
    let running = tokio::spawn(async move { one(&*engine, "SELECT 7 FROM pg_sleep(0.3)").await });
    observer.until("state = 'active'", 1).await?;
    let engine = Arc::clone(&db.engine);
    let close = tokio::spawn(async move { engine.close(Duration::from_secs(5)).await });
    let begun = Instant::now();
    let refused = loop {
        match one(&*db.engine, "SELECT 1").await {
            Ok(_) => assert!(begun.elapsed() < Duration::from_secs(1)),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.to_string(), "the database was closed");
    assert_eq!(running.await??, ValueRef::I32(7));
    close.await??;
    observer.until("true", 0).await?;
    db.engine.close(Duration::from_secs(5)).await?;
    Ok(())
}

#[tokio::test]
async fn close_cuts_off_what_outlasts_its_deadline() -> anyhow::Result<()> {
    let db = Db::with(pool_of(2)).await?;
    let observer = db.observer().await?;
    let engine = Arc::clone(&db.engine);
    let running =
        tokio::spawn(async move { rows(&*engine, read("SELECT pg_sleep(60)", Vec::new())).await });
    let session = db.engine.begin(BEGIN).await?;
    rows(&*session, read("SELECT 1", Vec::new())).await?;
    observer.until("state = 'active'", 1).await?;
    let begun = Instant::now();
    let error = db
        .engine
        .close(Duration::from_millis(200))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let text = error.to_string();
    assert!(
        text.contains("cut off 2 calls still running after 200ms; running longest: "),
        "{text}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let error = running.await?.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(
        session.commit().await.unwrap_err().kind(),
        ErrorKind::Connection
    );
    Ok(())
}

#[tokio::test]
async fn settings_that_cannot_work_are_told_at_the_opening() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let limit = Duration::from_secs(5);
    let mut settings = pool_of(1);
    settings.acquire_timeout = Duration::from_secs(2);
    let open = async |target| {
        PostgresEngine::open(&target, &settings, limit)
            .await
            .err()
            .map(|error| (error.kind(), error.to_string()))
    };

    let mut nobody = target("postgres://user:s3cret@127.0.0.1:1/films")?;
    let (kind, message) = open(nobody.clone())
        .await
        .unwrap_or((ErrorKind::Other, String::new()));
    assert_eq!(kind, ErrorKind::Connection);
    assert_eq!(
        message,
        "cannot connect to 127.0.0.1:1/films: nothing listens there; is the server running?"
    );
    nobody.hosts = vec![("no-such-host.invalid".to_owned(), 5432)];
    let (kind, message) = open(nobody)
        .await
        .unwrap_or((ErrorKind::Other, String::new()));
    assert_eq!(kind, ErrorKind::Connection);
    assert_eq!(
        message,
        "cannot connect to no-such-host.invalid:5432/films: the host name cannot be resolved"
    );

    let place = |database: &str| {
        let (host, port) = &db.target.hosts[0];
        format!("{host}:{port}/{database}")
    };
    let mut missing = db.target.clone();
    missing.database = "no_such_database".to_owned();
    let (kind, message) = open(missing)
        .await
        .unwrap_or((ErrorKind::Other, String::new()));
    assert_eq!(kind, ErrorKind::InvalidConfig);
    assert_eq!(
        message,
        format!(
            "the server of {} has no such database; create it or correct its name (3D000)",
            place("no_such_database")
        )
    );
    let mut stranger = db.target.clone();
    stranger.user = "nobody_known".to_owned();
    let (kind, message) = open(stranger)
        .await
        .unwrap_or((ErrorKind::Other, String::new()));
    assert_eq!(kind, ErrorKind::InvalidConfig);
    assert!(
        message.contains(&place(&db.target.database)) && message.contains("nobody_known"),
        "{message}"
    );
    Ok(())
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn tls_that_this_build_does_not_have_is_refused_at_the_opening() -> anyhow::Result<()> {
    use shelfmark_core::config::{PostgresTarget, SslMode};
    let mut target = PostgresTarget::new("localhost", 1, "user", "films");
    for mode in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        target.ssl_mode = mode;
        let opened = PostgresEngine::open(&target, &pool_of(1), Duration::from_secs(5)).await;
        let Err(error) = opened else {
            anyhow::bail!("{mode:?} was taken")
        };
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert_eq!(
            error.to_string(),
            "this build has no TLS: enable the feature `tls` of shelfmark, or set sslmode=disable"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_second_host_is_taken_when_the_first_does_not_answer() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let mut target = db.target.clone();
    target.hosts.insert(0, ("127.0.0.1".to_owned(), 1));
    let engine = PostgresEngine::open(&target, &pool_of(1), Duration::from_secs(5)).await?;
    assert_eq!(one(&engine, "SELECT 1").await?, ValueRef::I32(1));
    Ok(())
}
