//! Streams: batches, back-pressure, early ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use shelfmark_core::{Channel, Engine, ErrorKind, Flow, RawRow, Result, RowSink};
use shelfmark_sqlite::SqliteEngine;

use crate::support::*;

fn numbers(count: usize) -> String {
    format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {count}) SELECT i FROM n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_gives_every_row_once_and_in_order() -> Outcome {
    for db in both().await? {
        for count in [0, 1, 255, 256, 257, 10_000] {
            let sql = numbers(count.max(1));
            let sql = if count == 0 { "SELECT a FROM t" } else { &sql };
            let sinks: Vec<_> = db
                .engine
                .stream(read(sql), Box::<Cells>::default())
                .map_ok(cells)
                .try_collect()
                .await?;
            let rows: Vec<_> = sinks.into_iter().flat_map(|cells| cells.rows).collect();
            assert_eq!(rows.len(), count);
            let expected = (1..).map(shelfmark_core::ValueRef::I64);
            assert!(
                rows.iter()
                    .zip(expected)
                    .all(|(row, value)| row[0] == value)
            );
        }
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

/// Counts how many rows were read, over all batches.
struct Counting {
    read: Arc<AtomicUsize>,
    held: usize,
}

impl RowSink for Counting {
    fn start(&mut self, _: &[&str]) -> Result<()> {
        Ok(())
    }
    fn row(&mut self, _: &dyn RawRow) -> Result<Flow> {
        self.read.fetch_add(1, Ordering::SeqCst);
        self.held += 1;
        Ok(Flow::More)
    }
    fn held(&self) -> usize {
        self.held
    }
    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(Counting {
            read: Arc::clone(&self.read),
            held: 0,
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_reads_a_few_batches_ahead_and_no_more() -> Outcome {
    let db = file().await?;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let rows_read = Arc::new(AtomicUsize::new(0));
    let sink = Counting {
        read: Arc::clone(&rows_read),
        held: 0,
    };
    let mut batches = db.engine.stream(read(endless), Box::new(sink));
    for taken in 1..=20 {
        let batch = batches.next().await.ok_or("it ended")??;
        assert_eq!(batch.held(), 256);
        let ahead = rows_read.load(Ordering::SeqCst) - taken * 256;
        assert!(ahead <= 4 * 256, "{ahead} rows ahead");
    }
    assert_eq!(db.engine.status().in_use, 1);
    // A dropped stream frees its connection, also while it waits for its reader.
    drop(batches);
    db.assert_nothing_is_left_open().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_are_read_without_being_held() -> Outcome {
    let db = file().await?;
    let session = begin(&*db.engine).await?;
    let places: [&dyn Channel; 2] = [&*db.engine, &*session];
    for place in places {
        let rows_read = Arc::new(AtomicUsize::new(0));
        let sink = Counting {
            read: Arc::clone(&rows_read),
            held: 0,
        };
        let sql = numbers(1_000_000);
        let mut batches = place.stream(read(&sql), Box::new(sink));
        let mut taken = 0;
        while let Some(batch) = batches.next().await {
            taken += batch?.held();
            let ahead = rows_read.load(Ordering::SeqCst) - taken;
            assert!(ahead <= 4 * 256, "{ahead} rows ahead");
            if taken % (100_000 / 256 * 256) == 0 {
                // Long enough to read ahead as far as it ever would.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        assert_eq!(taken, 1_000_000);
    }
    session.commit().await?;
    db.assert_nothing_is_left_open().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_dropped_in_the_middle_reads_no_further_and_frees_its_connection() -> Outcome {
    let db = file().await?;
    let session = begin(&*db.engine).await?;
    let places: [&dyn Channel; 2] = [&*db.engine, &*session];
    for place in places {
        let rows_read = Arc::new(AtomicUsize::new(0));
        let sink = Counting {
            read: Arc::clone(&rows_read),
            held: 0,
        };
        let sql = numbers(1_000_000);
        let mut batches = place.stream(read(&sql), Box::new(sink));
        batches.next().await.ok_or("it was empty")??;
        drop(batches);
        // The next statement of a transaction has the connection, so nobody reads on it.
        assert_eq!(number(place, "SELECT count(*) FROM t").await?, 0);
        let ahead = rows_read.load(Ordering::SeqCst);
        assert!(ahead <= 5 * 256, "{ahead} rows were read");
    }
    session.rollback().await?;
    drop(session);
    db.assert_nothing_is_left_open().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_dropped_while_sqlite_works_stops_it() -> Outcome {
    let db = file().await?;
    let mut batches = db.engine.stream(read(ENDLESS), Box::<Cells>::default());
    assert!(
        dropped_after(batches.next(), Duration::from_millis(30))
            .await
            .is_none()
    );
    drop(batches);
    db.assert_nothing_is_left_open().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_a_stream_is_its_last_item() -> Outcome {
    for db in both().await? {
        let mut wrong = db
            .engine
            .stream(read("SELECT * FROM missing"), Box::<Cells>::default());
        let error = wrong
            .next()
            .await
            .ok_or("it was empty")?
            .err()
            .ok_or("it ran")?;
        assert!(error.to_string().contains("no such table"), "{error}");
        assert!(wrong.next().await.is_none());

        db.execute("INSERT INTO t SELECT 1 FROM json_each('[1,2,3]')")
            .await?;
        let sql = "SELECT CASE WHEN a = 1 THEN abs(-9223372036854775808) END FROM t";
        let items: Vec<_> = db
            .engine
            .stream(read(sql), Box::<Cells>::default())
            .collect()
            .await;
        assert_eq!(items.len(), 1);
        let error = items
            .into_iter()
            .next()
            .and_then(Result::err)
            .ok_or("it ran")?;
        assert_eq!(error.kind(), ErrorKind::Other);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_a_write_is_written_as_a_whole() -> Outcome {
    for db in both().await? {
        let sql = format!("INSERT INTO t {} RETURNING a", numbers(1_000));
        let mut batches = db.engine.stream(write(&sql), Box::<Cells>::default());
        batches.next().await.ok_or("it was empty")??;
        drop(batches);
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 1_000);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_in_a_transaction_sees_it_and_may_end_early() -> Outcome {
    for db in both().await? {
        let session = begin(&*db.engine).await?;
        let sql = format!("INSERT INTO t {}", numbers(5_000));
        session.execute(write(&sql)).await?;
        let mut batches = session.stream(read("SELECT a FROM t"), Box::<Cells>::default());
        batches.next().await.ok_or("it was empty")??;
        drop(batches);
        session.execute(write("DELETE FROM t WHERE a > 10")).await?;
        session.commit().await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 10);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory_a_stream_holds_nothing_up() -> Outcome {
    let db = memory_with(&settings()).await?;
    db.execute(&format!("INSERT INTO t {}", numbers(5_000)))
        .await?;
    let mut batches = db
        .engine
        .stream(read("SELECT a FROM t"), Box::<Cells>::default());
    batches.next().await.ok_or("it was empty")??;
    assert_eq!(db.engine.status().in_use, 0);
    assert_eq!(db.execute("DELETE FROM t").await?, 5_000);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_read_no_further_gives_its_connection_back() -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut settings = settings();
    settings.max = 1;
    let engine = SqliteEngine::open(&folder.path().join("test.db"), &settings)
        .await?
        .with_stream_idle_limit(Duration::from_millis(100));
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let mut batches = engine.stream(read(endless), Box::<Cells>::default());
    batches.next().await.ok_or("it ended")??;
    // Waits for the only reader, and gets it.
    assert_eq!(number(&engine, "SELECT 1").await?, 1);
    let mut last = None;
    while let Some(batch) = batches.next().await {
        last = batch.err();
    }
    let error = last.ok_or("the stream ended as if it were whole")?;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(
        error.to_string(),
        "no row of the stream was taken for 100ms, so its connection was given back; read a stream without such \
         pauses, or in pages"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_stream_is_read_no_further_is_rolled_back() -> Outcome {
    let folder = tempfile::tempdir()?;
    let engine = SqliteEngine::open(&folder.path().join("test.db"), &settings())
        .await?
        .with_stream_idle_limit(Duration::from_millis(100));
    engine.execute(write("CREATE TABLE t (a INTEGER)")).await?;
    let session = begin(&engine).await?;
    session.execute(write("INSERT INTO t VALUES (1)")).await?;
    let sql = numbers(1_000_000);
    let mut batches = session.stream(read(&sql), Box::<Cells>::default());
    batches.next().await.ok_or("it ended")??;
    // Waits for the writer, which is free although nobody has polled or dropped anything of the transaction.
    engine.execute(write("INSERT INTO t VALUES (2)")).await?;
    assert_eq!(number(&engine, "SELECT sum(a) FROM t").await?, 2);
    let mut last = None;
    while let Some(batch) = batches.next().await {
        last = batch.err();
    }
    drop(batches);
    let error = last.ok_or("the stream ended as if it were whole")?;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(
        error.to_string(),
        "no row of the stream was taken for 100ms, so its transaction was rolled back; read a stream without such \
         pauses, or in pages"
    );
    let insert = session.execute(write("INSERT INTO t VALUES (3)")).await;
    for outcome in [insert.map(drop), session.commit().await] {
        let error = outcome.err().ok_or("it went on")?;
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        assert_eq!(
            error.to_string(),
            "no row of a stream of the transaction was taken for 100ms, so it was rolled back"
        );
    }
    session.rollback().await?;
    drop(session);
    assert_eq!(number(&engine, "SELECT sum(a) FROM t").await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_last_rows_are_taken_late_is_whole() -> Outcome {
    let folder = tempfile::tempdir()?;
    let engine = SqliteEngine::open(&folder.path().join("test.db"), &settings())
        .await?
        .with_stream_idle_limit(Duration::from_millis(50));
    // As much as fits ahead of the reader: the query is over although nothing was taken.
    let sql = numbers(2 * 256);
    let batches = engine.stream(read(&sql), Box::<Cells>::default());
    let mut batches = std::pin::pin!(batches);
    let first = batches.next().await.ok_or("it was empty")??;
    eventually("the connection is free", || engine.status().in_use == 0).await;
    let rest: Vec<_> = batches.map_ok(cells).try_collect().await?;
    assert_eq!(
        cells(first).rows.len() + rest.iter().map(|cells| cells.rows.len()).sum::<usize>(),
        512
    );
    Ok(())
}
