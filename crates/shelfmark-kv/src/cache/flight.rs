//! Flights: one computation per key and shape in this process, and who waits for it.
//!
//! The one who computes holds a [`Lead`], in whose task the computation runs; the others hold a [`Seat`]. When the lead
//! ends by a panic or because it was dropped, the next who waits takes over. When it ends with an error, those who wait
//! compute as well, [`AT_ONCE`] of them beside each other, and nobody waits for more than [`PATIENCE`] that fail: so a
//! source that is away costs each caller the time of two or three computations, however many callers there are.
//!
//! Who begins when is told by tickets, which a shard gives out in order. A value may be handed to those who began before
//! it was read, or before it was last known to be valid ([`Lead::land`]); anybody else looks again. So nobody is given
//! what was read before an eviction that was answered before he began.

mod epoch;
mod lead;
mod seat;
mod shard;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::quality::RandomState;
use shelfmark_core::cache::Stored;
use tokio::sync::Notify;

pub(super) use lead::Lead;
pub(super) use seat::{Seat, Waited};

use self::epoch::Epoch;
use self::shard::Shard;
use super::tags::Tagged;

/// How many compute the same at once after one of them has failed: enough that a few callers need not queue, and few
/// enough that one error of a popular key does not become a computation for each caller.
const AT_ONCE: usize = 32;
/// For how many computations one waits that give him nothing.
const PATIENCE: u32 = 2;

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
    epoch: Epoch,
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
    /// It ended with an error; who waits looks again, and perhaps computes.
    Failed,
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
#[derive(Clone, Debug)]
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
    /// He computes it for himself alone: so many do already that nobody is to wait for him.
    Alone,
}

/// Who comes for what.
pub(super) struct Entering<'a> {
    pub(super) key: &'a str,
    pub(super) shape: u64,
    /// When he first came; `None` the first time, filled in.
    pub(super) began: &'a mut Option<Ticket>,
    /// For how many computations he has waited that gave him nothing.
    pub(super) in_vain: u32,
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
            hasher: RandomState::default(),
            epoch: Epoch::default(),
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
        self.epoch.now()
    }

    /// Outdates all. Nothing is kept until all who suspend have resumed.
    pub(super) fn suspend(&self) {
        self.epoch.suspend();
    }

    /// Outdates all, and ends one suspension.
    pub(super) fn resume(&self) {
        self.epoch.resume();
    }

    /// Outdates all.
    pub(super) fn drop_all(&self) {
        self.epoch.drop_all();
    }

    fn is_current(&self, before: &Before) -> bool {
        before.epoch == self.epoch() && before.tags.is_current()
    }

    /// Joins a flight of the key and shape, or begins one. `found` looks again, since a flight may have landed since the
    /// last look; `tags` is asked for the numbers of the tags before anything is computed.
    pub(super) fn enter<H>(
        self: &Arc<Self>,
        who: Entering<'_>,
        found: impl FnOnce() -> Option<H>,
        tags: impl FnOnce() -> Tagged,
    ) -> Entered<H> {
        let mut shard = self.shard(who.key);
        let began = *who.began.get_or_insert_with(|| shard.ticket());
        let (mut oldest, mut many, mut outdated) = (None, 0, Vec::new());
        for flight in shard.of(who.key) {
            if flight.shape != who.shape {
                continue;
            }
            let mut state = flight.state();
            if matches!(state.phase, Phase::Leaderless) {
                state.phase = Phase::Led;
                state.before = self.before(tags);
                drop(state);
                let flight = flight.clone();
                return Entered::Lead(Lead::new(self.clone(), flight, shard.ticket()));
            }
            if self.is_current(&state.before) {
                many += 1;
                oldest.get_or_insert_with(|| flight.clone());
            } else {
                outdated.push(flight.clone());
            }
        }
        for flight in outdated {
            shard.forget(&flight);
        }
        let full = many >= AT_ONCE;
        let waits = who.in_vain == 0 || full && who.in_vain < PATIENCE;
        if waits && let Some(flight) = oldest {
            flight.state().waiters += 1;
            return Entered::Wait(Seat::new(self.clone(), flight, began));
        }
        if let Some(found) = found() {
            return Entered::Found(found);
        }
        if full {
            return Entered::Alone;
        }
        Entered::Lead(self.begin(&mut shard, who.key, who.shape, tags))
    }

    /// Begins a flight where there is none of this shape, for a value that is computed again before its end.
    pub(super) fn refresh(
        self: &Arc<Self>,
        key: &str,
        shape: u64,
        tags: impl FnOnce() -> Tagged,
    ) -> Option<Lead> {
        let mut shard = self.shard(key);
        if shard.of(key).iter().any(|flight| flight.shape == shape) {
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
        shard.attach(flight.clone());
        Lead::new(self.clone(), flight, shard.ticket())
    }

    fn before(&self, tags: impl FnOnce() -> Tagged) -> Before {
        Before {
            epoch: self.epoch(),
            tags: tags(),
        }
    }

    /// Detaches all flights of the key, if there are any, and does `then` before anybody else can do anything with the key.
    pub(super) fn detach<R>(&self, key: &str, then: impl FnOnce() -> R) -> R {
        let mut shard = self.shard(key);
        for flight in shard.take(key) {
            flight.detached();
        }
        then()
    }
}

impl Flight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its shard forgets it. Whoever leads it goes on; where nobody does, nobody takes over.
    fn detached(&self) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Leaderless) {
            state.phase = Phase::Gone;
            drop(state);
            self.bell.notify_waiters();
        }
    }
}
