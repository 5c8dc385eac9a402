//! What a transaction has written, by the server's number of it: with that number the server can be asked later what
//! became of a commit whose answer was lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::SimpleQueryMessage;

use crate::connection::Connection;

/// Gives the number of the transaction, if it has one, and the process that runs it. These names exist in every
/// version since 10; the newer `pg_current_xact_id` would be an error, and thereby the end of the transaction, before 13.
pub(crate) const QUESTION: &str =
    "SELECT pg_catalog.txid_current_if_assigned(), pg_catalog.pg_backend_pid()";

/// A transaction that wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The server's number of it, with the epoch.
    pub(crate) transaction: u64,
    /// The process that ran it.
    pub(crate) process: u32,
}

/// What is known of the writing of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    mark: Mutex<Option<Mark>>,
    /// Whether a statement that is under way has asked.
    asked: AtomicBool,
}

/// The right to ask, which one statement at a time has.
pub(crate) struct Asking<'l>(&'l Ledger);

impl Asking<'_> {
    /// Asks the server; sent at the first poll. A failure is the failure of the statement before it, which speaks
    /// for itself.
    pub(crate) async fn ask(self, connection: Arc<Connection>) {
        if let Ok(messages) = connection.client().simple_query(QUESTION).await {
            for message in &messages {
                self.0.note(message);
            }
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asked.store(false, Ordering::Release);
    }
}

impl Ledger {
    pub(crate) fn mark(&self) -> Option<Mark> {
        *self.lock()
    }

    pub(crate) fn is_known(&self) -> bool {
        self.lock().is_some()
    }

    /// The right to ask, unless the answer is known or on its way.
    pub(crate) fn may_ask(&self) -> Option<Asking<'_>> {
        if self.is_known() || self.asked.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Asking(self))
    }

    /// Takes the number from an answer to [`QUESTION`]. False when the answer says that nothing was written.
    pub(crate) fn note(&self, message: &SimpleQueryMessage) -> bool {
        let SimpleQueryMessage::Row(row) = message else {
            return true;
        };
        let number = |index| row.try_get(index).ok().flatten();
        match (number(0).map(str::parse), number(1).map(str::parse)) {
            (Some(Ok(transaction)), Some(Ok(process))) => {
                *self.lock() = Some(Mark {
                    transaction,
                    process,
                });
                true
            }
            _ => false,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Mark>> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
