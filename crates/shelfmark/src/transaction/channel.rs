//! Statements inside of a transaction: in order, none after a failure, none after the end.
//!
//! An engine that pipelines has several under way together. Their answers are given in the order in which they were sent,
//! so each sees what became of those before it, as if they had run one after the other.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use shelfmark_core::cache::Evictions;
use shelfmark_core::{
    BoxFuture, BoxStream, Call, Channel, Clock, Demand, Dialect, Error, ErrorKind, Result, RowSink,
    Session, Tenant, Type, ValueRef,
};

use super::effect::{Effects, Waiting};
use super::line::{Line, Place, SendingTurn};
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
    /// Numbers its statements in the order in which they are sent.
    sent: AtomicU64,
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

impl State {
    /// Notes why only a rollback is possible. The first reason is that of the statement that was sent first.
    fn abort(&mut self, depth: u32, number: u64, reason: impl FnOnce() -> String) {
        if self
            .aborted
            .as_ref()
            .is_none_or(|abort| number < abort.number)
        {
            self.aborted = Some(Abort {
                depth,
                number,
                reason: reason(),
            });
        }
    }
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
    /// The number of the statement that failed; [`BEHIND_ALL`] for what runs alone.
    number: u64,
    reason: String,
}

/// The number of what has no statement beside it.
pub(super) const BEHIND_ALL: u64 = u64::MAX;

/// The transaction itself (depth 0) or one savepoint inside of it.
pub(super) struct Level {
    pub(super) depth: u32,
    /// Where the statements and savepoints of this level stand; first come, first served.
    pub(super) line: Arc<Line>,
    /// Set when the scope of this level has ended.
    closed: AtomicBool,
    /// Set while a stream of this level is open: what would wait for it would mostly wait for itself.
    streaming: AtomicBool,
}

impl Level {
    pub(super) fn new(depth: u32) -> Arc<Self> {
        Arc::new(Level {
            depth,
            line: Arc::default(),
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
            sent: AtomicU64::new(0),
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
        self.aborted_by(|_| true)
    }

    /// What the statement of `number` answers when one that was sent before it has ended the transaction.
    fn aborted_before(&self, number: u64) -> Option<Error> {
        self.aborted_by(|abort| abort.number < number)
    }

    fn aborted_by(&self, counts: impl Fn(&Abort) -> bool) -> Option<Error> {
        let state = self.state();
        let reason = &state.aborted.as_ref().filter(|abort| counts(abort))?.reason;
        Some(Error::new(ErrorKind::TransactionAborted).with_detail(format!(
            "the transaction was aborted and can only be rolled back: {reason}; a statement that may fail belongs into `tx.savepoint(…)`"
        )))
    }

    pub(super) fn lost_race(&self) -> bool {
        self.state().lost_race
    }

    pub(super) fn note_failure(
        &self,
        depth: u32,
        number: u64,
        method: &'static str,
        error: &Error,
    ) {
        let mut state = self.state();
        state.lost_race |= error.is_retryable();
        state.abort(depth, number, || format!("{method}: {error}"));
    }

    pub(super) fn note_drop(&self, depth: u32, number: u64, method: &'static str) {
        self.state().abort(depth, number, || {
            format!("{method} was dropped before its answer")
        });
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

/// Whether the server has stopped a statement, or refused it, for something that happened to another of its transaction.
fn shared_fate(error: &Error) -> bool {
    matches!(error.code(), Some("57014" | "25P02"))
}

/// The turn of one statement: its place in the level's line and the session, until the answer is there.
///
/// Dropped before [`note`](Turn::note), it marks the transaction aborted: nobody knows what the statement did.
struct Turn<'a> {
    channel: &'a TxChannel,
    method: &'static str,
    session: Arc<dyn Session>,
    answered: bool,
    // Dropped in this order: who is next in line finds the place empty.
    place: Place,
    /// Given on when the statement has been sent, where the engine says so, and at the end elsewhere.
    sending: Option<SendingTurn>,
}

impl Turn<'_> {
    /// Runs the statement: stopped when its deadline has passed, logged when it was slow.
    async fn run<T>(&mut self, sql: Arc<str>, work: impl Future<Output = Result<T>>) -> Result<T> {
        let shared = &self.channel.shared;
        let limits = &shared.limits;
        let session = Arc::clone(&self.session);
        let Some(before) = session.sent() else {
            let deadline = shared.statement_deadline();
            return limits.statement(self.method, sql, deadline, work).await;
        };
        let sending = &mut self.sending;
        let mut work = pin!(work);
        let passing_on = poll_fn(|cx| {
            let polled = work.as_mut().poll(cx);
            // Nobody else may send meanwhile, so what has been sent was this statement.
            if sending.is_some() && session.sent() != Some(before) {
                *sending = None;
            }
            polled
        });
        // The engine keeps the deadline of the statement; that of the transaction may come first.
        let left = shared.deadline.saturating_duration_since(Instant::now());
        let answer = if left < limits.statement_timeout {
            limits.statement(self.method, sql, left, passing_on).await
        } else {
            limits.watched(self.method, sql, passing_on).await
        };
        // Another's answer may be left lying by whoever asked for it.
        let first = tokio::time::timeout_at(shared.deadline.into(), self.place.first());
        first.await.map_err(|_| {
            Error::new(ErrorKind::Timeout).with_detail(
                "the transaction's deadline passed while a statement before this one was not answered",
            )
        })?;
        answer
    }

    /// Notes what became of the statement, of which more may be demanded than an answer. What falls short of it cannot be
    /// undone by itself, so it aborts the transaction as a failed statement does.
    fn demanded<T>(
        mut self,
        demand: Option<Demand>,
        answer: Result<T>,
        rows: impl FnOnce(&T) -> u64,
    ) -> Result<T> {
        let answer = demanded(demand.as_ref(), answer, rows);
        let number = self.place.number;
        let shared = &self.channel.shared;
        if demand.is_some()
            && let Err(error) = &answer
            && error.kind() == ErrorKind::Decode
            && shared.aborted_before(number).is_none()
        {
            shared.note_failure(self.channel.level.depth, number, self.method, error);
        }
        self.note(answer)
    }

    /// Notes what became of the statement; where one that was sent before it has ended the transaction, that is the answer.
    fn note<T>(&mut self, answer: Result<T>) -> Result<T> {
        self.answered = true;
        let shared = &self.channel.shared;
        let number = self.place.number;
        if let Some(aborted) = shared.aborted_before(number) {
            return Err(aborted);
        }
        if let Err(error) = &answer
            && !harmless(error)
        {
            // Stopped together with one behind it that was dropped.
            if shared_fate(error)
                && let Some(aborted) = shared.aborted()
            {
                return Err(aborted);
            }
            shared.note_failure(self.channel.level.depth, number, self.method, error);
        }
        answer
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.channel
                .shared
                .note_drop(self.channel.level.depth, self.place.number, self.method);
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

    /// Waits until nothing runs at this level or in a savepoint below it, and keeps everything else out.
    pub(super) async fn alone(&self) -> Result<SendingTurn> {
        self.admitted(self.level.line.alone()).await
    }

    /// Waits in line until this call may begin, for no longer than the transaction may take.
    async fn admitted(&self, waiting: impl Future<Output = SendingTurn>) -> Result<SendingTurn> {
        self.admit()?;
        let sending = tokio::time::timeout_at(self.shared.deadline.into(), waiting).await;
        let sending = sending.map_err(|_| {
            Error::new(ErrorKind::Timeout).with_detail(
                "the transaction's deadline passed while a statement waited for its turn",
            )
        })?;
        self.admit()?;
        match self.shared.aborted() {
            Some(aborted) => Err(aborted),
            None => Ok(sending),
        }
    }

    /// The turn of a statement that others may follow before it is answered.
    async fn turn(&self, call: &Call<'_>) -> Result<Turn<'_>> {
        let sending = self.admitted(self.level.line.turn()).await?;
        self.begin(call, sending)
    }

    fn begin(&self, call: &Call<'_>, sending: SendingTurn) -> Result<Turn<'_>> {
        let session = self.shared.session()?;
        // Before the turn begins: what is refused here is not sent, so the transaction stays as it was.
        self.shared.limits.observer.statement(call, true)?;
        let number = self.shared.sent.fetch_add(1, Ordering::Relaxed);
        Ok(Turn {
            channel: self,
            method: call.method,
            session,
            answered: false,
            place: self.level.line.enter(number),
            sending: Some(sending),
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
            let mut turn = self.turn(&call).await?;
            let (sql, demand) = (Arc::clone(&call.sql), call.demand.clone());
            let session = Arc::clone(&turn.session);
            let answer = turn.run(sql, session.fetch(call, sink)).await;
            turn.demanded(demand, answer, held)
        })
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut turn = self.turn(&call).await?;
            let (sql, demand) = (Arc::clone(&call.sql), call.demand.clone());
            let session = Arc::clone(&turn.session);
            let answer = turn.run(sql, session.execute(call)).await;
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
            let mut turn = self.turn(&call).await?;
            let (sql, demand) = (Arc::clone(&call.sql), call.demand.clone());
            let session = Arc::clone(&turn.session);
            let answer = turn
                .run(sql, session.execute_many(call, columns, rows))
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
            let mut turn = self.turn(&call).await?;
            let (sql, demand) = (Arc::clone(&call.sql), call.demand.clone());
            let session = Arc::clone(&turn.session);
            let answer = turn
                .run(sql, session.fetch_many(call, columns, rows, sink))
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
            let sending = self.alone().await?;
            let mut turn = self.begin(&call, sending)?;
            let _streaming = Streaming::begin(&self.level);
            self.shared.limits.say(call.method, &call.sql);
            let session = Arc::clone(&turn.session);
            let mut batches = bounded(session.stream(call, sink), self.shared.statement_deadline());
            while let Some(batch) = batches.next().await {
                yield match batch {
                    Ok(batch) => batch,
                    Err(error) => turn.note(Err(error))?,
                };
            }
            turn.note(Ok(()))?;
        })
    }
}

#[cfg(test)]
mod tests;
