//! The runtime's own latency while SQLite works for long: on one thread, with a ticker that notices every delay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shelfmark_core::{Access, Call, ValueRef};
use tokio::task::JoinHandle;

use crate::support::*;

/// How much later the ticker may be than a thread of its own is on the same machine at the same time. They are alike on a
/// machine that is idle, and each has bad luck of its own on a busy one; what is bounded is a runtime that stands still.
const BOUND: Duration = Duration::from_millis(200);

/// How long the statements run.
const LONG: Duration = Duration::from_secs(2);

/// Somebody who wants to run every millisecond, and remembers how late that was at worst.
#[derive(Default)]
struct Clock {
    ends: AtomicBool,
    worst_us: AtomicU64,
    ticks: AtomicU64,
}

impl Clock {
    const PERIOD: Duration = Duration::from_millis(1);

    fn tick(&self, before: &mut Instant) {
        let late = before.elapsed().saturating_sub(Clock::PERIOD);
        let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.worst_us.fetch_max(late_us, Ordering::Relaxed);
        self.ticks.fetch_add(1, Ordering::Relaxed);
        *before = Instant::now();
    }

    fn ended(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    fn worst(&self) -> Duration {
        Duration::from_micros(self.worst_us.load(Ordering::Relaxed))
    }
}

/// A task that ticks, and beside it a thread, which is as late as the machine makes it.
struct Ticker {
    clock: Arc<Clock>,
    task: JoinHandle<()>,
    machine: Arc<Clock>,
    thread: std::thread::JoinHandle<()>,
}

impl Ticker {
    async fn start() -> Ticker {
        let (clock, machine) = (Arc::<Clock>::default(), Arc::<Clock>::default());
        let thread = std::thread::spawn({
            let machine = Arc::clone(&machine);
            move || {
                let mut before = Instant::now();
                while !machine.ended() {
                    std::thread::sleep(Clock::PERIOD);
                    machine.tick(&mut before);
                }
            }
        });
        let task = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move {
                let mut before = Instant::now();
                while !clock.ended() {
                    tokio::time::sleep(Clock::PERIOD).await;
                    clock.tick(&mut before);
                }
            }
        });
        eventually("it ticks", || clock.ticks.load(Ordering::Relaxed) > 3).await;
        Ticker {
            clock,
            task,
            machine,
            thread,
        }
    }

    /// Ends, and says how late it was at worst while `what` ran.
    async fn end(self, what: &str) -> Outcome {
        for clock in [&self.clock, &self.machine] {
            clock.ends.store(true, Ordering::Relaxed);
        }
        self.task.await?;
        self.thread.join().map_err(|_| "the thread panicked")?;
        let (task, machine) = (self.clock.worst(), self.machine.worst());
        println!("{what}: a task {task:?} late at worst, a thread {machine:?}");
        assert!(
            task < machine + BOUND,
            "{what}: {task:?} late, a thread {machine:?}"
        );
        Ok(())
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_long_read_never_holds_the_runtime_up() -> Outcome {
    let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                 SELECT count(*) FROM n";
    let count =
        |up_to: i64| -> Call<'static> { call(count, Access::Read, vec![ValueRef::I64(up_to)]) };
    for db in both().await? {
        // Known as quick, so that the long one begins in line.
        for _ in 0..100 {
            fetch(&*db.engine, count(1)).await?;
        }
        let ticker = Ticker::start().await;
        let endless = fetch(&*db.engine, count(i64::MAX));
        assert!(dropped_after(endless, LONG).await.is_none());
        ticker.end("a long read").await?;
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn a_long_write_never_holds_the_runtime_up() -> Outcome {
    for db in both().await? {
        let ticker = Ticker::start().await;
        let endless = db.execute(ENDLESS_WRITE);
        assert!(dropped_after(endless, LONG).await.is_none());
        // It is undone before anyone has the writer again.
        assert_eq!(db.execute("INSERT INTO t VALUES (1)").await?, 1);
        ticker.end("a long write").await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 1);
    }
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn a_large_checkpoint_never_holds_the_runtime_up() -> Outcome {
    let db = file().await?;
    let outsider = db.outsider()?;
    outsider.execute_batch(
        "PRAGMA wal_autocheckpoint = 0;
         CREATE TABLE big (a BLOB);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16000)
         INSERT INTO big SELECT randomblob(4000) FROM n",
    )?;
    let mut log = db.path().into_os_string();
    log.push("-wal");
    assert!(
        std::fs::metadata(&log)?.len() > 50_000_000,
        "the log is large"
    );
    let ticker = Ticker::start().await;
    // The commit of this write copies the log into the file, since it is long.
    assert_eq!(db.execute("INSERT INTO t VALUES (1)").await?, 1);
    ticker.end("a commit with a checkpoint").await?;
    outsider.execute_batch("UPDATE big SET a = randomblob(4000)")?;
    let ticker = Ticker::start().await;
    let truncate = session_call("PRAGMA wal_checkpoint(TRUNCATE)");
    fetch(&*db.engine, truncate).await?;
    ticker.end("a checkpoint").await?;
    assert_eq!(std::fs::metadata(&log)?.len(), 0, "the log was cut");
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn many_tasks_that_read_in_line_leave_the_runtime_its_turns() -> Outcome {
    let db = file().await?;
    db.execute("INSERT INTO t SELECT value FROM json_each('[1,2,3,4,5,6,7,8,9,10]')")
        .await?;
    let ticker = Ticker::start().await;
    let until = Instant::now() + Duration::from_millis(500);
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let engine = Arc::clone(&db.engine);
        tasks.push(tokio::spawn(async move {
            while Instant::now() < until {
                assert_eq!(number(&*engine, "SELECT sum(a) FROM t").await?, 55);
            }
            Outcome::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    ticker.end("reads in line").await
}
