//! Which statements ran: noted for as long as somebody asks, in the order in which they were sent.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use shelfmark_core::Access;

use super::count::{StatementCount, misfit};
use crate::db::Db;

/// A statement that was sent, without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The method it belongs to, such as `Shows::find`, or `file.rs:12` for a statement without a trait.
    pub method: &'static str,
    /// The text that was sent.
    pub sql: Arc<str>,
    /// What it does to the data.
    pub access: Access,
    /// Whether it ran on a [`Tx`](crate::Tx).
    pub in_transaction: bool,
}

/// One line: `Shows::find: SELECT id, title FROM shows WHERE id = $1`, and `(tx)` behind the method in a transaction.
impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.in_transaction { " (tx)" } else { "" };
        write!(f, "{}{place}:", self.method)?;
        for word in self.sql.split_whitespace() {
            write!(f, " {word}")?;
        }
        Ok(())
    }
}

/// What was sent to the database: a statement, or the beginning or the end of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A statement of the program.
    Statement(Recorded),
    /// A transaction began.
    Begin,
    /// It was committed.
    Commit,
    /// It was rolled back, or its commit failed.
    Rollback,
    /// A savepoint was opened.
    Savepoint,
    /// What a savepoint did was kept.
    Release,
    /// What a savepoint did was undone.
    RollbackTo,
}

/// A recording that runs, made by [`Db::record`]. Dropping it ends it.
#[must_use = "a recording ends when it is dropped"]
pub struct Recording {
    recorder: Arc<Recorder>,
    log: Arc<Log>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps()).finish()
    }
}

impl Recording {
    /// The statements that were sent so far, in their order.
    #[must_use]
    pub fn statements(&self) -> Vec<Recorded> {
        let steps = self.steps().into_iter();
        steps
            .filter_map(|step| match step {
                Step::Statement(statement) => Some(statement),
                _ => None,
            })
            .collect()
    }

    /// The statements with the beginnings and ends of transactions and savepoints between them.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.log.lock().clone()
    }

    /// Forgets what was recorded so far.
    pub fn clear(&self) {
        self.log.lock().clear();
    }

    /// Compares the number of statements so far with `expected`: a number (`2`) or a range (`..=2`).
    ///
    /// # Panics
    /// When they differ, listing the statements with their methods. For tests only;
    /// [`assert_statements!`](crate::assert_statements) is the short form.
    #[track_caller]
    pub fn assert_statements(&self, expected: impl StatementCount) {
        if let Some(message) = misfit(&expected, &self.statements()) {
            fail(&message);
        }
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn fail(message: &str) -> ! {
    panic!("{message}")
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.recorder.end(&self.log);
    }
}

/// The steps of one recording; locked for moments only.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Step>>);

impl Log {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Step>> {
        // A push or a clone leaves the list whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recordings of one opened database.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// How many recordings run: all that a statement looks at while there is none. Written under the lock of `logs`.
    running: AtomicUsize,
    logs: Mutex<Vec<Arc<Log>>>,
}

impl Recorder {
    /// Whether there is no recording to be told.
    pub(super) fn is_idle(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0
    }

    /// Tells every recording of a step.
    pub(super) fn note(&self, step: impl FnOnce() -> Step) {
        if self.is_idle() {
            return;
        }
        let step = step();
        for log in self.logs().iter() {
            log.lock().push(step.clone());
        }
    }

    fn begin(self: &Arc<Self>) -> Recording {
        let log = Arc::<Log>::default();
        let mut logs = self.logs();
        logs.push(Arc::clone(&log));
        self.running.store(logs.len(), Ordering::Relaxed);
        drop(logs);
        Recording {
            recorder: Arc::clone(self),
            log,
        }
    }

    fn end(&self, ended: &Arc<Log>) {
        let mut logs = self.logs();
        logs.retain(|log| !Arc::ptr_eq(log, ended));
        self.running.store(logs.len(), Ordering::Relaxed);
    }

    fn logs(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Log>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Db {
    /// Records the statements that are sent from now on, until the recording is dropped.
    ///
    /// It belongs to the database, not to the task: what spawned tasks send counts as well, and so does every clone of
    /// the handle and every transaction. Meant for tests, since it keeps every statement it sees; while nobody records,
    /// a statement pays for one look at a number. [`migrate`](Db::migrate), [`verify`](Db::verify) and
    /// [`ping`](Db::ping) are not recorded.
    ///
    /// ```
    /// # use shelfmark::prelude::*;
    /// # #[tokio::main] async fn main() -> Result<()> {
    /// let db = Db::memory().await?;
    /// let recording = db.record();
    /// let one: i64 = db.fetch_one(sql!("SELECT 1")).await?;
    /// assert_eq!(recording.statements().len(), 1);
    /// # assert_eq!(one, 1);
    /// # Ok(()) }
    /// ```
    pub fn record(&self) -> Recording {
        self.shared.limits.observer.recorder.begin()
    }

    /// Runs `work` and answers with the statements that were sent meanwhile, by it or by anybody else.
    ///
    /// # Cancel safety
    /// As that of `work`.
    pub async fn record_during<T>(&self, work: impl Future<Output = T>) -> (T, Vec<Recorded>) {
        let recording = self.record();
        let answer = work.await;
        (answer, recording.statements())
    }
}
