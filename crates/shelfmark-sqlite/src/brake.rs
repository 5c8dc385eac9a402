//! Stopping the work on a connection, without ever hitting the work of the next caller.
//!
//! SQLite's own interruption is a flag on the connection: it strikes whatever runs there at that moment, and is lost
//! when nothing does. So each call has a [`Token`], which is attached to the connection's [`Brake`] only while the
//! call runs there, and interrupts under the same lock under which it is detached. A second flag, looked at by
//! SQLite's progress handler, stops a call that was between two statements.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::InterruptHandle;
use shelfmark_core::{Error, ErrorKind, Result};

/// What the callbacks of one connection look at while SQLite works or waits.
#[derive(Debug)]
pub(crate) struct Signals {
    /// The zero of the times below.
    origin: Instant,
    /// The call that runs was dropped. Written under the lock of its token.
    pulled: AtomicBool,
    /// The database is being closed; never taken back.
    condemned: AtomicBool,
    /// Until when SQLite may wait for a lock, in microseconds since `origin`. Written by the thread that works.
    wait_until_us: AtomicU64,
    /// When SQLite began to be allowed to wait, likewise.
    wait_from_us: AtomicU64,
    /// After which moment SQLite gives up what it does; zero while that is not bounded. Bounded are reads in line with
    /// their caller, and the search for a constraint's name. Written by the thread that works.
    until_us: AtomicU64,
}

impl Signals {
    fn new() -> Self {
        Signals {
            origin: Instant::now(),
            pulled: AtomicBool::new(false),
            condemned: AtomicBool::new(false),
            wait_until_us: AtomicU64::new(0),
            wait_from_us: AtomicU64::new(0),
            until_us: AtomicU64::new(0),
        }
    }

    fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.origin);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// Whether the work that runs must end.
    pub(crate) fn stopped(&self) -> bool {
        self.pulled.load(Ordering::Relaxed) || self.condemned()
    }

    /// Whether the database is being closed.
    pub(crate) fn condemned(&self) -> bool {
        self.condemned.load(Ordering::Relaxed)
    }

    /// What SQLite asks every thousand steps: whether to give up.
    pub(crate) fn gives_up(&self) -> bool {
        self.stopped() || self.is_late()
    }

    /// Whether what is done is bounded and has taken too long.
    pub(crate) fn is_late(&self) -> bool {
        let until = self.until_us.load(Ordering::Relaxed);
        until != 0 && self.micros(Instant::now()) > until
    }

    /// What SQLite asks when another process has a lock: waits a moment, and says whether to try again.
    ///
    /// The moments stay short, so that among several processes nobody's turn is likelier to come than another's.
    pub(crate) fn waits(&self, tries: i32) -> bool {
        let now = self.micros(Instant::now());
        let until = self.wait_until_us.load(Ordering::Relaxed);
        if self.stopped() || now >= until {
            return false;
        }
        let moment = if tries < 4 { 1_000 } else { 3_000 };
        std::thread::sleep(Duration::from_micros(moment.min(until - now)));
        true
    }

    /// Allows SQLite to wait for locks until `until`, counted from `from`.
    pub(crate) fn allow_waiting(&self, from: Instant, until: Instant) {
        self.wait_from_us
            .store(self.micros(from), Ordering::Relaxed);
        self.wait_until_us
            .store(self.micros(until), Ordering::Relaxed);
    }

    /// Has SQLite not wait for locks at all.
    pub(crate) fn forbid_waiting(&self) {
        self.wait_until_us.store(0, Ordering::Relaxed);
    }

    /// How long SQLite has been waiting for a lock, when it gave up just now.
    pub(crate) fn waited(&self) -> Duration {
        let now = self.micros(Instant::now());
        Duration::from_micros(now.saturating_sub(self.wait_from_us.load(Ordering::Relaxed)))
    }

    /// Bounds what SQLite does until the guard is dropped to `budget` from `began` on.
    pub(crate) fn bound(&self, began: Instant, budget: Duration) -> Bound<'_> {
        let until = self.micros(began + budget).max(1);
        self.until_us.store(until, Ordering::Relaxed);
        Bound(self)
    }

    /// Forgets the call that ran, before the connection is cleaned for the next one.
    pub(crate) fn release(&self) {
        self.pulled.store(false, Ordering::Relaxed);
    }
}

/// Ends the bound of a piece of work.
#[derive(Debug)]
pub(crate) struct Bound<'s>(&'s Signals);

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        self.0.until_us.store(0, Ordering::Relaxed);
    }
}

/// Stops the work on one connection.
pub(crate) struct Brake {
    signals: Arc<Signals>,
    handle: InterruptHandle,
}

impl std::fmt::Debug for Brake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Brake").finish_non_exhaustive()
    }
}

impl Brake {
    /// The brake of the connection that gave `handle`, and the signals for its callbacks.
    pub(crate) fn new(handle: InterruptHandle) -> (Arc<Brake>, Arc<Signals>) {
        let signals = Arc::new(Signals::new());
        let brake = Arc::new(Brake {
            signals: Arc::clone(&signals),
            handle,
        });
        (brake, signals)
    }

    /// Stops whatever runs now and whatever is tried later: the database is being closed.
    pub(crate) fn condemn(&self) {
        self.signals.condemned.store(true, Ordering::Relaxed);
        self.handle.interrupt();
    }

    fn pull(&self) {
        self.signals.pulled.store(true, Ordering::Relaxed);
        self.handle.interrupt();
    }
}

/// One call's claim to be stopped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Token(Arc<Mutex<Claim>>);

#[derive(Debug, Default)]
struct Claim {
    /// Whether the caller went away.
    stopped: bool,
    /// The connection the call runs on, while it does.
    brake: Option<Arc<Brake>>,
}

impl Token {
    fn lock(&self) -> MutexGuard<'_, Claim> {
        // Nothing under the lock can panic half-way, so a poisoned claim is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the call run on `brake`'s connection until the guard is dropped.
    ///
    /// # Errors
    /// When the caller has gone away; nobody will see this error.
    pub(crate) fn attach(&self, brake: &Arc<Brake>) -> Result<Attached> {
        let mut claim = self.lock();
        if claim.stopped {
            return Err(Error::new(ErrorKind::Timeout)
                .with_detail("the call was dropped before its work began"));
        }
        claim.brake = Some(Arc::clone(brake));
        Ok(Attached(self.clone()))
    }

    /// Stops the call, where it runs or before it does.
    pub(crate) fn stop(&self) {
        let mut claim = self.lock();
        claim.stopped = true;
        // Under the lock: once the call is detached, its connection may be another's.
        if let Some(brake) = &claim.brake {
            brake.pull();
        }
    }
}

/// A call that runs on a connection.
#[derive(Debug)]
pub(crate) struct Attached(Token);

impl Drop for Attached {
    fn drop(&mut self) {
        if let Some(brake) = self.0.lock().brake.take() {
            brake.signals.release();
        }
    }
}

/// Stops the call when its future is dropped before it ended.
#[derive(Debug)]
pub(crate) struct StopOnDrop(Option<Token>);

impl StopOnDrop {
    pub(crate) fn new(token: Token) -> Self {
        StopOnDrop(Some(token))
    }

    /// The call has ended.
    pub(crate) fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(token) = &self.0 {
            token.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_waits_for_locks_only_where_it_may() {
        let signals = Signals::new();
        assert!(!signals.waits(0), "nobody allowed it");
        let now = Instant::now();
        signals.allow_waiting(now, now + Duration::from_secs(3_600));
        assert!(signals.waits(0));
        signals.forbid_waiting();
        let forbidden = Instant::now();
        assert!((0..100).all(|tries| !signals.waits(tries)));
        assert!(forbidden.elapsed() < Duration::from_millis(50));
    }

    #[test]
    fn a_bound_ends_with_its_guard() {
        let signals = Signals::new();
        let long_ago = Instant::now();
        assert!(!signals.gives_up());
        let bound = signals.bound(long_ago, Duration::ZERO);
        while !signals.gives_up() {
            std::hint::spin_loop();
        }
        assert!(signals.is_late());
        drop(bound);
        assert!(!signals.gives_up());
    }
}
