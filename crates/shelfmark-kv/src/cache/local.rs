//! The tier in process: values as they are, never written as bytes. moka bounds them and chooses which make way; when a
//! value ends, and what drops it, is told by the value itself. One key may have values of several types beside each other.

mod attempts;
mod slot;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use shelfmark_core::cache::{Codec, Stored};
use tokio::time::Instant;

pub(super) use self::attempts::Refreshing;

use self::attempts::Attempts;
use self::slot::Slot;
use super::config::CacheConfig;
use super::early;
use super::flight::Before;
use super::tags::Tags;

/// The values in this process.
pub(super) struct Local {
    values: moka::sync::Cache<Arc<str>, Slot, RandomState>,
    attempts: Arc<Attempts>,
    pub(super) tags: Tags,
}

/// One value. A look clones it, which costs it little more than cloning what it is about.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) value: Stored,
    shape: u64,
    /// How long it took to compute.
    pub(super) cost: Duration,
    end: Instant,
    /// From when it was stored to its end.
    ttl: Duration,
    before: Before,
    bytes: usize,
    /// Its own, by chance.
    number: u64,
}

/// A value that is valid, and for how long it will be.
pub(super) struct Found {
    pub(super) entry: Entry,
    pub(super) left: Duration,
}

/// Of which type a value is: two may have one shape, as a box and what is in it.
#[derive(Clone, Copy)]
pub(super) struct Typed {
    pub(super) shape: u64,
    pub(super) codec: &'static Codec,
}

/// What is to be stored.
pub(super) struct Storing {
    pub(super) value: Stored,
    pub(super) cost: Duration,
    pub(super) ttl: Duration,
    pub(super) bytes: usize,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("entries", &self.values.entry_count())
            .finish_non_exhaustive()
    }
}

impl Local {
    pub(super) fn new(config: &CacheConfig) -> Local {
        let weights = Weights::new(config);
        let values = moka::sync::Cache::builder()
            .max_capacity(weights.all)
            .weigher(move |_, slot: &Slot| {
                let all = slot.entries().iter().map(|entry| weights.of(entry.bytes));
                all.fold(0, u32::saturating_add)
            })
            .expire_after(Removal)
            .build_with_hasher(RandomState::default());
        Local {
            values,
            attempts: Arc::default(),
            tags: Tags::default(),
        }
    }

    /// The value of the key, if it is valid and of this type.
    pub(super) fn find(&self, key: &str, epoch: u64, typed: Typed) -> Option<Found> {
        let slot = self.values.get(key)?;
        let entry = slot.find(|entry| entry.is(typed))?;
        let left = entry.left(epoch)?;
        Some(Found { entry, left })
    }

    /// The right to compute the value again, if it is time to and up to us.
    pub(super) fn to_refresh(&self, found: &Found) -> Option<Refreshing> {
        let Found { entry, left } = found;
        match early::is_due(*left, entry.cost) {
            true => self.attempts.begin(entry.number, entry.end),
            false => None,
        }
    }

    /// Stores the value beside those of other types. To be called in the key's shard of the flights alone, so that no
    /// eviction is overtaken.
    pub(super) fn put(&self, key: Arc<str>, typed: Typed, storing: Storing, before: Before) {
        let mut entries = self.others(&key, typed, before.epoch);
        entries.push(Entry::new(typed, storing, before));
        self.replace(key, entries);
    }

    /// Stores the value in the place of all others of the key. To be called as [`put`](Local::put).
    pub(super) fn put_alone(&self, key: Arc<str>, typed: Typed, storing: Storing, before: Before) {
        let entry = Entry::new(typed, storing, before);
        self.values.insert(key, Slot::One(entry));
    }

    /// Drops the value of this type. To be called as [`put`](Local::put).
    pub(super) fn take_away(&self, key: &Arc<str>, typed: Typed, epoch: u64) {
        let entries = self.others(key, typed, epoch);
        self.replace(key.clone(), entries);
    }

    /// The values of the key that are valid and of other types.
    fn others(&self, key: &str, typed: Typed, epoch: u64) -> Vec<Entry> {
        let slot = self.values.get(key);
        let entries = slot.iter().flat_map(|slot| slot.entries());
        let others = entries.filter(|entry| !entry.is(typed) && entry.left(epoch).is_some());
        others.cloned().collect()
    }

    fn replace(&self, key: Arc<str>, entries: Vec<Entry>) {
        match Slot::of(entries) {
            Some(slot) => self.values.insert(key, slot),
            None => self.values.invalidate(&key),
        }
    }

    /// Drops all values of the key.
    pub(super) fn remove(&self, key: &str) {
        self.values.invalidate(key);
    }

    /// Gives the memory of all values back; that they are outdated is told by the epoch.
    pub(super) fn clear(&self) {
        self.values.invalidate_all();
    }

    /// How many keys have values, those included that ended and still wait for their removal.
    pub(super) fn len(&self) -> u64 {
        self.values.run_pending_tasks();
        self.values.entry_count()
    }
}

impl Entry {
    fn new(typed: Typed, storing: Storing, before: Before) -> Entry {
        Entry {
            value: storing.value,
            shape: typed.shape,
            cost: storing.cost,
            end: Instant::now() + storing.ttl,
            ttl: storing.ttl,
            before,
            bytes: storing.bytes,
            number: fastrand::u64(..),
        }
    }

    fn is(&self, typed: Typed) -> bool {
        self.shape == typed.shape && typed.codec.write(&self.value).is_some()
    }

    /// For how long it is valid; `None` where it is not.
    fn left(&self, epoch: u64) -> Option<Duration> {
        let left = self.end.checked_duration_since(Instant::now())?;
        let valid = !left.is_zero() && self.before.epoch == epoch && self.before.tags.is_current();
        valid.then_some(left)
    }
}

/// One bound for number and bytes: each value weighs its bytes, but at least a share of all.
#[derive(Clone, Copy, Debug)]
struct Weights {
    all: u64,
    least: u64,
    /// moka's weights have 32 bits.
    shift: u32,
}

impl Weights {
    fn new(config: &CacheConfig) -> Weights {
        let all = config.max_bytes.max(config.max_entries) as u64;
        let least = all.div_ceil(config.max_entries as u64);
        let shift = (u64::BITS - all.leading_zeros()).saturating_sub(u32::BITS);
        Weights {
            all: all >> shift,
            least,
            shift,
        }
    }

    fn of(self, bytes: usize) -> u32 {
        let weight = (bytes as u64).max(self.least);
        let rounded_up = weight.div_ceil(1 << self.shift);
        u32::try_from(rounded_up).unwrap_or(u32::MAX)
    }
}

/// When moka removes what ended, by its own clock: well after the end, since the end itself is checked at each look and
/// in tests another clock tells it.
struct Removal;

const LATER: Duration = Duration::from_secs(60);

impl moka::Expiry<Arc<str>, Slot> for Removal {
    fn expire_after_create(
        &self,
        _: &Arc<str>,
        slot: &Slot,
        _: std::time::Instant,
    ) -> Option<Duration> {
        // As if all were stored now, which may be later than needed. So no clock is read again.
        let longest = slot.entries().iter().map(|entry| entry.ttl).max()?;
        Some(longest.saturating_add(LATER))
    }

    fn expire_after_update(
        &self,
        key: &Arc<str>,
        slot: &Slot,
        now: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, slot, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_number_nor_the_bytes_pass_their_bound() {
        for (entries, bytes) in [
            (1, 1),
            (10, 1),
            (3, 10),
            (1000, 1 << 20),
            (7, 1 << 40),
            (1 << 31, 1 << 40),
        ] {
            let weights = Weights::new(&CacheConfig::default().with_room(entries, bytes));
            let fit = |size: usize| weights.all / u64::from(weights.of(size));
            assert!(fit(0) <= entries as u64, "{entries} {bytes}");
            // As many fit as are asked for, but for rounding up by one unit each.
            assert!(fit(0) >= entries as u64 / 2, "{entries} {bytes}");
            for size in [1, 5, 1000, 1 << 20, 1 << 26] {
                let held = u128::from(fit(size)) * size as u128;
                assert!(
                    held <= bytes.max(entries) as u128,
                    "{entries} {bytes} {size}"
                );
            }
        }
    }
}
