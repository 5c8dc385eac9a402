//! Reads in line with their caller: on its thread, never with rows twice, and never where something must be waited for.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;

use futures_util::FutureExt as _;
use shelfmark_core::{
    Access, Call, Channel, Engine, ErrorKind, Flow, RawRow, Result, RowSink, ValueRef,
};

use crate::support::*;

/// Gives the numbers up to `?1`, as quick or as slow as that makes it.
const NUMBERS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT i FROM n";

fn numbers(up_to: i64) -> Call<'static> {
    call(NUMBERS, Access::Read, vec![ValueRef::I64(up_to)])
}

/// Whether the call is answered on the thread of the test, which is the only one of its runtime.
async fn is_in_line(db: &TestDb, call: Call<'_>) -> Result<bool> {
    let found = fetch(&*db.engine, call).await?;
    Ok(found.thread == Some(std::thread::current().id()))
}

/// Reads until it is known that the statement is quick, which takes long on a busy machine.
async fn read_until_in_line(db: &TestDb, call: Call<'_>) -> Outcome {
    for _ in 0..5_000 {
        if is_in_line(db, call.clone()).await? {
            return Ok(());
        }
    }
    Err("it never ran in line".into())
}

#[tokio::test]
async fn a_quick_read_is_answered_where_it_is_called() -> Outcome {
    for db in both().await? {
        db.execute("INSERT INTO t VALUES (7)").await?;
        let sql = "SELECT a FROM t WHERE a = ?1";
        let call = |a: i64| call(sql, Access::Read, vec![ValueRef::I64(a)]);
        assert!(!is_in_line(&db, call(7)).await?, "it was never run before");
        read_until_in_line(&db, call(7)).await?;
        assert_eq!(
            fetch(&*db.engine, call(7)).await?.rows,
            [[ValueRef::I64(7)]]
        );
        assert!(fetch(&*db.engine, call(8)).await?.rows.is_empty());
        assert_eq!(fetch(&*db.engine, call(8)).await?.columns, ["a"]);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_read_that_takes_too_long_in_line_gives_each_row_once() -> Outcome {
    for db in both().await? {
        for up_to in [20_000, 200_000] {
            read_until_in_line(&db, numbers(3)).await?;
            let found = fetch(&*db.engine, numbers(up_to)).await?;
            assert!(found.thread != Some(std::thread::current().id()));
            assert_eq!(found.columns, ["i"]);
            let expected: Vec<_> = (1..=up_to).map(|i| vec![ValueRef::I64(i)]).collect();
            assert!(found.rows == expected, "{} rows", found.rows.len());
            assert!(!is_in_line(&db, numbers(3)).await?, "it was slow just now");
        }
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_read_that_is_stopped_in_line_harms_no_other() -> Outcome {
    for db in both().await? {
        db.execute("INSERT INTO t VALUES (7)").await?;
        for _ in 0..20 {
            read_until_in_line(&db, numbers(3)).await?;
            let endless = fetch(&*db.engine, numbers(i64::MAX));
            assert!(
                dropped_after(endless, Duration::from_millis(2))
                    .await
                    .is_none()
            );
            for _ in 0..5 {
                assert_eq!(db.number("SELECT a FROM t").await?, 7);
            }
        }
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_limit_of_rows_holds_in_line_as_well() -> Outcome {
    let db = file().await?;
    read_until_in_line(&db, numbers(3)).await?;
    let sink = Cells {
        limit: Some(2),
        ..Cells::default()
    };
    let found = db.engine.fetch(numbers(i64::MAX), Box::new(sink)).await?;
    assert_eq!(cells(found).rows.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_failure_is_the_same_in_line() -> Outcome {
    for db in both().await? {
        let sql = "SELECT json(?1)";
        let call = |text: &'static str| call(sql, Access::Read, vec![ValueRef::Text(text.into())]);
        let first = fetch(&*db.engine, call("{"))
            .await
            .err()
            .ok_or("it is no JSON")?;
        read_until_in_line(&db, call("{}")).await?;
        let later = fetch(&*db.engine, call("{"))
            .await
            .err()
            .ok_or("it is no JSON")?;
        assert_eq!(later.kind(), first.kind());
        assert_eq!(later.to_string(), first.to_string());
        let missing = fetch(&*db.engine, read(sql))
            .await
            .err()
            .ok_or("no value")?;
        assert_eq!(missing.kind(), ErrorKind::Encode);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

/// Refuses or panics at its second row; starts over when it is asked to, if it can.
struct AtSecond {
    rows: usize,
    panics: bool,
    starts_over: bool,
    thread: Option<ThreadId>,
}

impl RowSink for AtSecond {
    fn start(&mut self, _: &[&str]) -> Result<()> {
        self.thread = Some(std::thread::current().id());
        Ok(())
    }
    fn row(&mut self, _: &dyn RawRow) -> Result<Flow> {
        self.rows += 1;
        if self.rows == 2 {
            assert!(!self.panics, "the decoder is broken");
            return Err(shelfmark_core::Error::new(ErrorKind::Decode));
        }
        Ok(Flow::More)
    }
    fn held(&self) -> usize {
        self.rows
    }
    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(AtSecond { ..*self })
    }
    fn restart(&mut self) -> bool {
        self.rows = 0;
        self.starts_over
    }
}

#[tokio::test]
async fn a_sink_that_refuses_or_panics_in_line_gives_the_connection_back() -> Outcome {
    for db in both().await? {
        for panics in [false, true] {
            read_until_in_line(&db, numbers(3)).await?;
            let sink = AtSecond {
                rows: 0,
                panics,
                starts_over: true,
                thread: None,
            };
            let fetched = AssertUnwindSafe(db.engine.fetch(numbers(3), Box::new(sink)));
            match fetched.catch_unwind().await {
                Ok(answer) => {
                    let refused = answer.err().ok_or("it was not refused")?;
                    assert_eq!(refused.kind(), ErrorKind::Decode);
                }
                Err(_) => assert!(panics),
            }
            db.assert_nothing_is_left_open().await?;
            read_until_in_line(&db, numbers(3)).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_sink_that_cannot_start_over_is_never_filled_in_line() -> Outcome {
    let db = file().await?;
    read_until_in_line(&db, numbers(1)).await?;
    for _ in 0..5 {
        let sink = AtSecond {
            rows: 0,
            panics: false,
            starts_over: false,
            thread: None,
        };
        let sink: Box<dyn Any> = db.engine.fetch(numbers(1), Box::new(sink)).await?;
        let sink: Box<AtSecond> = sink.downcast().map_err(|_| "another sink")?;
        assert!(sink.rows == 1 && sink.thread != Some(std::thread::current().id()));
    }
    db.assert_nothing_is_left_open().await
}

#[tokio::test]
async fn a_read_waits_for_a_connection_like_all_others() -> Outcome {
    let mut one_reader = settings();
    one_reader.max = 1;
    for db in [
        file_with(&one_reader).await?,
        memory_with(&one_reader).await?,
    ] {
        read_until_in_line(&db, numbers(1)).await?;
        let session = begin_reading(&*db.engine).await?;
        let mut waiting = Box::pin(fetch(&*db.engine, numbers(1)));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(db.engine.status().waiting, 1);
        session.rollback().await?;
        // Who waits has the connection now, before who comes later.
        let later = polled(fetch(&*db.engine, numbers(1)), 1).await;
        assert!(later.is_none());
        assert_eq!(waiting.await?.rows, [[ValueRef::I64(1)]]);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_change_of_the_schema_is_seen_in_line() -> Outcome {
    for db in both().await? {
        db.execute("INSERT INTO t VALUES (7)").await?;
        let all = read("SELECT * FROM t");
        read_until_in_line(&db, all.clone()).await?;
        db.execute("ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'new'")
            .await?;
        let found = fetch(&*db.engine, all).await?;
        assert_eq!(found.columns, ["a", "b"]);
        assert_eq!(
            found.rows,
            [[ValueRef::I64(7), ValueRef::Text("new".into())]]
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_task_that_only_reads_in_line_lets_others_run() -> Outcome {
    let db = file().await?;
    read_until_in_line(&db, numbers(1)).await?;
    let other = tokio::spawn(async {});
    let mut reads = 0_u32;
    while !other.is_finished() {
        fetch(&*db.engine, numbers(1)).await?;
        reads += 1;
        assert!(reads < 100_000, "nobody else ever ran");
    }
    Ok(())
}

/// What the call comes to on the spot, if it comes to anything there.
fn now(db: &TestDb, call: &Call<'_>) -> Result<Option<Cells>> {
    let mut cells = Cells::default();
    match db.engine.fetch_now(call.glance(), &mut cells) {
        None => {
            assert!(cells.rows.is_empty(), "rows of a read that was not run");
            Ok(None)
        }
        Some(now) => now.answer.map(|()| Some(cells)),
    }
}

/// What it comes to on the spot. On a busy machine it takes long until it is quick enough.
async fn on_the_spot(db: &TestDb, call: &Call<'_>) -> Outcome<Cells> {
    for _ in 0..5_000 {
        if let Some(found) = now(db, call)? {
            return Ok(found);
        }
        fetch(&*db.engine, call.clone()).await?;
    }
    Err("it was never answered on the spot".into())
}

#[tokio::test]
async fn a_quick_read_is_answered_on_the_spot_and_nothing_else_is() -> Outcome {
    for db in both().await? {
        assert!(now(&db, &numbers(3))?.is_none(), "it was never run before");
        let quick = numbers(3);
        on_the_spot(&db, &quick).await?;
        let found = on_the_spot(&db, &numbers(2)).await?;
        assert_eq!(found.rows, [[ValueRef::I64(1)], [ValueRef::I64(2)]]);
        // A new text, too few values, and a statement that writes.
        assert!(now(&db, &read("SELECT 1"))?.is_none());
        let without_values = Call {
            params: Vec::new(),
            ..quick.clone()
        };
        assert!(now(&db, &without_values)?.is_none());
        assert!(now(&db, &write("INSERT INTO t VALUES (7)"))?.is_none());
        // A sink that refuses a row refuses it here.
        let mut sink = AtSecond {
            rows: 0,
            panics: false,
            starts_over: true,
            thread: None,
        };
        let mut refused = None;
        for _ in 0..5_000 {
            on_the_spot(&db, &quick).await?;
            refused = db.engine.fetch_now(quick.glance(), &mut sink);
            if refused.is_some() {
                break;
            }
        }
        let refused = refused.and_then(|now| now.answer.err());
        let refused = refused.ok_or("it was not refused")?;
        assert_eq!(refused.kind(), ErrorKind::Decode);
        sink.starts_over = false;
        on_the_spot(&db, &quick).await?;
        let never = db.engine.fetch_now(quick.glance(), &mut sink);
        assert!(never.is_none());
        db.assert_nothing_is_left_open().await?;
        db.engine.close(Duration::from_secs(5)).await?;
        assert!(now(&db, &quick)?.is_none());
    }
    Ok(())
}

#[tokio::test]
async fn a_read_that_takes_too_long_on_the_spot_is_run_elsewhere_at_once() -> Outcome {
    for db in both().await? {
        let quick = numbers(3);
        on_the_spot(&db, &quick).await?;
        let long = Call {
            params: vec![ValueRef::I64(200_000)],
            ..quick
        };
        assert!(now(&db, &long)?.is_none());
        let found = fetch(&*db.engine, long).await?;
        assert!(found.thread != Some(std::thread::current().id()));
        assert_eq!(found.rows.len(), 200_000);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_task_reads_on_the_spot_until_its_turn_is_over() -> Outcome {
    let db = file().await?;
    let quick = numbers(1);
    on_the_spot(&db, &quick).await?;
    let mut reads = 0;
    while now(&db, &quick)?.is_some() {
        reads += 1;
        assert!(reads <= 128, "its turn never ends");
    }
    // It lets others run, and then goes on.
    on_the_spot(&db, &quick).await?;
    Ok(())
}

#[tokio::test]
async fn a_change_of_the_schema_is_seen_on_the_spot() -> Outcome {
    for db in both().await? {
        db.execute("INSERT INTO t VALUES (7)").await?;
        let all = read("SELECT * FROM t");
        on_the_spot(&db, &all).await?;
        db.execute("ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'new'")
            .await?;
        let found = on_the_spot(&db, &all).await?;
        assert_eq!(found.columns, ["a", "b"]);
        assert_eq!(
            found.rows,
            [[ValueRef::I64(7), ValueRef::Text("new".into())]]
        );
    }
    Ok(())
}

#[tokio::test]
async fn nobody_who_waits_is_overtaken_on_the_spot() -> Outcome {
    let mut one_reader = settings();
    one_reader.max = 1;
    let db = file_with(&one_reader).await?;
    let quick = numbers(1);
    on_the_spot(&db, &quick).await?;
    let session = begin_reading(&*db.engine).await?;
    let waiting = begin_reading(&*db.engine);
    let mut waiting = Box::pin(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    session.rollback().await?;
    assert!(now(&db, &quick)?.is_none());
    waiting.await?.rollback().await?;
    db.assert_nothing_is_left_open().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_rests_with_a_thread_is_had_by_whoever_needs_it() -> Outcome {
    let mut two_readers = settings();
    two_readers.max = 2;
    two_readers.acquire_timeout = Duration::from_secs(10);
    for db in [
        file_with(&two_readers).await?,
        memory_with(&two_readers).await?,
    ] {
        read_until_quick(&db, numbers(1)).await?;
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let engine = Arc::clone(&db.engine);
            tasks.push(tokio::spawn(async move {
                for _ in 0..2_000 {
                    fetch(&*engine, numbers(1)).await?;
                }
                Outcome::Ok(())
            }));
        }
        for _ in 0..3 {
            let engine = Arc::clone(&db.engine);
            tasks.push(tokio::spawn(async move {
                for _ in 0..200 {
                    let session = begin_reading(&*engine).await?;
                    fetch(&*session, numbers(1)).await?;
                    session.rollback().await?;
                }
                Outcome::Ok(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

/// Reads often enough that the statement is known as quick, if it is.
async fn read_until_quick(db: &TestDb, call: Call<'_>) -> Outcome {
    for _ in 0..100 {
        fetch(&*db.engine, call.clone()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_dropped_engine_leaves_no_connection_open() -> Outcome {
    let db = file().await?;
    read_until_in_line(&db, numbers(1)).await?;
    let path = db.path();
    let (engine, _folder) = db.into_parts();
    eventually("every connection is back", || engine.status().in_use == 0).await;
    drop(engine);
    // Only who has the file alone can take the write-ahead log away.
    let outsider = rusqlite::Connection::open(path)?;
    outsider.busy_timeout(Duration::ZERO)?;
    let mode: String = outsider.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    assert_eq!(mode, "delete");
    Ok(())
}

#[tokio::test]
async fn a_closed_database_answers_no_read_in_line() -> Outcome {
    for db in both().await? {
        read_until_in_line(&db, numbers(1)).await?;
        db.engine.close(Duration::from_secs(5)).await?;
        let error = fetch(&*db.engine, numbers(1))
            .await
            .err()
            .ok_or("it is closed")?;
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert_eq!(db.engine.status().open, 0);
    }
    Ok(())
}
