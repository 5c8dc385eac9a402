//! Writes of which nobody knows how they ended: an engine whose commits are lost, and one whose statements are.

#[path = "../../tests/cache/probe.rs"]
mod probe;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shelfmark_core::cache::Evictions;
use shelfmark_core::pool::PoolStatus;
use shelfmark_core::{
    Access, Args, BeginOptions, BoxFuture, BoxStream, Call, Channel, Description, Dialect, Engine,
    Error, ErrorKind, Executor as _, Handle, Maintenance, ParamSpec, Rendered, Result, RowSink,
    Session, Statement, Type, ValueRef, call,
};
use tokio::sync::Semaphore;

use crate::db::{Db, Shared};
use probe::Probe;

/// How a write ends for its caller. The database does it all the same.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// With this error.
    Lost(ErrorKind),
    /// Never.
    Hanging,
}

/// An engine that does what it is asked, and answers commits and statements of its own otherwise.
struct Faulty {
    inner: Arc<dyn Engine>,
    end: End,
    /// A permit for each write that is done and not answered.
    done: Arc<Semaphore>,
}

struct FaultySession {
    inner: Arc<dyn Session>,
    end: End,
    done: Arc<Semaphore>,
}

async fn ended<T>(end: End, done: &Semaphore) -> Result<T> {
    done.add_permits(1);
    match end {
        End::Lost(kind) => Err(Error::new(kind)),
        End::Hanging => std::future::pending().await,
    }
}

/// The methods of a channel that are passed on as they are.
macro_rules! passed_on {
    () => {
        fn dialect(&self) -> Dialect {
            self.inner.dialect()
        }
        fn now(&self) -> Timestamp {
            self.inner.now()
        }
        fn fetch<'a>(
            &'a self,
            call: Call<'a>,
            sink: Box<dyn RowSink>,
        ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
            self.inner.fetch(call, sink)
        }
        fn execute_many<'a>(
            &'a self,
            call: Call<'a>,
            columns: &'a [Type],
            rows: Vec<Vec<ValueRef<'a>>>,
        ) -> BoxFuture<'a, Result<u64>> {
            self.inner.execute_many(call, columns, rows)
        }
        fn fetch_many<'a>(
            &'a self,
            call: Call<'a>,
            columns: &'a [Type],
            rows: Vec<Vec<ValueRef<'a>>>,
            sink: Box<dyn RowSink>,
        ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
            self.inner.fetch_many(call, columns, rows, sink)
        }
        fn stream<'a>(
            &'a self,
            call: Call<'a>,
            sink: Box<dyn RowSink>,
        ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
            self.inner.stream(call, sink)
        }
    };
}

impl Channel for Faulty {
    passed_on!();

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.inner.execute(call).await?;
            ended(self.end, &self.done).await
        })
    }
}

impl Engine for Faulty {
    fn begin(&self, options: BeginOptions) -> BoxFuture<'_, Result<Arc<dyn Session>>> {
        Box::pin(async move {
            let session: Arc<dyn Session> = Arc::new(FaultySession {
                inner: self.inner.begin(options).await?,
                end: self.end,
                done: Arc::clone(&self.done),
            });
            Ok(session)
        })
    }
    fn maintenance(&self) -> BoxFuture<'_, Result<Arc<dyn Maintenance>>> {
        self.inner.maintenance()
    }
    fn describe<'a>(
        &'a self,
        sql: &'a str,
        specs: &'a [ParamSpec],
    ) -> BoxFuture<'a, Result<Description>> {
        self.inner.describe(sql, specs)
    }
    fn ping(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.ping()
    }
    fn status(&self) -> PoolStatus {
        self.inner.status()
    }
    fn close(&self, deadline: Duration) -> BoxFuture<'_, Result<()>> {
        self.inner.close(deadline)
    }
}

impl Channel for FaultySession {
    passed_on!();

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        self.inner.execute(call)
    }
}

impl Session for FaultySession {
    fn commit(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.inner.commit().await?;
            ended(self.end, &self.done).await
        })
    }
    fn rollback(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.rollback()
    }
    fn savepoint(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        self.inner.savepoint(depth)
    }
    fn release(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        self.inner.release(depth)
    }
    fn rollback_to(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        self.inner.rollback_to(depth)
    }
}

mod hearing;
mod together;

const fn statement(render: fn(Dialect) -> Result<String>) -> Statement {
    Statement {
        method: "tests",
        file: file!(),
        line: line!(),
        render,
        params: Vec::new,
        columns: || None,
        not_null: &[],
        access: Access::Write,
        slots: None,
        written: None,
        rendered: Rendered::new(),
    }
}

static CREATE: Statement =
    statement(|_| Ok("CREATE TABLE t (n INTEGER NOT NULL) STRICT".to_owned()));
static INSERT: Statement = statement(|_| Ok("INSERT INTO t VALUES (1)".to_owned()));

async fn insert(handle: &Handle) -> Result<()> {
    let handle = handle.evicting(Evictions::new().key("k"));
    call::execute(&handle, &INSERT, Args::default())
        .await
        .map(drop)
}

/// A database with a table `t`, whose writes end like this, and what its cache was asked.
async fn faulty(end: End) -> Result<(Db, Arc<Probe>, Arc<Semaphore>)> {
    let db = Db::memory().await?;
    call::execute(db.handle(), &CREATE, Args::default()).await?;
    let done = Arc::new(Semaphore::new(0));
    let mut shared = Shared::clone(&db.shared);
    shared.engine = Arc::new(Faulty {
        inner: Arc::clone(&shared.engine),
        end,
        done: Arc::clone(&done),
    });
    let probe = Arc::new(Probe::shared());
    let db = Db::of(shared).with_cache(Arc::clone(&probe));
    Ok((db, probe, done))
}

/// In a transaction.
async fn write_in_transaction(db: &Db) -> Result<()> {
    db.transaction(async |tx| insert(tx.handle()).await).await
}

/// In a transaction of its own.
async fn write(db: &Db) -> Result<()> {
    insert(db.handle()).await
}

#[tokio::test]
async fn a_write_of_unknown_outcome_evicts_before_its_answer_and_once_more() -> Result<()> {
    for kind in [
        ErrorKind::CommitUnknown,
        ErrorKind::Connection,
        ErrorKind::Timeout,
    ] {
        for alone in [false, true] {
            let (db, probe, _) = faulty(End::Lost(kind)).await?;
            let answer = match alone {
                true => write(&db).await,
                false => write_in_transaction(&db).await,
            };
            assert_eq!(answer.unwrap_err().kind(), kind);
            assert_eq!(probe.events.take(), ["announce k", "evict k"]);
            // Time passes by itself where nothing else is to be done.
            tokio::time::pause();
            let before = tokio::time::Instant::now();
            probe.events.wait_for("evict k", 1).await;
            assert!((4..=5).contains(&before.elapsed().as_secs()));
            tokio::time::resume();
            assert_eq!(probe.events.take(), ["evict k"]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_write_that_surely_failed_is_evicted_once() -> Result<()> {
    let (db, probe, _) = faulty(End::Lost(ErrorKind::Serialization)).await?;
    assert!(write(&db).await.is_err());
    assert!(write_in_transaction(&db).await.is_err());
    let events = ["announce k", "evict k", "announce k", "evict k"];
    assert_eq!(probe.events.take(), events);
    drop(db);
    // Nothing was left to be evicted with the last handle.
    assert!(probe.events.take().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_write_that_is_dropped_while_it_is_done_evicts_at_once_and_once_more() -> Result<()> {
    for alone in [false, true] {
        let (db, probe, done) = faulty(End::Hanging).await?;
        let writing = tokio::spawn({
            let db = db.clone();
            async move {
                match alone {
                    true => write(&db).await,
                    false => write_in_transaction(&db).await,
                }
            }
        });
        done.acquire().await.unwrap().forget();
        assert_eq!(probe.events.take(), ["announce k"]);
        writing.abort();
        assert!(writing.await.unwrap_err().is_cancelled());
        assert_eq!(probe.events.take(), ["background k"]);
        tokio::time::pause();
        probe.events.wait_for("evict k", 1).await;
        tokio::time::resume();
        assert_eq!(probe.events.take(), ["evict k"]);
    }
    Ok(())
}

#[tokio::test]
async fn the_last_handle_evicts_what_would_be_evicted_once_more() -> Result<()> {
    let (db, probe, _) = faulty(End::Lost(ErrorKind::CommitUnknown)).await?;
    for _ in 0..3 {
        assert!(write(&db).await.is_err());
    }
    probe.events.take();
    drop(db);
    assert_eq!(probe.events.take(), ["background k"]);
    Ok(())
}

/// On a thread without a runtime nothing can be awaited, and the drop evicts all the same.
#[test]
fn a_write_that_is_dropped_outside_of_its_runtime_evicts() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (db, probe, done) = runtime.block_on(faulty(End::Hanging))?;
    let mut writing = Box::pin(write(&db));
    runtime.block_on(async {
        tokio::select! {
            _ = &mut writing => {}
            _ = done.acquire() => {}
        }
    });
    assert_eq!(probe.events.take(), ["announce k"]);
    drop(writing);
    assert_eq!(probe.events.take(), ["background k"]);
    drop(db);
    drop(runtime);
    assert_eq!(probe.events.take(), ["background k"]);
    Ok(())
}
