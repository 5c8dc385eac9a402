//! Results of any length in batches.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use shelfmark_core::{Channel, Engine as _, ErrorKind, ValueRef};
use shelfmark_postgres::PostgresEngine;

use crate::support::{
    BEGIN, Db, Keep, Observer, in_use, kept, one, pool_of, read, target, text, until, write,
};

fn series(to: u32) -> shelfmark_core::Call<'static> {
    read(
        &format!("SELECT n, repeat('x', 100) FROM generate_series(1, {to}) AS n"),
        Vec::new(),
    )
}

#[tokio::test]
async fn all_rows_come_in_batches() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    for length in [0, 1, 256, 257, 10_000] {
        let mut batches = db.engine.stream(series(length), Box::new(Keep::default()));
        let mut expected = 1;
        while let Some(batch) = batches.next().await {
            let rows = kept(batch?);
            assert!(!rows.is_empty() && rows.len() <= 256);
            for row in rows {
                assert_eq!(row[0], ValueRef::I32(expected));
                expected += 1;
            }
        }
        assert_eq!(u32::try_from(expected)?, length + 1);
    }
    assert_eq!(
        one(&*db.engine, "SELECT current_setting('statement_timeout')").await?,
        text("31s")
    );
    Ok(())
}

#[tokio::test]
async fn a_dropped_stream_stops_the_server_and_frees_its_slot() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let observer = db.observer().await?;
    for taken in [0, 1, 3] {
        let mut batches = db
            .engine
            .stream(series(50_000_000), Box::new(Keep::default()));
        for _ in 0..taken {
            batches.next().await.transpose()?;
        }
        drop(batches);
        let begun = std::time::Instant::now();
        assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        observer.until("state = 'active'", 0).await?;
        assert_eq!(
            one(&*db.engine, "SELECT current_setting('statement_timeout')").await?,
            text("31s")
        );
    }
    Ok(())
}

/// The bytes this process holds, from the kernel.
fn resident() -> anyhow::Result<usize> {
    let pages: usize = std::fs::read_to_string("/proc/self/statm")?
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .parse()?;
    Ok(pages * 4096)
}

#[tokio::test]
async fn a_slow_reader_holds_the_server_back_and_not_the_rows() -> anyhow::Result<()> {
    let db = Db::limited(pool_of(1), Duration::from_secs(1)).await?;
    let sql = "SELECT repeat('x', 10000) FROM generate_series(1, 100000)";
    let mut batches = db
        .engine
        .stream(read(sql, Vec::new()), Box::new(Keep::default()));
    let first = batches.next().await.transpose()?;
    assert!(first.is_some());
    drop(first);
    let before = resident()?;
    // Longer than the deadline of a statement: the reader's own time does not count.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let mut rows = 0;
    let mut most = 0;
    while let Some(batch) = batches.next().await {
        rows += kept(batch?).len();
        most = most.max(resident()?);
    }
    assert!(rows > 99_000, "{rows}");
    let grown = most.saturating_sub(before);
    assert!(grown < 50 << 20, "a result of 1 GB took {grown} bytes");
    Ok(())
}

/// How many rows the server has made, once it makes no further ones.
async fn made(observer: &Observer) -> anyhow::Result<usize> {
    let mut before = 0;
    for _ in 0..200 {
        let now = observer
            .text("SELECT last_value FROM progress")
            .await?
            .parse()?;
        if now == before {
            return Ok(now);
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the server makes rows although nobody takes them: {before}")
}

#[tokio::test]
async fn a_million_rows_are_made_no_faster_than_they_are_read() -> anyhow::Result<()> {
    let db = Db::with(pool_of(2)).await?;
    db.script("CREATE SEQUENCE progress").await?;
    let observer = db.observer().await?;
    let sql = "SELECT nextval('progress'), repeat('x', 300) FROM generate_series(1, 1000000)";
    let session = db.engine.begin(BEGIN).await?;
    for (place, reads_to_the_end) in [(&*db.engine as &dyn Channel, true), (&*session, false)] {
        observer.run("ALTER SEQUENCE progress RESTART").await?;
        let mut batches = place.stream(read(sql, Vec::new()), Box::new(Keep::default()));
        let mut taken = 0;
        for _ in 0..5 {
            for _ in 0..20 {
                let batch = batches.next().await.transpose()?;
                taken += batch.context("it ended")?.held();
            }
            // What is under way is in the buffers of two sockets, of at most some megabytes each.
            let ahead = made(&observer).await? - taken;
            assert!(ahead < 100_000, "{ahead} rows ahead of the reader");
        }
        while let Some(batch) = batches.next().await {
            taken += batch?.held();
            if !reads_to_the_end {
                break;
            }
        }
        drop(batches);
        observer.until("state = 'active'", 0).await?;
        if reads_to_the_end {
            assert_eq!(taken, 1_000_000);
        } else {
            assert!(made(&observer).await? < 200_000);
        }
    }
    session.rollback().await?;
    until("the place is free", || in_use(&db) == 0).await
}

#[tokio::test]
async fn a_batch_that_does_not_come_in_time_is_an_error() -> anyhow::Result<()> {
    let db = Db::limited(pool_of(1), Duration::from_millis(500)).await?;
    let sql = "SELECT n FROM generate_series(1, 2) AS n, pg_sleep(60 * (n - 1))";
    let mut batches = db
        .engine
        .stream(read(sql, Vec::new()), Box::new(Keep::default()));
    let error = batches.next().await.map(Result::err).unwrap_or_default();
    assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::Timeout));
    assert!(batches.next().await.is_none());
    drop(batches);
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    Ok(())
}

#[tokio::test]
async fn a_stream_of_a_transaction_sees_its_writes_and_lets_it_go_on() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let session = db.engine.begin(BEGIN).await?;
    session
        .execute(write(
            "INSERT INTO t SELECT generate_series(1, 1000)",
            Vec::new(),
        ))
        .await?;
    let mut rows = 0;
    let mut batches = session.stream(
        read("SELECT n FROM t", Vec::new()),
        Box::new(Keep::default()),
    );
    while let Some(batch) = batches.next().await {
        rows += kept(batch?).len();
    }
    drop(batches);
    assert_eq!(rows, 1000);
    session
        .execute(write("INSERT INTO t VALUES (1001)", Vec::new()))
        .await?;
    session.commit().await?;
    assert_eq!(
        one(&*db.engine, "SELECT count(*) FROM t").await?,
        ValueRef::I64(1001)
    );
    Ok(())
}

#[tokio::test]
async fn a_dropped_stream_of_a_transaction_leaves_nothing_but_the_rollback() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let observer = db.observer().await?;
    let session = db.engine.begin(BEGIN).await?;
    let mut batches = session.stream(series(10_000_000), Box::new(Keep::default()));
    batches.next().await.transpose()?;
    drop(batches);
    // At once, and not only when the transaction is over.
    observer.until("state = 'active'", 0).await?;
    let error = session.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    session.rollback().await?;
    until("the place is free", || in_use(&db) == 0).await?;
    assert_eq!(
        one(&*db.engine, "SELECT current_setting('statement_timeout')").await?,
        text("31s")
    );
    Ok(())
}

#[tokio::test]
async fn an_error_in_the_middle_comes_after_the_rows_before_it() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let sql = "SELECT 1 / (5000 - n) FROM generate_series(1, 10000) AS n";
    let mut batches = db
        .engine
        .stream(read(sql, Vec::new()), Box::new(Keep::default()));
    let mut rows = 0;
    let error = loop {
        match batches.next().await {
            Some(Ok(batch)) => rows += kept(batch).len(),
            Some(Err(error)) => break error,
            None => panic!("an error"),
        }
    };
    assert!(rows >= 4608, "{rows}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(batches.next().await.is_none());
    drop(batches);
    assert_eq!(one(&*db.engine, "SELECT 1").await?, ValueRef::I32(1));
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_read_no_further_gives_its_connection_back() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let target = target(db.base.url())?;
    let limit = Duration::from_millis(200);
    let engine = PostgresEngine::open(&target, &pool_of(1), Duration::from_secs(30))
        .await?
        .with_stream_idle_limit(limit);
    let mut batches = engine.stream(series(10_000_000), Box::new(Keep::default()));
    batches.next().await.transpose()?;
    // Waits for the only connection, and gets it.
    assert_eq!(one(&engine, "SELECT 1").await?, ValueRef::I32(1));
    assert_eq!(
        one(&engine, "SELECT current_setting('statement_timeout')").await?,
        text("31s")
    );
    let error = loop {
        match batches.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("it ended as if it were whole"),
        }
    };
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(
        error.to_string(),
        "no row of the stream was taken for 200ms, so its connection was given back; read a stream without such \
         pauses, or in pages"
    );
    assert!(batches.next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn a_transaction_whose_stream_is_read_no_further_is_rolled_back() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    db.script("CREATE TABLE t (n int)").await?;
    let observer = db.observer().await?;
    let engine = PostgresEngine::open(&db.target, &pool_of(1), Duration::from_secs(30))
        .await?
        .with_stream_idle_limit(Duration::from_millis(200));
    let session = engine.begin(BEGIN).await?;
    session
        .execute(write("INSERT INTO t VALUES (1)", Vec::new()))
        .await?;
    let mut batches = session.stream(series(10_000_000), Box::new(Keep::default()));
    batches.next().await.transpose()?;
    // Waits for the only connection, and gets it, although nobody has polled or dropped anything of the transaction.
    let settings = "SELECT current_setting('statement_timeout') || (SELECT count(*) FROM t)";
    assert_eq!(one(&engine, settings).await?, text("31s0"));
    observer
        .until("state = 'active' OR state LIKE 'idle in transaction%'", 0)
        .await?;
    let error = batches.next().await.map(Result::err).unwrap_or_default();
    let error = error.context("no error")?;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(
        error.to_string(),
        "no row of the stream was taken for 200ms, so its transaction was rolled back; read a stream without such \
         pauses, or in pages"
    );
    assert!(batches.next().await.is_none());
    drop(batches);
    let insert = session
        .execute(write("INSERT INTO t VALUES (2)", Vec::new()))
        .await;
    for outcome in [insert.map(drop), session.commit().await] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        assert_eq!(
            error.to_string(),
            "no row of a stream of the transaction was taken for 200ms, so it was rolled back"
        );
    }
    session.rollback().await?;
    drop(session);
    assert_eq!(
        one(&engine, "SELECT count(*) FROM t").await?,
        ValueRef::I64(0)
    );
    Ok(())
}

#[tokio::test]
async fn a_stream_of_a_transaction_that_is_read_slowly_is_kept() -> anyhow::Result<()> {
    let db = Db::with(pool_of(1)).await?;
    let engine = PostgresEngine::open(&db.target, &pool_of(1), Duration::from_secs(30))
        .await?
        .with_stream_idle_limit(Duration::from_millis(400));
    let session = engine.begin(BEGIN).await?;
    let mut batches = session.stream(series(256 * 12), Box::new(Keep::default()));
    let mut rows = 0;
    // Longer than the limit as a whole, and each pause is shorter.
    while let Some(batch) = batches.next().await {
        rows += kept(batch?).len();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    drop(batches);
    assert_eq!(rows, 256 * 12);
    session.commit().await?;
    Ok(())
}
