//! Lending connections: first come, first served, and none taken back before SQLite says that it is idle.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use shelfmark_core::pool::{HoldGuard, Holders, PoolStatus, WaitGuard};
use shelfmark_core::{Error, ErrorKind, Result};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::brake::{Brake, Token};
use crate::connection::{Connection, Missing, Role};
use crate::home::Homes;
use crate::line::Line;
use crate::site::{Phase, Site, closed};

/// Connections on their way from lease to lease: in boxes, since they are moved at every call.
type Idle = Vec<Box<Connection>>;

/// The connections of one role.
#[derive(Debug)]
pub(crate) struct Pool {
    site: Arc<Site>,
    role: Role,
    /// The most connections there are.
    size: usize,
    /// One permit per connection; tokio's semaphore serves those who wait in their order.
    permits: Arc<Semaphore>,
    /// Connections that are open and lent to nobody. The last one returned is the first one lent.
    idle: Mutex<Idle>,
    /// How many connections are open, idle or lent.
    open: Arc<AtomicUsize>,
    /// The brakes of connections that may be open, for the end of a close.
    brakes: Mutex<Vec<Weak<Brake>>>,
    holders: Holders,
    /// Single writes that wait for their turn.
    line: Line,
    /// Connections that rest with the threads that read on them in line.
    homes: Homes,
    /// How many leases are out; a close waits for zero.
    lent: AtomicUsize,
    /// Told when the last lease came back.
    all_back: Notify,
}

impl Pool {
    pub(crate) fn new(site: Arc<Site>, role: Role, size: usize) -> Self {
        let size = size.clamp(1, Semaphore::MAX_PERMITS);
        Pool {
            site,
            role,
            size,
            permits: Arc::new(Semaphore::new(size)),
            idle: Mutex::new(Vec::new()),
            open: Arc::new(AtomicUsize::new(0)),
            brakes: Mutex::new(Vec::new()),
            holders: Holders::default(),
            line: Line::default(),
            homes: Homes::new(size),
            lent: AtomicUsize::new(0),
            all_back: Notify::new(),
        }
    }

    /// Opens a connection for the idle ones, so that what is wrong with the file shows when the database is opened.
    pub(crate) fn open_one(&self, missing: Missing) -> Result<()> {
        let connection = self.open(missing, self.site.patience(Instant::now()))?;
        lock(&self.idle).push(Box::new(connection));
        Ok(())
    }

    fn open(&self, missing: Missing, patience: Instant) -> Result<Connection> {
        let connection =
            Connection::open(&self.site.place, self.role, missing, &self.open, patience)?;
        self.remember(&connection);
        Ok(connection)
    }

    fn remember(&self, connection: &Connection) {
        let mut brakes = lock(&self.brakes);
        brakes.retain(|brake| brake.strong_count() > 0);
        brakes.push(Arc::downgrade(connection.brake()));
    }

    /// Waits for a connection, for `method`.
    ///
    /// # Errors
    /// `PoolExhausted` naming who holds it, or `Connection` once the database is being closed.
    pub(crate) async fn acquire(self: &Arc<Self>, method: &'static str) -> Result<Lease> {
        self.site.refuse_when_closing()?;
        self.line.seal();
        let began = Instant::now();
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(closed()),
            Err(TryAcquireError::NoPermits) => {
                let _waiting = self.holders.wait();
                // Whoever reads in line from now on sees that somebody waits.
                self.homes.clear();
                let permit = Arc::clone(&self.permits).acquire_owned();
                match tokio::time::timeout(self.site.acquire_timeout, permit).await {
                    Ok(Ok(permit)) => permit,
                    Ok(Err(_)) => return Err(closed()),
                    Err(_) => return Err(self.status().exhausted(began.elapsed())),
                }
            }
        };
        let mut lease = self.lend(permit, began);
        lease.register(method);
        Ok(lease)
    }

    /// A connection that is free now. Who holds it is not registered: what takes longer than a moment does that itself.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Option<Lease> {
        if !self.site.is_open() {
            return None;
        }
        // None is free while somebody waits, so nobody is overtaken.
        let free = || Arc::clone(&self.permits).try_acquire_owned();
        let permit = free().or_else(|_| {
            self.homes.clear();
            free()
        });
        Some(self.lend(permit.ok()?, Instant::now()))
    }

    /// The connection that rests with this thread, if one does.
    pub(crate) fn take_from_home(&self) -> Option<Box<Lease>> {
        self.homes.take()
    }

    /// Lets a connection rest with this thread, where it is found again without a word to other threads; unless somebody
    /// waits for one.
    pub(crate) fn rest_at_home(&self, lease: Box<Lease>) {
        if !lease.may_rest() {
            return;
        }
        let unwanted = self.homes.put(lease, &self.site);
        drop(unwanted);
        // Whoever began to wait before the lease was at home is seen now, and whoever does later finds it there.
        if self.holders.waiting() > 0 {
            drop(self.homes.take());
        }
    }

    /// Whether some of the connections are in the hands of those who give them back in a moment.
    pub(crate) fn is_free_soon(&self) -> bool {
        self.site.is_open() && self.holders.held() < self.size
    }

    /// Takes back what rests with threads.
    pub(crate) fn clear_homes(&self) {
        self.homes.clear();
    }

    /// Waits for a connection for single writes, for as long as the pool is open: each of them has its own patience.
    pub(crate) fn turn(self: &Arc<Self>) -> impl Future<Output = Result<Lease>> + Send + use<> {
        // Those who wait were counted before, so nothing goes to rest again.
        self.homes.clear();
        let pool = Arc::clone(self);
        let permit = Arc::clone(&self.permits).acquire_owned();
        async move {
            let permit = permit.await.map_err(|_| closed())?;
            Ok(pool.lend(permit, Instant::now()))
        }
    }

    /// The line of single writes.
    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// Counts a caller who waits, until the guard is dropped.
    pub(crate) fn count_waiting(&self) -> WaitGuard {
        self.holders.wait()
    }

    /// The place and phase of the database.
    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    fn lend(self: &Arc<Self>, permit: OwnedSemaphorePermit, since: Instant) -> Lease {
        self.lent.fetch_add(1, Ordering::SeqCst);
        Lease {
            connection: lock(&self.idle).pop(),
            spent: false,
            made_read_only: false,
            waiting_since: since,
            hold: None,
            permit: Some(permit),
            pool: Arc::clone(self),
        }
    }

    /// The pool at this moment.
    pub(crate) fn status(&self) -> PoolStatus {
        let kind = match self.role {
            Role::Writer => " (writer)",
            Role::Reader => " (readers)",
            Role::Only => "",
        };
        PoolStatus::new(
            format!("SQLite {}{kind}", self.site.place.address()),
            self.size,
            self.open.load(Ordering::Relaxed),
            self.holders.held(),
            self.holders.waiting(),
        )
        .with_holders(self.holders.list())
    }

    /// Turns away those who wait.
    pub(crate) fn refuse(&self) {
        self.permits.close();
    }

    /// Stops whatever runs on the connections.
    pub(crate) fn condemn(&self) {
        for brake in lock(&self.brakes).iter() {
            if let Some(brake) = brake.upgrade() {
                brake.condemn();
            }
        }
    }

    /// Waits until every lease is back.
    pub(crate) async fn returned(&self) {
        loop {
            let told = self.all_back.notified();
            // Asked after `told` was made, which hears whatever is told from then on.
            if self.lent.load(Ordering::SeqCst) == 0 {
                return;
            }
            told.await;
        }
    }

    /// Takes the idle connections out. Those still lent are closed when they come back.
    pub(crate) fn take_idle(&self) -> Idle {
        std::mem::take(&mut *lock(&self.idle))
    }

    fn take_back(&self, connection: Box<Connection>) {
        let mut idle = lock(&self.idle);
        // Under the lock, so that no connection slips in behind a close.
        if self.site.is_open() || self.site.phase() < Phase::Closed {
            idle.push(connection);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only pushes and pops happen under these locks, so a poisoned one is still whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection lent to one call, transaction or stream. It travels with the work, and dropping it proves the
/// connection idle before anyone else can have it.
#[derive(Debug)]
pub(crate) struct Lease {
    /// `None` until it is used for the first time, when the pool had none open.
    connection: Option<Box<Connection>>,
    /// Whether statements ran that may have left state behind.
    spent: bool,
    /// Whether the only connection of a database in memory was made to read for this lease.
    made_read_only: bool,
    /// When the caller began to wait.
    waiting_since: Instant,
    hold: Option<HoldGuard>,
    permit: Option<OwnedSemaphorePermit>,
    pool: Arc<Pool>,
}

impl Lease {
    /// The place and phase of the database.
    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.pool.site
    }

    /// Puts `method` on the list of those who hold a connection.
    pub(crate) fn register(&mut self, method: &'static str) {
        self.hold = Some(self.pool.holders.hold(method));
    }

    /// Takes it off that list: what it does next takes a moment.
    pub(crate) fn deregister(&mut self) {
        self.hold = None;
    }

    /// The connection, if it is open, for a read in line with its caller: SQLite does not wait for locks.
    pub(crate) fn at_hand(&self) -> Option<&Connection> {
        let connection = self.connection.as_deref()?;
        connection.signals().forbid_waiting();
        Some(connection)
    }

    /// Whether the connection can be lent once more as it is.
    fn may_rest(&self) -> bool {
        let is_clean = !self.spent && !self.made_read_only && self.hold.is_none();
        is_clean && self.connection.as_ref().is_some_and(|one| one.is_idle())
    }

    /// Has the connection replaced by a fresh one afterwards.
    pub(crate) fn spend(&mut self) {
        self.spent = true;
    }

    /// Makes the only connection of a database in memory read-only until the lease ends.
    pub(crate) fn make_read_only(&mut self) -> Result<()> {
        self.made_read_only = true;
        self.connection()?.batch("PRAGMA query_only = ON")
    }

    /// Lets SQLite wait for locks of other processes as long as a caller may who waits since `since`.
    pub(crate) fn wait_since(&mut self, since: Instant) {
        self.waiting_since = since;
    }

    /// Runs `work` on the connection, where nobody can stop it but the end of the database. Blocks.
    pub(crate) fn on_connection<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        work(self.connection()?)
    }

    /// Rolls back, if there is anything to roll back.
    pub(crate) fn roll_back(&self) {
        if let Some(connection) = &self.connection {
            connection.roll_back();
        }
    }

    /// Lets the next call wait for locks of other processes as long as a call of its own may.
    pub(crate) fn wait_anew(&mut self) {
        self.waiting_since = Instant::now();
    }

    /// Runs `work` on the connection, while `token` can stop it. Blocks.
    pub(crate) fn run<T>(
        &mut self,
        token: &Token,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let connection = self.connection()?;
        let _attached = token.attach(connection.brake())?;
        work(connection)
    }

    /// The connection, opened now if the pool had none.
    fn connection(&mut self) -> Result<&Connection> {
        let patience = self.pool.site.patience(self.waiting_since);
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None if self.pool.role == Role::Only => {
                return Err(Error::new(ErrorKind::Connection).with_detail(
                    "the database in memory is lost, because its connection could not be rolled back",
                ));
            }
            None => Box::new(self.pool.open(Missing::Refuse, patience)?),
        };
        connection
            .signals()
            .allow_waiting(self.waiting_since, patience);
        Ok(self.connection.insert(connection))
    }

    /// Whether no transaction is open, by SQLite's own word.
    pub(crate) fn is_idle(&self) -> bool {
        self.connection
            .as_ref()
            .is_none_or(|connection| connection.is_idle())
    }

    /// The connection as the next caller may have it, or `None` when a fresh one must take its place.
    fn cleaned(&self, connection: Box<Connection>) -> Option<Box<Connection>> {
        let place = &self.pool.site.place;
        if !connection.is_idle() {
            tracing::debug!(%place, "rolling back a transaction that was left open");
            connection.roll_back();
        }
        if !connection.is_idle() {
            tracing::warn!(%place, "a connection could not be rolled back and is closed");
            return None;
        }
        let readable_again =
            !self.made_read_only || connection.batch("PRAGMA query_only = OFF").is_ok();
        if !self.spent && readable_again {
            return Some(connection);
        }
        tracing::debug!(%place, "replacing a connection whose settings may have changed");
        if self.pool.role != Role::Only {
            return None;
        }
        match connection.copy_in_memory(&self.pool.open) {
            Ok(fresh) => {
                self.pool.remember(&fresh);
                Some(Box::new(fresh))
            }
            Err(error) => {
                // Rather a connection with odd settings than no data.
                tracing::warn!(%place, %error, "the database in memory could not be copied");
                Some(connection)
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Some(connection) = self.cleaned(connection)
        {
            self.pool.take_back(connection);
        }
        // Only now may the next caller come.
        drop(self.hold.take());
        drop(self.permit.take());
        if self.pool.lent.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.pool.all_back.notify_waiters();
        }
    }
}
