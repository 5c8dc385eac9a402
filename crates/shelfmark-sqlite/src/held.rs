//! A connection that is kept over several calls: that of a transaction, or that of a migration.
//!
//! Each call takes the lease out of its slot for as long as it runs, and the thread that runs it holds the slot's
//! lock. So a call that was dropped is over before the next one begins, and whoever lets go last, the caller or the
//! thread, rolls back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use shelfmark_core::{Error, ErrorKind, Result};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::brake::Token;
use crate::connection::{Connection, Role};
use crate::lease::Lease;
use crate::route::Route;
use crate::run::hop;
use crate::site::{Phase, Site, closed};

/// The place of a lease; empty once it was given back.
pub(crate) type Slot = Mutex<Option<Lease>>;

/// Whether the statements of a kept connection belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bond {
    /// They are one transaction, which is over when SQLite ends it.
    Transaction,
    /// Each stands for itself, unless a script says otherwise.
    None,
}

/// A connection that is kept over several calls.
#[derive(Debug)]
pub(crate) struct Held {
    site: Arc<Site>,
    slot: Arc<Slot>,
    bond: Bond,
    /// Whether rows can be handed on while SQLite still stands on them: not where one connection is all there is.
    streams: bool,
    /// Whether a call was dropped or panicked before it ended; written by its future.
    broken: Arc<AtomicBool>,
    /// How long nobody read a stream of the transaction, which was rolled back for that; written by the stream's thread.
    forsaken: Arc<OnceLock<Duration>>,
}

/// The calls that a broken transaction still answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Only while all calls before it ended.
    Whole,
    /// Also after one that did not.
    Broken,
}

impl Held {
    pub(crate) fn new(lease: Lease, role: Role, bond: Bond) -> Self {
        Held {
            site: Arc::clone(lease.site()),
            slot: Arc::new(Mutex::new(Some(lease))),
            bond,
            streams: role != Role::Only,
            broken: Arc::default(),
            forsaken: Arc::default(),
        }
    }

    /// The slot, for a close that has to take the lease away.
    pub(crate) fn slot(&self) -> Weak<Slot> {
        Arc::downgrade(&self.slot)
    }

    /// Whether rows can be handed on while SQLite still stands on them.
    pub(crate) fn streams(&self) -> bool {
        self.streams
    }

    /// The place and phase of the database.
    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Takes the slot for a call, which may have to wait for the end of one that was dropped.
    pub(crate) async fn lock(&self, when: When) -> Result<Occupied> {
        let slot = Arc::clone(&self.slot).lock_owned().await;
        if slot.is_none() {
            if let Some(idle) = self.forsaken.get() {
                return Err(Error::new(ErrorKind::TransactionAborted).with_detail(format!(
                    "no row of a stream of the transaction was taken for {}ms, so it was rolled back",
                    idle.as_millis()
                )));
            }
            return Err(if self.site.phase() == Phase::Open {
                Error::new(ErrorKind::TransactionClosed)
            } else {
                closed()
            });
        }
        if when == When::Whole && self.bond == Bond::Transaction && self.is_broken() {
            return Err(Error::new(ErrorKind::TransactionAborted).with_detail(
                "a statement of the transaction was dropped before it ended; the transaction can only be rolled back",
            ));
        }
        Ok(Occupied {
            slot,
            bond: self.bond,
            forsaken: Arc::clone(&self.forsaken),
        })
    }

    /// Runs one call on the connection.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        when: When,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let occupied = self.lock(when).await?;
        self.run_on(occupied, work).await
    }

    /// Runs one statement on the connection.
    pub(crate) async fn run_route<T: Send + 'static>(
        &self,
        route: Route,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if route.spends() {
            self.run_spending(work).await
        } else {
            self.run(When::Whole, work).await
        }
    }

    /// Runs one call on the connection, whose settings it may change.
    pub(crate) async fn run_spending<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut occupied = self.lock(When::Whole).await?;
        occupied.spend();
        self.run_on(occupied, work).await
    }

    async fn run_on<T: Send + 'static>(
        &self,
        mut occupied: Occupied,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut alarm = Alarm(Some(Arc::clone(&self.broken)));
        let outcome = hop(move |token| occupied.run(token, work)).await;
        alarm.0 = None;
        outcome
    }

    /// Runs the last call; the lease is given back before its answer arrives.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        when: When,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut occupied = self.lock(when).await?;
        let mut alarm = Alarm(Some(Arc::clone(&self.broken)));
        let outcome = hop(move |token| {
            let outcome = occupied.run(token, work);
            drop(occupied.slot.take());
            outcome
        })
        .await;
        alarm.0 = None;
        outcome
    }

    /// Gives the lease back, which rolls back what is open. There is nothing left to fail: a connection that cannot
    /// be rolled back is closed, and that is a rollback, too.
    pub(crate) async fn give_back(&self) -> Result<()> {
        let mut occupied = match self.lock(When::Broken).await {
            // Rolled back already.
            Err(_) if self.forsaken.get().is_some() => return Ok(()),
            occupied => occupied?,
        };
        // Not stopped when the future is dropped: what began as a rollback ends as one.
        let returned = tokio::task::spawn_blocking(move || drop(occupied.slot.take()));
        // Without a runtime the lease was dropped on the spot.
        let _ = returned.await;
        Ok(())
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// The statement that was cut off has been undone.
    pub(crate) fn mend(&self) {
        self.broken.store(false, Ordering::Release);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // If a dropped call still runs, its thread holds the lock and gives the lease back when it is done.
        if let Ok(mut slot) = self.slot.try_lock()
            && let Some(lease) = slot.take()
        {
            let_go(lease);
        }
    }
}

/// Gives `lease` back on a blocking thread, or here where there is no runtime.
pub(crate) fn let_go(lease: Lease) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => {
            runtime.spawn_blocking(move || drop(lease));
        }
        Err(_) => drop(lease),
    }
}

/// Notes that a call did not end, when it is dropped while it is set.
struct Alarm(Option<Arc<AtomicBool>>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(broken) = &self.0 {
            broken.store(true, Ordering::Release);
        }
    }
}

/// The slot while a call has it.
#[derive(Debug)]
pub(crate) struct Occupied {
    slot: OwnedMutexGuard<Option<Lease>>,
    bond: Bond,
    forsaken: Arc<OnceLock<Duration>>,
}

impl Occupied {
    /// Whether the connection is that of a transaction.
    pub(crate) fn is_transaction(&self) -> bool {
        self.bond == Bond::Transaction
    }

    /// Rolls the transaction back and gives its connection away: for `idle` nobody has taken the rows of a stream.
    pub(crate) fn forsake(&mut self, idle: Duration) {
        // Before the slot is free, so that whoever waits for it learns why it is empty.
        let _ = self.forsaken.set(idle);
        drop(self.slot.take());
    }

    /// Has the connection replaced when the lease ends.
    pub(crate) fn spend(&mut self) {
        if let Some(lease) = self.slot.as_mut() {
            lease.spend();
        }
    }

    /// Runs `work` on the connection, while `token` can stop it. Blocks.
    pub(crate) fn run<T>(
        &mut self,
        token: &Token,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let lease = self
            .slot
            .as_mut()
            .ok_or_else(|| Error::new(ErrorKind::TransactionClosed))?;
        if self.bond == Bond::Transaction && lease.is_idle() {
            return Err(Error::new(ErrorKind::TransactionAborted).with_detail(
                "SQLite rolled the transaction back after an earlier failure; begin another",
            ));
        }
        lease.wait_anew();
        lease.run(token, work)
    }
}
