//! A connection that is kept over several calls: that of a transaction, or that of a migration.
//!
//! Statements of a transaction may be under way together, in the order in which they were begun. A call that is dropped
//! before its end is stopped on the server at once, by a task; the next call waits until it has been. In a transaction
//! nothing but a rollback is answered then, since nobody knows how far it came.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use shelfmark_core::{Access, Call, Error, ErrorKind, Result, RowSink};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::time::{Instant, timeout_at};

use crate::begin::{self, Beginning, Opening, Stage};
use crate::clock;
use crate::error::{self, Failure, Fate, Link};
use crate::lease::{Lease, RUNNING};
use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::pump::Hold;
use crate::run::{self, Rules};

/// A connection that is kept over several calls.
pub(crate) struct Kept {
    /// Empty once it was given back. Shared by the statements that are under way; everything else has it alone.
    slot: Arc<RwLock<Option<Lease>>>,
    /// Whether the transaction can only be rolled back; always false outside of one.
    failed: AtomicBool,
    /// How long nobody read a stream of the transaction, which was rolled back for that; written by the stream's watchdog.
    forsaken: OnceLock<Duration>,
    /// The transaction, if the calls are one.
    pub(crate) transaction: Option<Transaction>,
    /// The deadline of each call.
    pub(crate) limit: Duration,
    /// When a statement ended last: the time of those behind it counts from there.
    progress: Mutex<Instant>,
}

/// What is known of a transaction.
pub(crate) struct Transaction {
    pool: Arc<Pool>,
    /// How it begins, with its first statement.
    pub(crate) opening: Opening,
    /// What it has written.
    pub(crate) ledger: Ledger,
    /// How many statements have left.
    sent: AtomicU64,
}

impl Transaction {
    pub(crate) fn new(pool: &Arc<Pool>, opening: Opening) -> Self {
        Transaction {
            pool: Arc::clone(pool),
            opening,
            ledger: Ledger::default(),
            sent: AtomicU64::new(0),
        }
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }
}

/// A statement's view of the transaction that it is in.
pub(crate) struct Within<'t> {
    transaction: &'t Transaction,
    pub(crate) ledger: &'t Ledger,
    /// The answer to BEGIN, where it travels with this statement.
    beginning: Mutex<Option<Beginning<'t>>>,
    /// Whether it travels with this statement, also when its answer has been taken.
    brings_begin: bool,
}

impl<'t> Within<'t> {
    fn new(transaction: &'t Transaction, beginning: Option<Beginning<'t>>) -> Self {
        Within {
            transaction,
            ledger: &transaction.ledger,
            brings_begin: beginning.is_some(),
            beginning: Mutex::new(beginning),
        }
    }

    /// The statement has left.
    pub(crate) fn note_sent(&self) {
        self.transaction.sent.fetch_add(1, Ordering::AcqRel);
    }

    /// Waits until the server has begun the transaction.
    pub(crate) async fn opened(&self, lease: &Lease) -> Result<(), Failure> {
        match self.transaction.opening.stage() {
            Stage::Open => Ok(()),
            _ if self.lock_beginning().is_some() => self.take_answer(lease).await,
            _ => self.transaction.opening.opened().await,
        }
    }

    /// Takes the answer to BEGIN, where it travelled with this statement and nobody has taken it yet.
    async fn take_answer(&self, lease: &Lease) -> Result<(), Failure> {
        let beginning = self.lock_beginning().take();
        match beginning {
            Some(beginning) => beginning.take(lease).await,
            None => Ok(()),
        }
    }

    /// Whether the statement, which failed so, may be sent again: nothing has been done that could be done twice.
    fn may_go_again(&self, failure: &Failure) -> bool {
        self.brings_begin
            && failure.link == Link::Lost
            && self.transaction.opening.stage() == Stage::Lost
    }

    /// What the statement answers. One that was lost beside the one that brought BEGIN may not be sent again, since what was
    /// called after it might have been sent again before.
    fn explained(&self, failure: Failure) -> Failure {
        let unbegun = self.transaction.opening.stage() != Stage::Open;
        if self.brings_begin || failure.link != Link::Lost || !unbegun {
            return failure;
        }
        Failure {
            error: begin::lost_together(ErrorKind::TransactionAborted, failure.error),
            ..failure
        }
    }

    fn lock_beginning(&self) -> std::sync::MutexGuard<'_, Option<Beginning<'t>>> {
        self.beginning
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The calls that a transaction still answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Only while nothing has failed.
    Whole,
    /// Also afterwards.
    Failed,
}

impl Kept {
    /// A connection without a transaction.
    pub(crate) fn new(lease: Lease, limit: Duration) -> Arc<Self> {
        Self::with(lease, None, limit)
    }

    /// The connection of a transaction that has yet to begin.
    pub(crate) fn in_transaction(
        lease: Lease,
        transaction: Transaction,
        limit: Duration,
    ) -> Arc<Self> {
        Self::with(lease, Some(transaction), limit)
    }

    fn with(lease: Lease, transaction: Option<Transaction>, limit: Duration) -> Arc<Self> {
        Arc::new(Kept {
            slot: Arc::new(RwLock::new(Some(lease))),
            failed: AtomicBool::new(false),
            forsaken: OnceLock::new(),
            transaction,
            limit,
            progress: Mutex::new(Instant::now()),
        })
    }

    /// Takes the connection for one call that has it alone.
    pub(crate) async fn occupy(self: &Arc<Self>, when: When) -> Result<Occupied> {
        let deadline = clock::after(self.limit);
        let Ok(slot) = timeout_at(deadline, Arc::clone(&self.slot).write_owned()).await else {
            return Err(self.busy());
        };
        let mut occupied = Occupied {
            kept: Arc::clone(self),
            slot: Slot::Alone(slot),
            deadline,
            ended: true,
        };
        self.check(&occupied.slot, when)?;
        let lease = occupied.lease()?;
        if !lease.stopped().await {
            // The server rolls back what is open on a connection that ended.
            occupied.slot.take();
            return Err(error::lost(true, None));
        }
        Ok(occupied)
    }

    /// As [`occupy`](Kept::occupy), with the transaction begun on the server, if the calls are one.
    pub(crate) async fn occupy_begun(self: &Arc<Self>) -> Result<Occupied> {
        let mut occupied = self.occupy(When::Whole).await?;
        let Some(transaction) = &self.transaction else {
            return Ok(occupied);
        };
        let opening = &transaction.opening;
        let mut left = transaction.pool.most();
        while opening.has_not_begun() {
            occupied.freshen(transaction).await?;
            occupied.begin();
            let lease = occupied.lease()?;
            let beginning = opening.send(lease).await;
            let answering = lease.connection().drive(beginning.take(lease));
            let Ok(answer) = timeout_at(occupied.deadline, answering).await else {
                return Err(error::deadline(self.limit, true));
            };
            occupied.ended = true;
            match answer {
                Ok(()) => {}
                // Nothing has been done that could be done twice.
                Err(failure) if failure.link == Link::Lost && left > 0 => left -= 1,
                Err(failure) => {
                    self.fail();
                    return Err(failure.error);
                }
            }
        }
        Ok(occupied)
    }

    /// Takes the connection for one statement, beside others that are under way.
    async fn join(self: &Arc<Self>) -> Result<Occupied> {
        let deadline = clock::after(self.limit);
        let Ok(slot) = timeout_at(deadline, Arc::clone(&self.slot).read_owned()).await else {
            return Err(self.busy());
        };
        let occupied = Occupied {
            kept: Arc::clone(self),
            slot: Slot::Shared(slot),
            deadline,
            ended: true,
        };
        self.check(&occupied.slot, When::Whole)?;
        Ok(occupied)
    }

    fn busy(&self) -> Error {
        Error::new(ErrorKind::Timeout).with_detail(format!(
            "another call of the same transaction still runs after {}ms; read a stream to its end or drop it \
             before the next call",
            self.limit.as_millis()
        ))
    }

    fn check(&self, slot: &Slot, when: When) -> Result<()> {
        if slot.lease().is_none() {
            return Err(match self.forsaken.get() {
                Some(idle) => Error::new(ErrorKind::TransactionAborted).with_detail(format!(
                    "no row of a stream of the transaction was taken for {}ms, so it was rolled back",
                    idle.as_millis()
                )),
                None => Error::new(ErrorKind::TransactionClosed),
            });
        }
        if when == When::Whole && self.failed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::TransactionAborted));
        }
        Ok(())
    }

    /// The statement that failed has been undone.
    pub(crate) fn mend(&self) {
        self.failed.store(false, Ordering::Release);
    }

    /// Whether it was rolled back because nobody read a stream of it.
    pub(crate) fn is_forsaken(&self) -> bool {
        self.forsaken.get().is_some()
    }

    fn fail(&self) {
        if self.transaction.is_some() {
            self.failed.store(true, Ordering::Release);
        }
    }

    /// Runs a statement and gives the rows touched. The first of a transaction takes BEGIN along; on a connection that turns
    /// out to be gone before that was answered, it goes to another.
    pub(crate) async fn run(
        self: &Arc<Self>,
        call: &Call<'_>,
        mut sink: Option<&mut dyn RowSink>,
        rules: Rules,
    ) -> Result<u64> {
        let Some(transaction) = &self.transaction else {
            let occupied = self.occupy(When::Whole).await?;
            let answer = occupied.run(call, sink, rules, None, None).await;
            return answer.map_err(|failure| failure.error);
        };
        let opening = &transaction.opening;
        let mut left = transaction.pool.most();
        // What this statement, which brought BEGIN, was lost with.
        let mut lost: Option<Error> = None;
        loop {
            let mut beginning = None;
            let mut hold = None;
            let occupied = if opening.has_not_begun() {
                let occupied = self.occupy(When::Whole).await;
                let mut occupied = match (occupied, lost.take()) {
                    // Others were lost with it, and they have ended the transaction for that.
                    (Err(error), Some(lost)) if error.kind() == ErrorKind::TransactionAborted => {
                        return Err(begin::lost_together(ErrorKind::Connection, lost));
                    }
                    (occupied, lost) => {
                        let occupied = occupied?;
                        if opening.stage() == Stage::Lost && lost.is_none() {
                            self.fail();
                            let reason = error::lost(false, None);
                            return Err(begin::lost_together(
                                ErrorKind::TransactionAborted,
                                reason,
                            ));
                        }
                        occupied
                    }
                };
                if opening.has_not_begun() {
                    occupied.freshen(transaction).await?;
                    occupied.begin();
                    let lease = occupied.lease()?;
                    hold = lease.connection().hold();
                    beginning = Some(opening.send(lease).await);
                }
                occupied.together()
            } else {
                self.join().await?
            };
            let within = Within::new(transaction, beginning);
            let sink = sink.as_mut().map(|sink| &mut **sink as &mut dyn RowSink);
            match occupied.run(call, sink, rules, hold, Some(&within)).await {
                Ok(touched) => return Ok(touched),
                Err(failure) if within.may_go_again(&failure) && left > 0 => {
                    left -= 1;
                    lost = Some(failure.error);
                }
                Err(failure) => {
                    if failure.link == Link::Lost || failure.fate == Fate::Other {
                        self.fail();
                    }
                    return Err(failure.error);
                }
            }
        }
    }

    fn lock_progress(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` until `deadline`, which moves with each statement before it that ends; `None` when it has passed.
    async fn in_time<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut deadline = deadline;
        loop {
            if let Ok(answer) = timeout_at(deadline, &mut work).await {
                return Some(answer);
            }
            let renewed = *self.lock_progress() + self.limit.min(clock::FOREVER);
            if renewed <= deadline {
                return None;
            }
            deadline = renewed;
        }
    }
}

/// The connection while calls have it.
enum Slot {
    /// One call of several.
    Shared(OwnedRwLockReadGuard<Option<Lease>>),
    /// One call alone.
    Alone(OwnedRwLockWriteGuard<Option<Lease>>),
    /// Nobody, while the one becomes the other.
    Empty,
}

impl Slot {
    fn lease(&self) -> Option<&Lease> {
        match self {
            Slot::Shared(slot) => slot.as_ref(),
            Slot::Alone(slot) => slot.as_ref(),
            Slot::Empty => None,
        }
    }

    fn take(&mut self) -> Option<Lease> {
        match self {
            Slot::Shared(_) | Slot::Empty => None,
            Slot::Alone(slot) => slot.take(),
        }
    }
}

/// The connection while a call has it. Dropped in the middle of a call, it stops that on the server.
pub(crate) struct Occupied {
    kept: Arc<Kept>,
    slot: Slot,
    pub(crate) deadline: Instant,
    /// Whether no call is under way.
    ended: bool,
}

impl Occupied {
    pub(crate) fn lease(&self) -> Result<&Lease> {
        self.slot
            .lease()
            .ok_or_else(|| Error::new(ErrorKind::TransactionClosed))
    }

    /// Takes the connection away from later calls, for the last one.
    pub(crate) fn take(mut self) -> Result<Lease> {
        self.slot
            .take()
            .ok_or_else(|| Error::new(ErrorKind::TransactionClosed))
    }

    /// Puts another connection in the place of one that was lost before the transaction had begun.
    async fn freshen(&mut self, transaction: &Transaction) -> Result<()> {
        if let Slot::Alone(slot) = &mut self.slot
            && slot.as_ref().is_some_and(Lease::is_lost)
        {
            transaction.opening.lose();
            // The lost connection's place is free before another one is asked for.
            drop(slot.take());
            **slot = Some(
                transaction
                    .pool
                    .acquire(transaction.opening.label())
                    .await?,
            );
        }
        Ok(())
    }

    /// Lets other statements in.
    fn together(mut self) -> Self {
        if let Slot::Alone(alone) = std::mem::replace(&mut self.slot, Slot::Empty) {
            self.slot = Slot::Shared(alone.downgrade());
        }
        self
    }

    /// Rolls the transaction back and gives its connection away: for `idle` nobody has asked for the rows of a stream.
    pub(crate) fn forsake(mut self, idle: Duration) {
        // Before the slot is free, so that whoever waits for it learns why it is empty.
        let _ = self.kept.forsaken.set(idle);
        drop(self.slot.take());
    }

    /// A call begins: until [`end`](Occupied::end), dropping stops it.
    pub(crate) fn begin(&mut self) {
        self.ended = false;
    }

    /// The call has ended, and failed where there is a failure.
    pub(crate) fn end(&mut self, failure: Option<&Failure>) {
        self.ended = true;
        if self.kept.transaction.is_none() {
            return;
        }
        *self.kept.lock_progress() = Instant::now();
        if failure.is_some_and(|it| it.link == Link::Lost || it.fate == Fate::Other) {
            self.kept.fail();
        }
    }

    /// Runs a statement and gives the rows touched.
    async fn run(
        mut self,
        call: &Call<'_>,
        sink: Option<&mut dyn RowSink>,
        rules: Rules,
        hold: Option<Hold>,
        within: Option<&Within<'_>>,
    ) -> Result<u64, Failure> {
        self.begin();
        let lease = self.lease().map_err(Failure::unsent)?;
        let running = async {
            let answer = run::run(lease, call, sink, rules, within).await;
            // Whatever the statement came to, BEGIN has an answer that somebody has to take; and its failure says more than
            // that of what stood behind it.
            if let Some(within) = within {
                within.take_answer(lease).await?;
            }
            answer
        };
        let running = lease.connection().drive_joined(hold, running);
        let Some(answer) = self.kept.in_time(self.deadline, running).await else {
            // Dropping what is occupied stops it.
            return Err(Failure {
                error: error::deadline(self.kept.limit, call.access == Access::Read),
                link: Link::Usable,
                fate: Fate::Other,
            });
        };
        let answer = answer.map_err(|failure| match within {
            Some(within) => within.explained(failure),
            None => failure,
        });
        // What goes to another connection has not failed. Whatever has is known as failed before the connection is free, so
        // that who waits for it alone learns of it.
        let failure = answer.as_ref().err();
        self.end(failure.filter(|failure| !within.is_some_and(|it| it.may_go_again(failure))));
        answer
    }

    /// Runs a text that gives no rows.
    pub(crate) async fn command(mut self, sql: &str) -> Result<()> {
        self.begin();
        let Ok(answer) = timeout_at(self.deadline, command(self.lease()?, sql)).await else {
            return Err(error::deadline(self.kept.limit, false));
        };
        self.end(answer.as_ref().err());
        answer.map_err(|failure| failure.error)
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.kept.fail();
        if let Some(lease) = self.slot.lease() {
            lease.note(RUNNING);
            lease.stop();
        }
    }
}

/// Runs a text that gives no rows, and may be several statements.
pub(crate) async fn command(lease: &Lease, sql: &str) -> Result<(), Failure> {
    let running = lease.run();
    let connection = lease.connection();
    let written = connection.bytes_written();
    match connection
        .drive(connection.client().batch_execute(sql))
        .await
    {
        Ok(()) => {
            running.ended();
            Ok(())
        }
        Err(error) => {
            let sent = connection.bytes_written() != written;
            let failure = Failure::from_driver(error, sent, connection);
            match failure.link {
                Link::Usable => running.ended(),
                Link::Lost => lease.note_lost(),
            }
            Err(failure)
        }
    }
}
