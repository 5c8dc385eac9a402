//! Statements inside of a transaction: one at a time, none after a failure, none after the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use shelfmark_core::cache::Evictions;
use shelfmark_core::{
    BoxFuture, BoxStream, Call, Channel, Clock, Demand, Dialect, Error, ErrorKind, Result, RowSink,
    Session, Tenant, Type, ValueRef,
};
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

use super::effect::{Effects, Waiting};
use crate::alone::{demanded, held, touched};
use crate::direct::{Limits, bounded};
use crate::scope::Scope;

/// One transaction, shared by its scope and every handle that came of it.
pub(super) struct Shared {
    /// Tells transactions apart in the task-local scope.
    pub(super) id: u64,
    /// The identity of the `Db`.
    pub(super) db: u64,
    /// Where it was opened.
    pub(super) label: &'static str,
    pub(super) dialect: Dialect,
    pub(super) limits: Limits,
    clock: Clock,
    /// Whose rows the transaction may see.
    tenant: Option<Tenant>,
    has_cache: bool,
    /// When the whole transaction must have ended.
    pub(super) deadline: Instant,
    /// Locked for moments only, never while waiting.
    state: Mutex<State>,
}

struct State {
    /// The engine's side; taken by the end of the scope, so that an escaped handle keeps nothing alive.
    session: Option<Arc<dyn Session>>,
    /// Why only a rollback is possible, and at which depth that happened.
    aborted: Option<Abort>,
    /// Whether a statement lost a race, so that the whole may be run again.
    lost_race: bool,
    effects: Effects,
    /// What the commit makes outdated. What was noted inside of a savepoint that is undone stays: dropping too much does
    /// no harm.
    evictions: Evictions,
}

/// What is left of a transaction whose scope has ended.
pub(super) struct Ending {
    pub(super) session: Option<Arc<dyn Session>>,
    pub(super) effects: Effects,
    pub(super) evictions: Evictions,
}

#[derive(Clone)]
struct Abort {
    depth: u32,
    reason: String,
}

/// The transaction itself (depth 0) or one savepoint inside of it.
pub(super) struct Level {
    pub(super) depth: u32,
    /// Held by the statement or savepoint that runs at this level; first come, first served.
    pub(super) gate: Arc<Gate<()>>,
    /// Set when the scope of this level has ended.
    closed: AtomicBool,
    /// Set while a stream of this level is open: what would wait for it would mostly wait for itself.
    streaming: AtomicBool,
}

impl Level {
    pub(super) fn new(depth: u32) -> Arc<Self> {
        Arc::new(Level {
            depth,
            gate: Arc::default(),
            closed: AtomicBool::new(false),
            streaming: AtomicBool::new(false),
        })
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

impl Shared {
    pub(super) fn new(
        id: u64,
        db: &crate::db::Shared,
        label: &'static str,
        deadline: Instant,
        session: Arc<dyn Session>,
    ) -> Arc<Self> {
        Arc::new(Shared {
            id,
            db: db.id,
            label,
            dialect: session.dialect(),
            limits: db.limits.clone(),
            clock: db.clock.clone(),
            tenant: db.tenant.clone(),
            has_cache: db.cache.is_some(),
            deadline,
            state: Mutex::new(State {
                session: Some(session),
                aborted: None,
                lost_race: false,
                effects: Effects::default(),
                evictions: Evictions::new(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No user code runs under the lock, so the state is whole even if it is poisoned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the session and what waits for the commit: the scope has ended, and every handle answers `TransactionClosed` from now
    /// on. The effects go too, because one may hold a handle of the transaction that holds it.
    pub(super) fn end(&self) -> Ending {
        let mut state = self.state();
        Ending {
            session: state.session.take(),
            effects: std::mem::take(&mut state.effects),
            evictions: std::mem::take(&mut state.evictions),
        }
    }

    /// Notes what the commit makes outdated; false when the scope has ended, so that no commit will come.
    pub(super) fn note_evictions(&self, evictions: Evictions) -> bool {
        let mut state = self.state();
        let open = state.session.is_some();
        // Without a cache there is nothing to drop.
        if open && self.has_cache {
            state.evictions.add(evictions);
        }
        open
    }

    /// Adds an effect; false when the scope has ended, so that no commit will come.
    pub(super) fn add_effect(&self, depth: u32, effect: Waiting) -> bool {
        let mut state = self.state();
        if state.session.is_none() {
            drop(state);
            // Dropped outside of the lock: it is the user's code.
            drop(effect);
            return false;
        }
        state.effects.push(depth, effect);
        true
    }

    pub(super) fn session(&self) -> Result<Arc<dyn Session>> {
        self.state().session.clone().ok_or_else(closed)
    }

    /// The error that a commit of an aborted transaction answers.
    pub(super) fn aborted(&self) -> Option<Error> {
        let reason = self
            .state()
            .aborted
            .as_ref()
            .map(|abort| abort.reason.clone())?;
        Some(Error::new(ErrorKind::TransactionAborted).with_detail(format!(
            "the transaction was aborted and can only be rolled back: {reason}; a statement that may fail belongs into `tx.savepoint(…)`"
        )))
    }

    pub(super) fn lost_race(&self) -> bool {
        self.state().lost_race
    }

    pub(super) fn note_failure(&self, depth: u32, method: &'static str, error: &Error) {
        let mut state = self.state();
        state.lost_race |= error.is_retryable();
        state.aborted.get_or_insert_with(|| Abort {
            depth,
            reason: format!("{method}: {error}"),
        });
    }

    pub(super) fn note_drop(&self, depth: u32, method: &'static str) {
        let reason = format!("{method} was dropped before its answer");
        self.state().aborted.get_or_insert(Abort { depth, reason });
    }

    /// Forgets a failure inside of the savepoint of `depth`, which was undone.
    pub(super) fn undone(&self, depth: u32) {
        let mut state = self.state();
        if state
            .aborted
            .as_ref()
            .is_some_and(|abort| abort.depth >= depth)
        {
            state.aborted = None;
            state.lost_race = false;
        }
        let undone = state.effects.undo(depth);
        drop(state);
        // Dropped outside of the lock: they are the user's code.
        drop(undone);
    }

    pub(super) fn kept(&self, depth: u32) {
        self.state().effects.keep(depth);
    }

    /// How long a statement may take: its own deadline or what is left of the transaction's.
    fn statement_deadline(&self) -> Duration {
        self.limits
            .statement_timeout
            .min(self.deadline.saturating_duration_since(Instant::now()))
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::TransactionClosed).with_detail(
        "the transaction's scope has ended: a `Tx` must not be used after the closure it was given to",
    )
}

/// Whether a failure of this kind left the server's transaction as it was: nothing was sent, or only the decoding failed.
fn harmless(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Decode | ErrorKind::Encode | ErrorKind::TransactionClosed => true,
        // A code is the server's: it has seen the statement, and PostgreSQL goes on with nothing after that.
        ErrorKind::Unsupported => error.code().is_none(),
        _ => false,
    }
}

/// The channel of one handle.
pub(super) struct TxChannel {
    pub(super) shared: Arc<Shared>,
    pub(super) level: Arc<Level>,
}

/// The turn of one statement: the level's gate and the session, until the answer is there.
///
/// Dropped before [`answered`](Turn::answered), it marks the transaction aborted: nobody knows what the statement did.
struct Turn<'a> {
    channel: &'a TxChannel,
    method: &'static str,
    session: Arc<dyn Session>,
    deadline: Duration,
    answered: bool,
    _gate: OwnedMutexGuard<()>,
}

impl Turn<'_> {
    fn answered<T>(mut self, answer: Result<T>) -> Result<T> {
        self.note(&answer);
        answer
    }

    /// As [`answered`](Turn::answered), where more may be demanded of the answer than that there is one. What falls short
    /// of it cannot be undone by itself, so it aborts the transaction as a failed statement does.
    fn demanded<T>(
        self,
        demand: Option<Demand>,
        answer: Result<T>,
        rows: impl FnOnce(&T) -> u64,
    ) -> Result<T> {
        let answer = demanded(demand.as_ref(), answer, rows);
        if demand.is_some()
            && let Err(error) = &answer
            && error.kind() == ErrorKind::Decode
        {
            let level = &self.channel.level;
            self.channel
                .shared
                .note_failure(level.depth, self.method, error);
        }
        self.answered(answer)
    }

    fn note<T>(&mut self, answer: &Result<T>) {
        self.answered = true;
        if let Err(error) = answer
            && !harmless(error)
        {
            self.channel
                .shared
                .note_failure(self.channel.level.depth, self.method, error);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.channel
                .shared
                .note_drop(self.channel.level.depth, self.method);
        }
    }
}

/// Marks a level as streaming for as long as the stream lives.
struct Streaming<'a>(&'a Level);

impl<'a> Streaming<'a> {
    fn begin(level: &'a Level) -> Self {
        level.streaming.store(true, Ordering::Release);
        Streaming(level)
    }
}

impl Drop for Streaming<'_> {
    fn drop(&mut self) {
        self.0.streaming.store(false, Ordering::Release);
    }
}

impl TxChannel {
    /// Refuses a call on a handle whose turn it cannot be.
    fn admit(&self) -> Result<()> {
        if self.level.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        if self.level.streaming.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Unsupported).with_detail(
                "a stream of this transaction is still open: read it to its end before the next statement, or collect its rows first",
            ));
        }
        match Scope::depth_in(self.shared.id) {
            Some(depth) if depth > self.level.depth => {
                Err(Error::new(ErrorKind::Unsupported).with_detail(
                    "the transaction was used inside of its own savepoint: use the handle that the savepoint's closure is given",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Takes the level's gate; waits for what runs at it or in a savepoint below it.
    pub(super) async fn gate(&self) -> Result<OwnedMutexGuard<()>> {
        self.admit()?;
        let wait = self
            .shared
            .deadline
            .saturating_duration_since(Instant::now());
        let gate = tokio::time::timeout(wait, Arc::clone(&self.level.gate).lock_owned()).await;
        let gate = gate.map_err(|_| {
            Error::new(ErrorKind::Timeout).with_detail(
                "the transaction's deadline passed while a statement waited for its turn",
            )
        })?;
        self.admit()?;
        match self.shared.aborted() {
            Some(aborted) => Err(aborted),
            None => Ok(gate),
        }
    }

    async fn turn(&self, call: &Call<'_>) -> Result<Turn<'_>> {
        let gate = self.gate().await?;
        let session = self.shared.session()?;
        // Before the turn begins: what is refused here is not sent, so the transaction stays as it was.
        self.shared.limits.observer.statement(call, true)?;
        Ok(Turn {
            channel: self,
            method: call.method,
            session,
            deadline: self.shared.statement_deadline(),
            answered: false,
            _gate: gate,
        })
    }
}

impl Channel for TxChannel {
    fn dialect(&self) -> Dialect {
        self.shared.dialect
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    fn tenant(&self) -> Option<&Tenant> {
        self.shared.tenant.as_ref()
    }

    /// Notes them for the commit. When the scope has ended, the call that follows is refused.
    fn evicting(&self, evictions: Evictions) -> Option<Arc<dyn Channel>> {
        self.shared.note_evictions(evictions);
        None
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            let turn = self.turn(&call).await?;
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let demand = call.demand.clone();
            let work = turn.session.fetch(call, sink);
            let answer = self
                .shared
                .limits
                .statement(method, sql, turn.deadline, work)
                .await;
            turn.demanded(demand, answer, held)
        })
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let turn = self.turn(&call).await?;
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let demand = call.demand.clone();
            let work = turn.session.execute(call);
            let answer = self
                .shared
                .limits
                .statement(method, sql, turn.deadline, work)
                .await;
            turn.demanded(demand, answer, touched)
        })
    }

    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let turn = self.turn(&call).await?;
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let demand = call.demand.clone();
            let work = turn.session.execute_many(call, columns, rows);
            let answer = self
                .shared
                .limits
                .statement(method, sql, turn.deadline, work)
                .await;
            turn.demanded(demand, answer, touched)
        })
    }

    fn fetch_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            let turn = self.turn(&call).await?;
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let demand = call.demand.clone();
            let work = turn.session.fetch_many(call, columns, rows, sink);
            let answer = self
                .shared
                .limits
                .statement(method, sql, turn.deadline, work)
                .await;
            turn.demanded(demand, answer, held)
        })
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async_stream::try_stream! {
            let mut turn = self.turn(&call).await?;
            let _streaming = Streaming::begin(&self.level);
            self.shared.limits.say(call.method, &call.sql);
            let session = Arc::clone(&turn.session);
            let mut batches = bounded(session.stream(call, sink), turn.deadline);
            while let Some(batch) = batches.next().await {
                if batch.is_err() {
                    turn.note(&batch);
                }
                yield batch?;
            }
            turn.note(&Ok(()));
        })
    }
}

#[cfg(test)]
mod tests;
