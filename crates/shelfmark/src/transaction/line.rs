//! The line of the statements at one level of a transaction: they are sent, and answered, in the order of their first
//! polls.
//!
//! Where the engine sends one statement before the one ahead of it is answered, several are under way together. Savepoints,
//! streams and the end of a scope wait until nothing is, and keep everything else out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Gate, Notify, OwnedMutexGuard};

/// The statements of one level.
#[derive(Default)]
pub(super) struct Line {
    /// Held by who may send; first come, first served.
    gate: Arc<Gate<()>>,
    /// The numbers of the statements that are under way, the oldest first. Locked for moments only.
    under_way: Mutex<VecDeque<u64>>,
    /// Told whenever the oldest statement has left.
    moved: Notify,
}

/// The right to send. It is given on when what was to be sent has been.
pub(super) type SendingTurn = OwnedMutexGuard<()>;

impl Line {
    /// Waits until all who came before have been sent.
    pub(super) async fn turn(&self) -> SendingTurn {
        Arc::clone(&self.gate).lock_owned().await
    }

    /// Waits until nothing is under way, and keeps it so for as long as the answer is held.
    pub(super) async fn alone(&self) -> SendingTurn {
        let turn = self.turn().await;
        self.until(VecDeque::is_empty).await;
        turn
    }

    /// The place of a statement that is about to be sent, whose number is higher than those before it.
    pub(super) fn enter(self: &Arc<Self>, number: u64) -> Place {
        self.lock().push_back(number);
        Place {
            line: Arc::clone(self),
            number,
        }
    }

    async fn until(&self, holds: impl Fn(&VecDeque<u64>) -> bool) {
        loop {
            if holds(&self.lock()) {
                return;
            }
            let moved = self.moved.notified();
            // What moved between the look and the wait is seen here.
            if holds(&self.lock()) {
                return;
            }
            moved.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        // Nothing that could panic half-way runs under the lock.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one statement; it leaves the line when this is dropped.
pub(super) struct Place {
    line: Arc<Line>,
    pub(super) number: u64,
}

impl Place {
    /// Waits until all statements ahead of this one have been answered or dropped.
    pub(super) async fn first(&self) {
        self.line
            .until(|under_way| under_way.front() == Some(&self.number))
            .await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.line.lock();
        let was_first = under_way.front() == Some(&self.number);
        if was_first {
            under_way.pop_front();
        } else {
            under_way.retain(|number| *number != self.number);
        }
        drop(under_way);
        if was_first {
            self.line.moved.notify_waiters();
        }
    }
}
