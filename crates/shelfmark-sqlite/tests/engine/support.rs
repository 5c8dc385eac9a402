//! Databases, calls and sinks for the tests.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use shelfmark_core::config::PoolSettings;
use shelfmark_core::{
    Access, BeginOptions, Call, Channel, Engine, Error, ErrorKind, Flow, Isolation, RawRow, Result,
    RowSink, Session, ValueRef,
};
use shelfmark_sqlite::SqliteEngine;
use tempfile::TempDir;

/// What a test gives back.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A query without an end.
pub(crate) const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// A write without an end; needs the table `t`.
pub(crate) const ENDLESS_WRITE: &str = "INSERT INTO t SELECT i FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)";

/// A database of one test, with the folder it is in.
pub(crate) struct TestDb {
    pub(crate) engine: Arc<SqliteEngine>,
    folder: Option<TempDir>,
}

impl TestDb {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder
            .as_ref()
            .map(|folder| folder.path().join("test.db"))
            .unwrap_or_default()
    }

    /// The engine, and the folder that is deleted when it is dropped.
    pub(crate) fn into_parts(self) -> (Arc<SqliteEngine>, Option<TempDir>) {
        (self.engine, self.folder)
    }

    /// A connection beside the engine, as another process would have one, that never waits.
    pub(crate) fn outsider(&self) -> Outcome<rusqlite::Connection> {
        let connection = rusqlite::Connection::open(self.path())?;
        connection.busy_timeout(Duration::ZERO)?;
        Ok(connection)
    }

    /// Waits until nobody holds a connection, then asks SQLite itself whether a lock or a snapshot is left.
    pub(crate) async fn assert_nothing_is_left_open(&self) -> Outcome {
        eventually("every connection is back", || {
            self.engine.status().in_use == 0
        })
        .await;
        if self.folder.is_none() {
            // The one connection begins a transaction, which fails inside another.
            let session = begin(&*self.engine).await?;
            session.rollback().await?;
            return Ok(());
        }
        let outsider = self.outsider()?;
        outsider.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
        let busy: i64 =
            outsider.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        assert_eq!(busy, 0, "a snapshot is still held");
        Ok(())
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<u64> {
        self.engine.execute(write(sql)).await
    }

    pub(crate) async fn number(&self, sql: &str) -> Result<i64> {
        number(&*self.engine, sql).await
    }
}

pub(crate) fn settings() -> PoolSettings {
    let mut settings = PoolSettings::default();
    settings.max = 4;
    settings.acquire_timeout = Duration::from_secs(20);
    settings
}

pub(crate) async fn file_with(settings: &PoolSettings) -> Outcome<TestDb> {
    let folder = tempfile::tempdir()?;
    let engine = SqliteEngine::open(&folder.path().join("test.db"), settings).await?;
    let db = TestDb {
        engine: Arc::new(engine),
        folder: Some(folder),
    };
    db.execute("CREATE TABLE t (a INTEGER)").await?;
    Ok(db)
}

pub(crate) async fn memory_with(settings: &PoolSettings) -> Outcome<TestDb> {
    let db = TestDb {
        engine: Arc::new(SqliteEngine::memory(settings)?),
        folder: None,
    };
    db.execute("CREATE TABLE t (a INTEGER)").await?;
    Ok(db)
}

/// A file with the table `t (a)`.
pub(crate) async fn file() -> Outcome<TestDb> {
    file_with(&settings()).await
}

/// Both kinds of databases, each with the table `t (a)`.
pub(crate) async fn both() -> Outcome<[TestDb; 2]> {
    Ok([file().await?, memory_with(&settings()).await?])
}

pub(crate) fn call<'a>(sql: &str, access: Access, params: Vec<ValueRef<'a>>) -> Call<'a> {
    Call {
        sql: sql.into(),
        params,
        specs: Vec::new(),
        method: "Tests::call",
        access,
        demand: None,
    }
}

pub(crate) fn read(sql: &str) -> Call<'static> {
    call(sql, Access::Read, Vec::new())
}

pub(crate) fn write(sql: &str) -> Call<'static> {
    call(sql, Access::Write, Vec::new())
}

pub(crate) fn session_call(sql: &str) -> Call<'static> {
    call(sql, Access::Session, Vec::new())
}

pub(crate) fn options() -> BeginOptions {
    BeginOptions {
        isolation: Isolation::ReadCommitted,
        read_only: false,
        label: "tests/transaction.rs:1",
        tenant: None,
    }
}

pub(crate) async fn begin(engine: &dyn Engine) -> Result<Arc<dyn Session>> {
    engine.begin(options()).await
}

pub(crate) async fn begin_reading(engine: &dyn Engine) -> Result<Arc<dyn Session>> {
    engine
        .begin(BeginOptions {
            read_only: true,
            ..options()
        })
        .await
}

/// Collects rows as values that own their text.
#[derive(Default)]
pub(crate) struct Cells {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<ValueRef<'static>>>,
    /// After this many rows it has enough.
    pub(crate) limit: Option<usize>,
    /// Where it was filled.
    pub(crate) thread: Option<ThreadId>,
}

impl RowSink for Cells {
    fn start(&mut self, columns: &[&str]) -> Result<()> {
        self.columns = columns.iter().map(|name| (*name).to_owned()).collect();
        self.thread = Some(std::thread::current().id());
        Ok(())
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        let cells: Result<Vec<_>, _> = (0..self.columns.len())
            .map(|index| row.value(index).map(owned))
            .collect();
        self.rows.push(
            cells.map_err(|error| Error::new(ErrorKind::Decode).with_detail(error.to_string()))?,
        );
        Ok(match self.limit {
            Some(limit) if self.rows.len() >= limit => Flow::Enough,
            _ => Flow::More,
        })
    }

    fn held(&self) -> usize {
        self.rows.len()
    }

    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(Cells {
            columns: self.columns.clone(),
            ..Cells::default()
        })
    }

    fn restart(&mut self) -> bool {
        self.columns.clear();
        self.rows.clear();
        true
    }
}

fn owned(value: ValueRef<'_>) -> ValueRef<'static> {
    match value {
        ValueRef::Null => ValueRef::Null,
        ValueRef::I64(value) => ValueRef::I64(value),
        ValueRef::F64(value) => ValueRef::F64(value),
        ValueRef::Text(text) => ValueRef::Text(text.into_owned().into()),
        ValueRef::Bytes(bytes) => ValueRef::Bytes(bytes.into_owned().into()),
        other => ValueRef::Text(format!("unexpected {}", other.type_name()).into()),
    }
}

pub(crate) fn cells(sink: Box<dyn RowSink>) -> Cells {
    let sink: Box<dyn Any> = sink;
    sink.downcast().map(|cells| *cells).unwrap_or_default()
}

pub(crate) async fn fetch(channel: &dyn Channel, call: Call<'_>) -> Result<Cells> {
    channel
        .fetch(call, Box::<Cells>::default())
        .await
        .map(cells)
}

pub(crate) async fn number(channel: &dyn Channel, sql: &str) -> Result<i64> {
    let found = fetch(channel, read(sql)).await?;
    match found.rows.first().and_then(|row| row.first()) {
        Some(ValueRef::I64(value)) => Ok(*value),
        other => Err(Error::new(ErrorKind::Decode).with_detail(format!("{sql} gave {other:?}"))),
    }
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Polls `future` up to `polls` times and drops it, if it was not ready by then.
pub(crate) async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        left = left.saturating_sub(1);
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Polls `future` until it was not ready once, then keeps it alive for `time`, then drops it.
pub(crate) async fn dropped_after<F: Future>(future: F, time: Duration) -> Option<F::Output> {
    tokio::time::timeout(time, future).await.ok()
}
