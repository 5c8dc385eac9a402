//! Readers and writers of one file, from one engine, two engines, and from outside.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shelfmark_core::{Channel, Engine, ErrorKind, Result};
use shelfmark_sqlite::SqliteEngine;

use crate::support::*;

async fn add_one(engine: &SqliteEngine) -> Result<()> {
    let session = begin(engine).await?;
    // Reads before it writes: as a deferred transaction this fails as soon as somebody wrote in between.
    let now = number(&*session, "SELECT max(a) FROM t").await?;
    let sql = format!("UPDATE t SET a = {}", now + 1);
    session.execute(write(&sql)).await?;
    session.commit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_on_one_file_never_see_database_is_locked() -> Outcome {
    let db = file().await?;
    db.execute("INSERT INTO t VALUES (0)").await?;
    let other = Arc::new(SqliteEngine::open(&db.path(), &settings()).await?);
    let mut tasks = Vec::new();
    for task in 0..16 {
        let engine = Arc::clone(if task % 2 == 0 { &db.engine } else { &other });
        tasks.push(tokio::spawn(async move {
            for _ in 0..10 {
                add_one(&engine).await?;
                number(&*engine, "SELECT count(*) FROM t").await?;
                engine.execute(write("UPDATE t SET a = a")).await?;
            }
            Outcome::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    assert_eq!(db.number("SELECT a FROM t").await?, 160);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_never_block_behind_an_open_write_transaction() -> Outcome {
    let db = file().await?;
    let session = begin(&*db.engine).await?;
    session.execute(write("INSERT INTO t VALUES (1)")).await?;
    for _ in 0..20 {
        let count =
            tokio::time::timeout(Duration::from_secs(5), db.number("SELECT count(*) FROM t"));
        assert_eq!(count.await??, 0, "what is not committed is not seen");
    }
    session.commit().await?;
    assert_eq!(db.number("SELECT count(*) FROM t").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_never_blocks_behind_an_open_reader() -> Outcome {
    let db = file().await?;
    let session = begin_reading(&*db.engine).await?;
    number(&*session, "SELECT count(*) FROM t").await?;
    let insert = db.execute("INSERT INTO t VALUES (1)");
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(5), insert).await??,
        1
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_another_process_is_waited_for_and_then_named() -> Outcome {
    let mut settings = settings();
    settings.acquire_timeout = Duration::from_millis(300);
    let db = file_with(&settings).await?;
    let outsider = db.outsider()?;
    outsider.execute_batch("BEGIN IMMEDIATE")?;
    let began = Instant::now();
    for error in [
        db.execute("INSERT INTO t VALUES (1)").await.unwrap_err(),
        begin(&*db.engine).await.err().ok_or("it began")?,
    ] {
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.is_retryable());
        assert_eq!(error.code(), Some("SQLITE_BUSY"));
        let text = error.to_string();
        assert!(text.contains("which another process holds"), "{text}");
        assert!(text.contains("waiting for a lock on"), "{text}");
        assert!(!text.contains("database is locked"), "{text}");
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(600), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    // Reading goes on meanwhile.
    assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
    outsider.execute_batch("COMMIT")?;
    assert_eq!(db.execute("INSERT INTO t VALUES (1)").await?, 1);
    db.assert_nothing_is_left_open().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_another_process_that_ends_in_time_is_not_noticed() -> Outcome {
    let db = file().await?;
    let outsider = db.outsider()?;
    outsider.execute_batch("BEGIN IMMEDIATE")?;
    let insert = tokio::spawn({
        let engine = Arc::clone(&db.engine);
        async move { engine.execute(write("INSERT INTO t VALUES (1)")).await }
    });
    eventually("the writer is taken", || db.engine.status().in_use == 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!insert.is_finished());
    outsider.execute_batch("COMMIT")?;
    assert_eq!(insert.await??, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_dropped_while_it_waits_for_another_process_lets_go_at_once() -> Outcome {
    let db = file().await?;
    let outsider = db.outsider()?;
    outsider.execute_batch("BEGIN IMMEDIATE")?;
    let insert = db.execute("INSERT INTO t VALUES (1)");
    assert!(
        dropped_after(insert, Duration::from_millis(30))
            .await
            .is_none()
    );
    let dropped = Instant::now();
    eventually("the writer is free", || db.engine.status().in_use == 0).await;
    assert!(dropped.elapsed() < Duration::from_millis(500));
    outsider.execute_batch("COMMIT")?;
    db.assert_nothing_is_left_open().await
}
