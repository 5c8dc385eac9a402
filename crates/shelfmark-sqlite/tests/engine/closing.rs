//! The end of a database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use shelfmark_core::{Channel, Engine, ErrorKind};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_database_refuses_every_call() -> Outcome {
    for db in both().await? {
        db.number("SELECT 1").await?;
        db.engine.close(Duration::from_secs(5)).await?;
        for error in [
            db.number("SELECT 1").await.map(drop).unwrap_err(),
            db.execute("DELETE FROM t").await.map(drop).unwrap_err(),
            begin(&*db.engine).await.map(drop).unwrap_err(),
            db.engine.maintenance().await.map(drop).unwrap_err(),
            db.engine
                .describe("SELECT 1", &[])
                .await
                .map(drop)
                .unwrap_err(),
            db.engine.ping().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Connection);
            assert_eq!(error.to_string(), "the database was closed");
        }
        assert_eq!(db.engine.status().open, 0);
        db.engine.close(Duration::from_secs(5)).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_close_brings_the_log_home() -> Outcome {
    let db = file().await?;
    db.execute("INSERT INTO t VALUES (1)").await?;
    db.number("SELECT count(*) FROM t").await?;
    let log = db.path().with_file_name("test.db-wal");
    assert!(log.exists());
    db.engine.close(Duration::from_secs(5)).await?;
    assert!(!log.exists());
    let count: i64 = db
        .outsider()?
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))?;
    assert_eq!(count, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_what_runs() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        session.execute(write("INSERT INTO t VALUES (1)")).await?;
        let closing = tokio::spawn({
            let engine = Arc::clone(&db.engine);
            async move { engine.close(Duration::from_secs(20)).await }
        });
        // Refused from now on, while the transaction goes on.
        let mut refused = false;
        while !refused {
            refused = db.engine.ping().await.is_err();
        }
        session.execute(write("INSERT INTO t VALUES (2)")).await?;
        assert!(!closing.is_finished());
        session.commit().await?;
        closing.await??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_are_turned_away() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        let waiting = tokio::spawn({
            let engine = Arc::clone(&db.engine);
            async move { engine.execute(write("INSERT INTO t VALUES (1)")).await }
        });
        eventually("it waits", || db.engine.status().waiting == 1).await;
        let closing = tokio::spawn({
            let engine = Arc::clone(&db.engine);
            async move { engine.close(Duration::from_secs(20)).await }
        });
        let error = waiting.await?.unwrap_err();
        assert_eq!(error.to_string(), "the database was closed");
        drop(session);
        closing.await??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlasts_the_deadline_is_stopped_and_rolled_back() -> Outcome {
    let db = file().await?;
    // A statement that runs, a transaction that idles, a stream that nobody reads, a migration.
    let running = tokio::spawn({
        let engine = Arc::clone(&db.engine);
        async move { fetch(&*engine, read(ENDLESS)).await.map(drop) }
    });
    let idle = begin(&*db.engine).await?;
    idle.execute(write("INSERT INTO t VALUES (1)")).await?;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let mut stream = db.engine.stream(read(endless), Box::<Cells>::default());
    stream.next().await.ok_or("it ended")??;
    eventually("all hold", || db.engine.status().in_use == 3).await;

    let began = Instant::now();
    let error = db
        .engine
        .close(Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let text = error.to_string();
    assert!(
        text.contains("cut off 3 calls still running after 50ms; running longest: "),
        "{text}"
    );
    assert!(!text.contains("does not let go"), "{text}");
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(db.engine.status().open, 0);
    let error = running.await?.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    let error = idle
        .execute(write("INSERT INTO t VALUES (2)"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(
        idle.commit().await.unwrap_err().kind(),
        ErrorKind::Connection
    );
    let mut last = None;
    while let Some(batch) = stream.next().await {
        last = batch.err();
    }
    let error = last.ok_or("the stream ended as if it were whole")?;
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    let count: i64 = db
        .outsider()?
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))?;
    assert_eq!(count, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_dropped_closes_its_connections() -> Outcome {
    let db = file().await?;
    let session = begin(&*db.engine).await?;
    session.execute(write("INSERT INTO t VALUES (1)")).await?;
    let outsider = db.outsider()?;
    let path = db.path().with_file_name("test.db-wal");
    let (engine, _folder) = db.into_parts();
    drop(engine);
    // The transaction is still whole without its engine.
    session.execute(write("INSERT INTO t VALUES (2)")).await?;
    session.commit().await?;
    drop(session);
    let count: i64 = outsider.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?;
    assert_eq!(count, 2);
    drop(outsider);
    eventually("the log is gone", || !path.exists()).await;
    Ok(())
}
