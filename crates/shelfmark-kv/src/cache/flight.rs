//! Flights: one computation per key in this process, and who waits for it.
//!
//! The one who computes holds a [`Lead`], in whose task the computation runs; the others hold a [`Seat`]. When the lead
//! ends without a value, by an error, a panic or because it was dropped, the next who waits takes over.
//!
//! Who begins when is told by tickets, which a shard gives out in order. A value may be handed to those who began before
//! it was read, or before it was last known to be valid ([`Lead::land`]); anybody else looks again. So nobody is given
//! what was read before an eviction that was answered before he began.

mod seat;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shelfmark_core::cache::Stored;
use tokio::sync::Notify;

pub(super) use seat::{Seat, Waited};

use super::tags::Tagged;

/// When somebody began, or a value was known to be valid, in the order of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

impl Ticket {
    /// Valid for whoever can still see it.
    pub(super) const ALWAYS: Ticket = Ticket(u64::MAX);
}

/// A power of two, so that the shard is some bits of the hash. Many, since all that is stored passes one.
const SHARDS: usize = 64;

/// Who computes what at the moment.
pub(super) struct Flights {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// Grows when all is dropped. Odd while nothing is kept.
    epoch: AtomicU64,
}

/// Locked for moments only. A flight's own lock is taken inside of its shard's, never the other way round.
#[derive(Default)]
struct Shard {
    flights: HashMap<Arc<str>, Arc<Flight>>,
    tickets: u64,
}

/// One computation. It is *attached* while its shard knows it; one that was detached by an eviction or a `set` goes on for
/// those who wait already, stores nothing, and is not joined.
struct Flight {
    key: Arc<str>,
    shape: u64,
    state: Mutex<State>,
    /// Rung for one when somebody has to take over, and for all at the end.
    bell: Notify,
}

struct State {
    phase: Phase,
    waiters: usize,
    before: Before,
}

enum Phase {
    /// Somebody computes.
    Led,
    /// Nobody does, and at least one waits who will.
    Leaderless,
    Landed(Landed),
    /// It ended without a value; who waits looks again.
    Gone,
}

#[derive(Clone)]
struct Landed {
    value: Stored,
    cost: Duration,
    valid_at: Ticket,
}

/// How things were before the value was computed.
#[derive(Debug)]
pub(super) struct Before {
    /// The numbers of the value's tags.
    pub(super) tags: Tagged,
    /// The number of all.
    pub(super) epoch: u64,
}

/// What became of one who came for a key.
pub(super) enum Entered<H> {
    /// It is there after all.
    Found(H),
    /// He computes it.
    Lead(Lead),
    /// Somebody else does.
    Wait(Seat),
}

/// Who comes for what.
pub(super) struct Entering<'a> {
    pub(super) key: &'a str,
    pub(super) shape: u64,
    /// When he first came; `None` the first time, filled in.
    pub(super) began: &'a mut Option<Ticket>,
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}

impl Default for Flights {
    fn default() -> Self {
        Flights {
            shards: std::iter::repeat_with(Mutex::default)
                .take(SHARDS)
                .collect(),
            hasher: RandomState::new(),
            epoch: AtomicU64::new(0),
        }
    }
}

impl Flights {
    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        // Truncation is the point: some bits of the hash.
        let number = (self.hasher.hash_one(key) as usize) % SHARDS;
        #[expect(
            clippy::indexing_slicing,
            reason = "a number of a shard is taken modulo their count"
        )]
        let shard = &self.shards[number];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of all, odd while nothing is kept.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Whether nothing is kept.
    pub(super) fn is_suspended(&self) -> bool {
        self.epoch() % 2 == 1
    }

    /// Outdates all, and keeps nothing from now on, or keeps values again.
    pub(super) fn next_epoch(&self, suspended: bool) {
        let next = |epoch: u64| epoch + 2 - (epoch + u64::from(suspended)) % 2;
        let update = |epoch| Some(next(epoch));
        // The closure never refuses.
        let _ = self
            .epoch
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, update);
    }

    fn is_current(&self, before: &Before) -> bool {
        before.epoch == self.epoch() && before.tags.is_current()
    }

    /// Joins the flight of the key, or begins one. `found` looks again, since a flight may have landed since the last
    /// look; `tags` is asked for the numbers of the tags before anything is computed.
    pub(super) fn enter<H>(
        self: &Arc<Self>,
        who: Entering<'_>,
        found: impl FnOnce() -> Option<H>,
        tags: impl FnOnce() -> Tagged,
    ) -> Entered<H> {
        let mut shard = self.shard(who.key);
        let began = *who.began.get_or_insert_with(|| shard.ticket());
        if let Some(flight) = shard.flights.get(who.key).cloned() {
            let mut state = flight.state();
            let leaderless = matches!(state.phase, Phase::Leaderless);
            if flight.shape == who.shape && leaderless {
                state.phase = Phase::Led;
                state.before = self.before(tags);
                drop(state);
                return Entered::Lead(self.lead(flight, shard.ticket()));
            }
            if flight.shape == who.shape && self.is_current(&state.before) {
                state.waiters += 1;
                drop(state);
                return Entered::Wait(Seat::new(self.clone(), flight, began));
            }
            flight.detached(state);
            shard.flights.remove(who.key);
        }
        if let Some(found) = found() {
            return Entered::Found(found);
        }
        Entered::Lead(self.begin(&mut shard, who.key, who.shape, tags))
    }

    /// Begins a flight where there is none, for a value that is computed again before its end.
    pub(super) fn refresh(
        self: &Arc<Self>,
        key: &str,
        shape: u64,
        tags: impl FnOnce() -> Tagged,
    ) -> Option<Lead> {
        let mut shard = self.shard(key);
        if shard.flights.contains_key(key) {
            return None;
        }
        Some(self.begin(&mut shard, key, shape, tags))
    }

    fn begin(
        self: &Arc<Self>,
        shard: &mut Shard,
        key: &str,
        shape: u64,
        tags: impl FnOnce() -> Tagged,
    ) -> Lead {
        let flight = Arc::new(Flight {
            key: Arc::from(key),
            shape,
            state: Mutex::new(State {
                phase: Phase::Led,
                waiters: 0,
                before: self.before(tags),
            }),
            bell: Notify::new(),
        });
        shard.flights.insert(flight.key.clone(), flight.clone());
        self.lead(flight, shard.ticket())
    }

    fn before(&self, tags: impl FnOnce() -> Tagged) -> Before {
        Before {
            epoch: self.epoch(),
            tags: tags(),
        }
    }

    fn lead(self: &Arc<Self>, flight: Arc<Flight>, began: Ticket) -> Lead {
        Lead {
            flights: self.clone(),
            flight: Some(flight),
            began,
        }
    }

    /// Detaches the flight of the key, if there is one, and does `then` before anybody else can do anything with the key.
    pub(super) fn detach<R>(&self, key: &str, then: impl FnOnce() -> R) -> R {
        let mut shard = self.shard(key);
        if !shard.flights.is_empty()
            && let Some(flight) = shard.flights.remove(key)
        {
            flight.detached(flight.state());
        }
        then()
    }
}

impl Shard {
    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn has(&self, flight: &Arc<Flight>) -> bool {
        let attached = self.flights.get(&flight.key);
        attached.is_some_and(|attached| Arc::ptr_eq(attached, flight))
    }
}

impl Flight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its shard forgets it. Whoever leads it goes on; where nobody does, nobody takes over.
    fn detached(&self, mut state: MutexGuard<'_, State>) {
        if matches!(state.phase, Phase::Leaderless) {
            state.phase = Phase::Gone;
            drop(state);
            self.bell.notify_waiters();
        }
    }
}

/// The right to compute the value of a key, and the duty to tell those who wait. Dropped without a value, the next who
/// waits takes over.
pub(super) struct Lead {
    flights: Arc<Flights>,
    /// `None` once it landed.
    flight: Option<Arc<Flight>>,
    /// Before anything was computed.
    began: Ticket,
}

impl Lead {
    /// Before anything was computed.
    pub(super) fn began(&self) -> Ticket {
        self.began
    }

    /// A ticket of now.
    pub(super) fn now(&self) -> Ticket {
        let flight = self.flight.as_ref();
        // It is there until it lands, which takes the lead away.
        flight.map_or(self.began, |flight| {
            self.flights.shard(&flight.key).ticket()
        })
    }

    /// Ends the flight with a value. `store` is told how things were before it was computed and whether they still are, and
    /// answers since when the value is valid. Nobody else can do anything with the key meanwhile.
    pub(super) fn land(
        mut self,
        value: Stored,
        cost: Duration,
        store: impl FnOnce(&Arc<str>, Before, bool) -> Ticket,
    ) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        let mut shard = self.flights.shard(&flight.key);
        let attached = shard.has(&flight);
        if attached {
            shard.flights.remove(&flight.key);
        }
        let before = {
            let mut state = flight.state();
            let nothing = Before {
                epoch: 0,
                tags: Tagged::default(),
            };
            std::mem::replace(&mut state.before, nothing)
        };
        let current = attached && self.flights.is_current(&before);
        let valid_at = store(&flight.key, before, current);
        flight.state().phase = Phase::Landed(Landed {
            value,
            cost,
            valid_at,
        });
        drop(shard);
        flight.bell.notify_waiters();
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        let mut shard = self.flights.shard(&flight.key);
        let attached = shard.has(&flight);
        let mut state = flight.state();
        if attached && state.waiters > 0 {
            state.phase = Phase::Leaderless;
            drop(state);
            drop(shard);
            // One is enough, or each of many failures would wake all of them.
            flight.bell.notify_one();
            return;
        }
        state.phase = Phase::Gone;
        drop(state);
        if attached {
            shard.flights.remove(&flight.key);
        }
        drop(shard);
        flight.bell.notify_waiters();
    }
}
