//! Waiting for a connection: in order, bounded, and with the holder's name when it was in vain.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shelfmark_core::{BeginOptions, Engine, ErrorKind};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn waiting_in_vain_names_the_holder() -> Outcome {
    let mut settings = settings();
    settings.acquire_timeout = Duration::from_millis(100);
    settings.max = 1;
    for db in [file_with(&settings).await?, memory_with(&settings).await?] {
        let session = db
            .engine
            .begin(BeginOptions {
                label: "src/add_show.rs:42",
                ..options()
            })
            .await?;
        let status = db.engine.status();
        assert_eq!(status.in_use, 1);
        assert_eq!(status.holders[0].method, "src/add_show.rs:42");
        let error = db.execute("INSERT INTO t VALUES (1)").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PoolExhausted);
        let text = error.to_string();
        assert!(
            text.contains("max 1, in use 1, idle 0, waiting 1"),
            "{text}"
        );
        assert!(
            text.contains("held longest: src/add_show.rs:42 for 0."),
            "{text}"
        );
        session.rollback().await?;
        assert_eq!(db.execute("INSERT INTO t VALUES (1)").await?, 1);
        assert_eq!(db.engine.status().waiting, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_are_as_many_as_the_settings_say_and_opened_when_needed() -> Outcome {
    let mut settings = settings();
    settings.acquire_timeout = Duration::from_millis(100);
    settings.max = 2;
    let db = file_with(&settings).await?;
    assert_eq!(db.engine.status().max, 3);
    assert_eq!(db.engine.status().open, 1, "the writer");
    let first = begin_reading(&*db.engine).await?;
    let second = begin_reading(&*db.engine).await?;
    assert_eq!(db.engine.status().open, 3);
    let error = db.number("SELECT 1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolExhausted);
    // The writer is not touched by that.
    assert_eq!(db.execute("INSERT INTO t VALUES (1)").await?, 1);
    first.commit().await?;
    assert_eq!(db.number("SELECT 1").await?, 1);
    second.commit().await?;
    assert_eq!(db.engine.status().idle, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_are_served_in_the_order_of_their_coming() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for turn in 0..10 {
            let engine = Arc::clone(&db.engine);
            let served = Arc::clone(&served);
            tasks.push(tokio::spawn(async move {
                let session = begin(&*engine).await?;
                served.lock().map_err(|error| error.to_string())?.push(turn);
                session.rollback().await?;
                Outcome::Ok(())
            }));
            eventually("it waits", || db.engine.status().waiting == turn + 1).await;
        }
        session.rollback().await?;
        for task in tasks {
            task.await??;
        }
        let served = served.lock().map_err(|error| error.to_string())?.clone();
        assert_eq!(served, (0..10).collect::<Vec<_>>());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory_reads_queue_behind_an_open_transaction() -> Outcome {
    let db = memory_with(&settings()).await?;
    let session = begin(&*db.engine).await?;
    session.execute(write("INSERT INTO t VALUES (1)")).await?;
    let count = tokio::spawn({
        let engine = Arc::clone(&db.engine);
        async move { number(&*engine, "SELECT count(*) FROM t").await }
    });
    eventually("the read waits", || db.engine.status().waiting == 1).await;
    session.commit().await?;
    assert_eq!(count.await??, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_engine_in_memory_is_a_database_of_its_own() -> Outcome {
    let (one, other) = (
        memory_with(&settings()).await?,
        memory_with(&settings()).await?,
    );
    one.execute("INSERT INTO t VALUES (1)").await?;
    assert_eq!(other.number("SELECT count(*) FROM t").await?, 0);
    Ok(())
}
