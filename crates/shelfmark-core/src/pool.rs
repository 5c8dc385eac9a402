//! What a pool says of itself: its numbers, and who holds a connection since when.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::position::Position;

/// A pool at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolStatus {
    /// `SQLite` or `PostgreSQL`, with the place (never a password): `PostgreSQL db.example:5432/films`.
    pub engine: String,
    /// The most connections it may open.
    pub max: usize,
    /// Connections that are open.
    pub open: usize,
    /// Connections lent out.
    pub in_use: usize,
    /// Connections open and free.
    pub idle: usize,
    /// Callers waiting for one.
    pub waiting: usize,
    /// Listeners, each with a connection of its own, which is none of `max`, `open` or `in_use`.
    pub listeners: usize,
    /// Who holds what, longest first.
    pub holders: Vec<Holder>,
    /// Connections that reads share, which are none of `max`, `open` or `in_use`. SQLite has none.
    pub lanes: LaneStatus,
    /// The replicas, in the order of the configuration.
    pub replicas: Vec<ReplicaStatus>,
}

/// The connections to PostgreSQL that quick reads of many tasks share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneStatus {
    /// The most there may be.
    pub max: usize,
    /// Those that are open.
    pub open: usize,
    /// Reads that were sent there and are not answered yet.
    pub in_flight: usize,
}

impl LaneStatus {
    /// These numbers.
    #[must_use]
    pub fn new(max: usize, open: usize, in_flight: usize) -> Self {
        LaneStatus {
            max,
            open,
            in_flight,
        }
    }
}

/// A replica at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReplicaStatus {
    /// Its connections and lanes, with its place in `engine`.
    pub pool: PoolStatus,
    /// Reads under way there.
    pub reading: usize,
    /// How far it had come when it was asked last; empty when it never answered.
    pub position: Position,
    /// How late it was then, to about a second; `None` while that is not known.
    pub lag: Option<Duration>,
    /// Why no read goes there, if none does: `it is 12s behind the primary`.
    pub passed_over: Option<String>,
}

impl ReplicaStatus {
    /// A replica that was never asked.
    #[must_use]
    pub fn new(pool: PoolStatus, reading: usize) -> Self {
        ReplicaStatus {
            pool,
            reading,
            position: Position::default(),
            lag: None,
            passed_over: None,
        }
    }
}

impl PoolStatus {
    /// A status without holders.
    #[must_use]
    pub fn new(engine: String, max: usize, open: usize, in_use: usize, waiting: usize) -> Self {
        PoolStatus {
            engine,
            max,
            open,
            in_use,
            idle: open.saturating_sub(in_use),
            waiting,
            listeners: 0,
            holders: Vec::new(),
            lanes: LaneStatus::default(),
            replicas: Vec::new(),
        }
    }

    /// Adds the holders.
    #[must_use]
    pub fn with_holders(mut self, holders: Vec<Holder>) -> Self {
        self.holders = holders;
        self
    }

    /// Adds the number of listeners.
    #[must_use]
    pub fn with_listeners(mut self, listeners: usize) -> Self {
        self.listeners = listeners;
        self
    }

    /// Adds the lanes.
    #[must_use]
    pub fn with_lanes(mut self, lanes: LaneStatus) -> Self {
        self.lanes = lanes;
        self
    }

    /// Adds the replicas.
    #[must_use]
    pub fn with_replicas(mut self, replicas: Vec<ReplicaStatus>) -> Self {
        self.replicas = replicas;
        self
    }

    /// The error of a caller that waited for `waited` in vain.
    #[must_use]
    pub fn exhausted(&self, waited: Duration) -> Error {
        let mut detail = format!(
            "timed out after {}ms waiting for a connection (max {}, in use {}, idle {}, waiting {})",
            waited.as_millis(),
            self.max,
            self.in_use,
            self.idle,
            self.waiting
        );
        if let Some(longest) = self.holders.first() {
            detail.push_str(&format!(
                "; held longest: {} for {:.1}s",
                longest.method,
                longest.held_for.as_secs_f64()
            ));
        }
        Error::new(ErrorKind::PoolExhausted).with_detail(detail)
    }

    /// The answer to a close that had to cut off those who hold connections after `waited`; `Ok` when nobody does.
    ///
    /// # Errors
    /// `Timeout` with their number, and who held longest.
    pub fn cut_off(&self, waited: Duration) -> Result<()> {
        let calls = match self.in_use {
            0 => return Ok(()),
            1 => "one call".to_owned(),
            more => format!("{more} calls"),
        };
        let mut detail = format!(
            "{} was closed, but cut off {calls} still running after {}ms",
            self.engine,
            waited.as_millis()
        );
        if let Some(longest) = self.holders.first() {
            detail.push_str(&format!(
                "; running longest: {} for {:.1}s",
                longest.method,
                longest.held_for.as_secs_f64()
            ));
        }
        Err(Error::new(ErrorKind::Timeout).with_detail(detail))
    }
}

/// A call or transaction that holds a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// `Shows::search`, or the place where the transaction was opened.
    pub method: &'static str,
    /// How long it has held it.
    pub held_for: Duration,
}

/// The register of who holds and who waits; engines keep one per pool.
#[derive(Clone, Debug, Default)]
pub struct Holders(Arc<Register>);

#[derive(Debug, Default)]
struct Register {
    next: AtomicU64,
    /// Ordered by arrival, so the first is the oldest.
    held: Mutex<BTreeMap<u64, (&'static str, Instant)>>,
    waiting: AtomicUsize,
}

impl Holders {
    /// Notes that `method` holds a connection until the guard is dropped.
    #[must_use = "the entry lasts as long as the guard"]
    pub fn hold(&self, method: &'static str) -> HoldGuard {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(id, (method, Instant::now()));
        HoldGuard {
            register: self.clone(),
            id,
        }
    }

    /// Counts a waiting caller until the guard is dropped.
    #[must_use = "the caller counts as long as the guard lives"]
    pub fn wait(&self) -> WaitGuard {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        WaitGuard(self.clone())
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// How many hold.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().len()
    }

    /// Who holds, longest first.
    #[must_use]
    pub fn list(&self) -> Vec<Holder> {
        let now = Instant::now();
        self.lock()
            .values()
            .map(|(method, since)| Holder {
                method,
                held_for: now.saturating_duration_since(*since),
            })
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, (&'static str, Instant)>> {
        // No user code runs under the lock, so a poisoned map is still whole.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the entry of a holder.
#[derive(Debug)]
pub struct HoldGuard {
    register: Holders,
    id: u64,
}

impl Drop for HoldGuard {
    fn drop(&mut self) {
        self.register.lock().remove(&self.id);
    }
}

/// Ends the count of a waiting caller.
#[derive(Debug)]
pub struct WaitGuard(Holders);

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
