//! One lane: a connection that many tasks share, whose statements are sent without waiting for each other's answers.
//!
//! Each statement has its own Sync, so each is its own transaction, and the failure of one touches no other. A task of
//! the lane moves the bytes and takes every answer as it comes, into memory and up to a bound (`queue`), so that a caller
//! who is slow to look, or has gone away, holds nobody up. Nothing is ever cancelled here, since a cancel would hit whoever
//! runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::TryFutureExt as _;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::bind::Encoded;
use crate::connection::Connection;
use crate::queue::{Answer, Queue};
use crate::statement::Prepared;
use crate::texts::Text;

/// A preparation that is broken off leaves its statement behind on the server, so there are not more of them for one text.
const MAX_BROKEN_OFF: u8 = 3;

/// A lane. Dropping it ends its session when what waits has been answered.
pub(crate) struct Lane {
    connection: Arc<Connection>,
    queue: Arc<Queue>,
    /// The texts, by number, that are being prepared or were not prepared to the end.
    preparing: Mutex<HashMap<u64, Attempts>>,
}

/// A statement with its values, ready for a lane.
pub(crate) struct Prompt {
    pub(crate) text: Arc<Text>,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) values: Vec<Encoded>,
    pub(crate) bytes: usize,
    pub(crate) deadline: Instant,
}

impl Lane {
    pub(crate) fn new(connection: Connection, queue: Arc<Queue>) -> Self {
        Lane {
            connection: Arc::new(connection),
            queue,
            preparing: Mutex::default(),
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Whether it takes no more work, ever.
    pub(crate) fn is_over(&self) -> bool {
        self.queue.is_over() || self.connection.is_closed() || self.connection.is_expired()
    }

    /// Says that the caller prepares the text `id`, until the guard is dropped; `None` when somebody else does, or when it
    /// was broken off too often.
    pub(crate) fn preparing(&self, id: u64) -> Option<Preparing<'_>> {
        let mut preparing = self.lock_preparing();
        let attempts = preparing.entry(id).or_default();
        if attempts.is_running || attempts.broken_off >= MAX_BROKEN_OFF {
            return None;
        }
        attempts.is_running = true;
        Some(Preparing {
            lane: self,
            id,
            is_answered: false,
        })
    }

    fn lock_preparing(&self) -> MutexGuard<'_, HashMap<u64, Attempts>> {
        self.preparing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a question. `None` when the lane takes none any more; nothing has been sent then. An answer that never comes
    /// is that of a lost lane.
    pub(crate) fn ask(&self, prompt: Prompt, now: Instant) -> Option<oneshot::Receiver<Answer>> {
        let connection = Arc::clone(&self.connection);
        let Prompt {
            text,
            prepared,
            values,
            bytes,
            deadline,
        } = prompt;
        let sql = Arc::clone(&text.sql);
        let rows = async move {
            let client = connection.client();
            prepared.statement.send_encoded(client, &sql, values).await
        };
        let rows = Box::pin(rows.try_flatten_stream());
        self.queue.put(rows, text, bytes, now, deadline)
    }

    /// Ends it at once; who waits is told that the lane is lost.
    pub(crate) fn kill(&self) {
        self.connection.kill();
    }
}

/// How the preparation of a text went so far.
#[derive(Default)]
struct Attempts {
    is_running: bool,
    broken_off: u8,
}

/// A text that is being prepared on a lane.
pub(crate) struct Preparing<'l> {
    lane: &'l Lane,
    id: u64,
    is_answered: bool,
}

impl Preparing<'_> {
    /// The server has answered, whatever it said.
    pub(crate) fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Preparing<'_> {
    fn drop(&mut self) {
        let mut preparing = self.lane.lock_preparing();
        if self.is_answered {
            preparing.remove(&self.id);
        } else if let Some(attempts) = preparing.get_mut(&self.id) {
            attempts.is_running = false;
            attempts.broken_off += 1;
        }
    }
}
