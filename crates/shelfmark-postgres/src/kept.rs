//! A connection that is kept over several calls: that of a transaction, or that of a migration.
//!
//! A call that is dropped before its end is stopped on the server at once, by a task; the next call waits until it
//! has been. In a transaction nothing but a rollback is answered then, since nobody knows how far it came.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use shelfmark_core::{Access, Call, Error, ErrorKind, Result, RowSink};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};

use crate::clock;
use crate::error::{self, Failure, Fate, Link};
use crate::lease::Lease;
use crate::ledger::Ledger;
use crate::run::{self, Rules};

/// A connection that is kept over several calls.
pub(crate) struct Kept {
    /// Empty once it was given back. The caller serialises, so the lock is free but for calls that were dropped and
    /// streams that are still read.
    slot: Arc<Mutex<Option<Lease>>>,
    /// Whether the transaction can only be rolled back; always false outside of one.
    failed: AtomicBool,
    /// How long nobody read a stream of the transaction, which was rolled back for that; written by the stream's watchdog.
    forsaken: OnceLock<Duration>,
    /// Whether the calls are one transaction.
    is_transaction: bool,
    /// The deadline of each call.
    pub(crate) limit: Duration,
    /// What the transaction has written.
    pub(crate) ledger: Ledger,
}

/// The calls that a failed transaction still answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Only while nothing has failed.
    Whole,
    /// Also afterwards.
    Failed,
}

impl Kept {
    pub(crate) fn new(lease: Lease, is_transaction: bool, limit: Duration) -> Arc<Self> {
        Arc::new(Kept {
            slot: Arc::new(Mutex::new(Some(lease))),
            failed: AtomicBool::new(false),
            forsaken: OnceLock::new(),
            is_transaction,
            limit,
            ledger: Ledger::default(),
        })
    }

    /// Takes the connection for one call.
    pub(crate) async fn occupy(self: &Arc<Self>, when: When) -> Result<Occupied> {
        let deadline = clock::after(self.limit);
        let Ok(mut slot) = timeout_at(deadline, Arc::clone(&self.slot).lock_owned()).await else {
            return Err(Error::new(ErrorKind::Timeout).with_detail(format!(
                "another call of the same transaction still runs after {}ms; read a stream to its end or drop it \
                 before the next call",
                self.limit.as_millis()
            )));
        };
        let Some(lease) = &*slot else {
            return Err(match self.forsaken.get() {
                Some(idle) => Error::new(ErrorKind::TransactionAborted).with_detail(format!(
                    "no row of a stream of the transaction was taken for {}ms, so it was rolled back",
                    idle.as_millis()
                )),
                None => Error::new(ErrorKind::TransactionClosed),
            });
        };
        if when == When::Whole && self.failed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::TransactionAborted));
        }
        if !lease.stopped().await {
            // The server rolls back what is open on a connection that ended.
            slot.take();
            return Err(error::lost(true, None));
        }
        Ok(Occupied {
            kept: Arc::clone(self),
            slot,
            deadline,
            ended: true,
        })
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
        if self.is_transaction {
            self.failed.store(true, Ordering::Release);
        }
    }
}

/// The connection while a call has it. Dropped in the middle of a call, it stops that on the server.
pub(crate) struct Occupied {
    kept: Arc<Kept>,
    slot: OwnedMutexGuard<Option<Lease>>,
    pub(crate) deadline: Instant,
    /// Whether no call is under way.
    ended: bool,
}

impl Occupied {
    pub(crate) fn lease(&self) -> Result<&Lease> {
        self.slot
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::TransactionClosed))
    }

    /// Takes the connection away from later calls, for the last one.
    pub(crate) fn take(mut self) -> Result<Lease> {
        self.slot
            .take()
            .ok_or_else(|| Error::new(ErrorKind::TransactionClosed))
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
        if let Some(failure) = failure
            && (failure.link == Link::Lost || failure.fate == Fate::Other)
        {
            self.kept.fail();
        }
    }

    /// Runs a statement and gives the rows touched.
    pub(crate) async fn run(
        mut self,
        call: &Call<'_>,
        sink: Option<&mut dyn RowSink>,
        rules: Rules,
    ) -> Result<u64> {
        self.begin();
        let ledger = self.kept.is_transaction.then_some(&self.kept.ledger);
        let running = run::run(self.lease()?, call, sink, rules, ledger);
        let Ok(answer) = timeout_at(self.deadline, running).await else {
            // Dropping what is occupied stops it.
            return Err(error::deadline(
                self.kept.limit,
                call.access == Access::Read,
            ));
        };
        self.end(answer.as_ref().err());
        answer.map_err(|failure| failure.error)
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
        if let Some(lease) = &*self.slot {
            lease.stop();
        }
    }
}

/// Runs a text that gives no rows, and may be several statements.
pub(crate) async fn command(lease: &Lease, sql: &str) -> Result<(), Failure> {
    let running = lease.run();
    let connection = lease.connection();
    let written = connection.bytes_written();
    match connection.client().batch_execute(sql).await {
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
