//! How a transaction begins, ends, and is run again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shelfmark_core::{BeginOptions, Error, ErrorKind, Isolation, Result, Session};

use super::channel::{Ending, Level, Shared as TxShared};
use super::commit::commit_evicting;
use super::handle::Tx;
use super::retry;
use crate::db::Shared;
use crate::scope::Scope;
use crate::testing::Step;

/// Longer than any process lives.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// A transaction with options, made by [`Db::tx`](crate::Db::tx).
///
/// | option | default |
/// |---|---|
/// | isolation | read committed (SQLite always gives serializable) |
/// | [`retry`](Transaction::retry) | not run again |
/// | [`timeout`](Transaction::timeout) | `DATABASE_TRANSACTION_TIMEOUT`, 60 s |
#[must_use = "a transaction does nothing until `.run(…)`"]
pub struct Transaction {
    db: Arc<Shared>,
    begin: BeginOptions,
    retries: u32,
    timeout: Duration,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction")
            .field("begin", &self.begin)
            .field("retries", &self.retries)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Transaction {
    pub(crate) fn new(db: Arc<Shared>, label: &'static str) -> Self {
        let timeout = db.limits.transaction_timeout;
        let begin = BeginOptions {
            isolation: Isolation::ReadCommitted,
            read_only: false,
            label,
            tenant: db.tenant.as_ref().map(|tenant| tenant.setting().into()),
        };
        Transaction {
            db,
            begin,
            retries: 0,
            timeout,
        }
    }

    /// As if all transactions ran one after the other. On PostgreSQL one that cannot be put in order fails with
    /// `Serialization`: combine it with [`retry`](Transaction::retry).
    pub fn serializable(mut self) -> Self {
        self.begin.isolation = Isolation::Serializable;
        self
    }

    /// All statements see the state at the first one.
    pub fn repeatable_read(mut self) -> Self {
        self.begin.isolation = Isolation::RepeatableRead;
        self
    }

    /// Promises not to write; a write is refused by the database. On SQLite it does not wait for the writer.
    pub fn read_only(mut self) -> Self {
        self.begin.read_only = true;
        self
    }

    /// Runs the scope again, up to `times` times, when the transaction lost a race (`Serialization`, `Deadlock`, a busy
    /// database) and nothing of it was kept; never after a commit whose outcome is unknown. Default: 0.
    pub fn retry(mut self, times: u32) -> Self {
        self.retries = times;
        self
    }

    /// The deadline of the whole, its retries included, until COMMIT is sent. Default:
    /// `DATABASE_TRANSACTION_TIMEOUT`, 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs `scope` as one transaction, and again after a lost race when [`retry`](Transaction::retry) was asked for.
    ///
    /// # Errors
    /// As [`Db::transaction`](crate::Db::transaction); `Timeout` when the deadline passed.
    ///
    /// # Cancel safety
    /// As [`Db::transaction`](crate::Db::transaction).
    pub async fn run<T, E, F, Fut>(self, scope: F) -> Result<T, E>
    where
        E: From<Error>,
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let deadline = after(self.timeout);
        let mut attempt = 0;
        loop {
            let ended = self.attempt(&scope, deadline).await;
            if !ended.lost_race || attempt >= self.retries {
                return ended.answer;
            }
            attempt += 1;
            let pause = retry::pause(attempt);
            if Instant::now() + pause >= deadline {
                return ended.answer;
            }
            tracing::debug!(target: "shelfmark::transaction", transaction = self.begin.label, attempt, "a transaction lost a race and is run again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Runs `scope`, which need not be callable again, as one transaction; [`retry`](Transaction::retry) has no effect.
    ///
    /// # Errors
    /// As [`run`](Transaction::run).
    ///
    /// # Cancel safety
    /// As [`run`](Transaction::run).
    pub async fn run_once<T, E, F, Fut>(self, scope: F) -> Result<T, E>
    where
        E: From<Error>,
        F: FnOnce(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let deadline = after(self.timeout);
        self.attempt(scope, deadline).await.answer
    }

    async fn attempt<T, E, F, Fut>(&self, scope: F, deadline: Instant) -> Ended<T, E>
    where
        E: From<Error>,
        F: FnOnce(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let limits = &self.db.limits;
        let label = self.begin.label;
        if let Err(error) = limits.watch(self.db.id, label) {
            return Ended::not_begun(error, label);
        }
        let session = match before(deadline, self.db.engine.begin(self.begin.clone())).await {
            Ok(session) => session,
            Err(error) => return Ended::not_begun(error, label),
        };
        limits.observer.step(Step::Begin);
        let shared = TxShared::new(
            NEXT.fetch_add(1, Ordering::Relaxed),
            &self.db,
            label,
            deadline,
            session,
        );
        let mut open = OpenTransaction {
            shared,
            level: Level::new(0),
            told: false,
        };
        let tx = Tx::new(Arc::clone(&open.shared), Arc::clone(&open.level));
        let current = Scope::enter(self.db.id, open.shared.id, 0, label);
        let in_time = tokio::time::timeout_at(deadline.into(), current.run(scope(tx))).await;

        // Whatever still runs (a task that was given the handle) ends before the transaction does.
        let line = Arc::clone(&open.level.line);
        let idle = tokio::time::timeout(limits.statement_timeout, line.alone()).await;
        open.level.close();
        let lost_race = open.shared.lost_race();
        let Ending {
            session,
            effects,
            evictions,
        } = open.shared.end();
        // Where there is no answer to give, dropping the session rolls back; a statement that still runs is stopped
        // with it.
        let late = |detail: String| {
            Error::new(ErrorKind::Timeout)
                .with_detail(detail)
                .with_method(label)
        };
        let (answer, session) = match (in_time, idle, session) {
            (Ok(answer), Ok(_alone), Some(session)) => (answer, session),
            (Ok(Err(error)), ..) => {
                return Ended {
                    answer: Err(error),
                    lost_race: false,
                };
            }
            (Ok(Ok(_)), ..) => {
                let error = late(format!(
                    "timed out: the scope ended, but a statement of its transaction still ran {}ms later; all was rolled back",
                    limits.statement_timeout.as_millis()
                ));
                return Ended {
                    answer: Err(error.into()),
                    lost_race: false,
                };
            }
            (Err(_), ..) => {
                let error = late(format!(
                    "timed out: the transaction did not end within {}ms and was rolled back",
                    self.timeout.as_millis()
                ));
                return Ended {
                    answer: Err(error.into()),
                    lost_race: false,
                };
            }
        };
        let outdated = self
            .db
            .cache
            .as_ref()
            .map(|attached| (attached, &evictions));
        match (answer, open.shared.aborted()) {
            (Ok(answer), None) => match commit_evicting(&*session, limits, outdated).await {
                Ok(()) => {
                    open.committed();
                    drop(session);
                    effects.run(label).await;
                    Ended {
                        answer: Ok(answer),
                        lost_race: false,
                    }
                }
                Err(error) => {
                    let lost_race = error.is_retryable();
                    Ended {
                        answer: Err(error.with_method(label).into()),
                        lost_race,
                    }
                }
            },
            (answer, aborted) => {
                roll_back(&*session, limits.statement_timeout, label).await;
                let answer = match (answer, aborted) {
                    (Ok(_), Some(aborted)) => Err(aborted.with_method(label).into()),
                    (answer, _) => answer,
                };
                Ended { answer, lost_race }
            }
        }
    }
}

/// How one attempt ended.
struct Ended<T, E> {
    answer: Result<T, E>,
    /// Whether it may be run again: it lost a race, and nothing of it was kept.
    lost_race: bool,
}

impl<T, E: From<Error>> Ended<T, E> {
    fn not_begun(error: Error, label: &'static str) -> Self {
        let lost_race = error.is_retryable();
        Ended {
            answer: Err(error.with_method(label).into()),
            lost_race,
        }
    }
}

/// A transaction whose scope runs. Dropped like this (a dropped or panicked scope) it is rolled back by its session.
struct OpenTransaction {
    shared: Arc<TxShared>,
    level: Arc<Level>,
    /// Whether its end has been told to those who record.
    told: bool,
}

impl OpenTransaction {
    fn committed(&mut self) {
        self.told = true;
        self.shared.limits.observer.step(Step::Commit);
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        self.level.close();
        drop(self.shared.end());
        if !self.told {
            self.shared.limits.observer.step(Step::Rollback);
        }
    }
}

async fn before<T>(deadline: Instant, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout_at(deadline.into(), work)
        .await
        .unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout)
                .with_detail("timed out: the transaction's deadline passed before it had begun"))
        })
}

/// The moment `timeout` from now, or one that never comes.
fn after(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + FOREVER)
}

async fn roll_back(session: &dyn Session, within: Duration, label: &'static str) {
    // When this fails the session is dropped without being proven idle, and the engine closes its connection.
    match tokio::time::timeout(within, session.rollback()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(target: "shelfmark::transaction", transaction = label, %error, "a rollback failed; the connection is closed");
        }
        Err(_) => {
            tracing::warn!(target: "shelfmark::transaction", transaction = label, "a rollback was not answered; the connection is closed");
        }
    }
}
