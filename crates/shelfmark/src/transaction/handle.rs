//! The handle that a transaction's scope is given.

use std::fmt;
use std::sync::Arc;

use shelfmark_core::cache::Evictions;
use shelfmark_core::{Error, Executor, Handle, Result};

use super::channel::{BEHIND_ALL, Level, Shared, TxChannel, closed};
use super::effect::{Effect, waiting};
use crate::scope::Scope;
use crate::testing::Step;

/// A transaction, as its scope sees it. Cheap to clone.
///
/// Repositories stand on it as on a [`Db`](crate::Db). Statements run one after the other in the order in which they
/// are polled first; on PostgreSQL those of a `try_join!` travel together and take one round trip. After a failed statement the transaction is aborted on
/// every engine, unless the failure was inside of a [`savepoint`](Tx::savepoint); the same holds for a call that was
/// dropped before its answer and for a stream that was dropped before its end. While a stream is open, other statements
/// of the transaction are refused. Used after its scope has ended, every method answers `TransactionClosed`.
#[derive(Clone)]
pub struct Tx {
    handle: Handle,
    channel: Arc<TxChannel>,
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx")
            .field("opened", &self.channel.shared.label)
            .field("depth", &self.channel.level.depth)
            .finish_non_exhaustive()
    }
}

impl Executor for Tx {
    fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Tx {
    pub(super) fn new(shared: Arc<Shared>, level: Arc<Level>) -> Self {
        let channel = Arc::new(TxChannel { shared, level });
        Tx {
            handle: Handle::new(Arc::clone(&channel) as _),
            channel,
        }
    }

    /// Runs `scope` inside of a savepoint: `Ok` keeps what it did, `Err` undoes just that, and the transaction goes on.
    ///
    /// While it runs, only the handle that the closure is given may be used; the outer one waits, or is refused from
    /// inside of the closure. Savepoints nest.
    ///
    /// # Errors
    /// What the scope answers; `TransactionAborted` when a statement failed inside and the scope answered `Ok`.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the transaction.
    pub async fn savepoint<T, E, F, Fut>(&self, scope: F) -> Result<T, E>
    where
        E: From<Error>,
        F: FnOnce(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let shared = &self.channel.shared;
        let depth = self.channel.level.depth + 1;
        let _alone = self.channel.alone().await?;
        let session = shared.session()?;
        let limits = &shared.limits;
        let mut open = OpenSavepoint {
            tx: self,
            level: Level::new(depth),
            ended: false,
        };
        limits.observer.step(Step::Savepoint);
        let work = session.savepoint(depth);
        limits
            .statement(
                "Tx::savepoint",
                "SAVEPOINT".into(),
                limits.statement_timeout,
                work,
            )
            .await
            .inspect_err(|error| {
                shared.note_failure(depth - 1, BEHIND_ALL, "Tx::savepoint", error)
            })?;

        let inner = Tx::new(Arc::clone(shared), Arc::clone(&open.level));
        let current = Scope::enter(shared.db, shared.id, depth, shared.label);
        let answer = current.run(scope(inner)).await;

        // Whatever still runs inside (a task that was given the handle) ends before the savepoint does.
        let _inner = open.level.line.alone().await;
        open.level.close();
        let answer = match (answer, shared.aborted()) {
            (Ok(answer), None) => {
                limits.observer.step(Step::Release);
                let work = session.release(depth);
                limits
                    .statement(
                        "Tx::savepoint",
                        "RELEASE".into(),
                        limits.statement_timeout,
                        work,
                    )
                    .await
                    .inspect_err(|error| {
                        shared.note_failure(depth - 1, BEHIND_ALL, "Tx::savepoint", error)
                    })?;
                shared.kept(depth);
                Ok(answer)
            }
            (answer, aborted) => {
                limits.observer.step(Step::RollbackTo);
                let work = session.rollback_to(depth);
                limits
                    .statement(
                        "Tx::savepoint",
                        "ROLLBACK TO".into(),
                        limits.statement_timeout,
                        work,
                    )
                    .await
                    .inspect_err(|error| {
                        shared.note_failure(depth - 1, BEHIND_ALL, "Tx::savepoint", error)
                    })?;
                shared.undone(depth);
                match (answer, aborted) {
                    (Ok(_), Some(aborted)) => Err(aborted.into()),
                    (answer, _) => answer,
                }
            }
        };
        open.ended = true;
        answer
    }

    /// Drops what `evictions` names from the database's [cache](crate::Db::with_cache) when the transaction is committed,
    /// before its call returns and before its effects run: for SQL that writes without `#[evicts]`. A transaction that is
    /// rolled back drops nothing. Of a tenant's transaction, the tenant's.
    ///
    /// ```
    /// use shelfmark::prelude::*;
    /// # use shelfmark::Evictions;
    ///
    /// # #[tokio::main] async fn main() -> Result<()> {
    /// # let db = Db::memory().await?;
    /// # db.execute(sql!("CREATE TABLE shows (id TEXT NOT NULL, title TEXT NOT NULL) STRICT")).await?;
    /// db.transaction(async |tx| {
    ///     tx.execute(sql!("UPDATE shows SET title = upper(title)")).await?;
    ///     tx.evict(Evictions::new().tag("shows"))
    /// })
    /// .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `TransactionClosed` when the scope has ended.
    pub fn evict(&self, evictions: Evictions) -> Result<()> {
        let evictions = self.handle.own(evictions);
        match self.channel.shared.note_evictions(evictions) {
            true => Ok(()),
            false => Err(closed().with_method("Tx::evict")),
        }
    }

    /// Runs `effect` once the whole transaction is committed, and never when it is rolled back.
    ///
    /// Effects run one after the other, in the order in which they were asked for, before the transaction's call
    /// returns; each may take 60 s. The commit stands whatever they do: a failure, a panic and a passed deadline are
    /// logged. An effect asked for inside of a savepoint that is undone is forgotten, and so, with an error in the log,
    /// is one that is asked for when the transaction has ended.
    ///
    /// They run in a task of their own: a caller that goes away after the commit does not stop them. If the process or
    /// the runtime ends between the commit and the effect, the effect is lost: what must not be lost belongs into a
    /// table.
    pub fn after_commit<F, Fut>(&self, effect: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output: Effect> + Send + 'static,
    {
        let depth = self.channel.level.depth;
        if !self.channel.shared.add_effect(depth, waiting(effect)) {
            tracing::error!(
                target: "shelfmark::transaction",
                transaction = self.channel.shared.label,
                "an effect was asked for when the transaction had ended, and will never run"
            );
        }
    }
}

/// A savepoint that has not ended; dropped like this (a dropped or panicked scope), the transaction is aborted.
struct OpenSavepoint<'a> {
    tx: &'a Tx,
    level: Arc<Level>,
    ended: bool,
}

impl Drop for OpenSavepoint<'_> {
    fn drop(&mut self) {
        self.level.close();
        if !self.ended {
            let outer = self.tx.channel.level.depth;
            self.tx
                .channel
                .shared
                .note_drop(outer, BEHIND_ALL, "a savepoint's scope");
        }
    }
}
