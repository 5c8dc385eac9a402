//! The tier in process: values as they are, never written as bytes. moka bounds them and chooses which make way; when a
//! value ends, and what drops it, is told by the value itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shelfmark_core::cache::{Codec, Stored};
use tokio::time::Instant;

use super::config::CacheConfig;
use super::flight::Before;
use super::tags::Tags;

/// The values in this process.
pub(super) struct Local {
    values: moka::sync::Cache<Arc<str>, Arc<Entry>>,
    pub(super) tags: Tags,
}

/// One value.
pub(super) struct Entry {
    pub(super) value: Stored,
    shape: u64,
    /// How long it took to compute.
    pub(super) cost: Duration,
    ttl: Duration,
    end: Instant,
    before: Before,
    bytes: usize,
    /// Whether somebody computes it again before its end, or has tried and failed. So a source that fails is asked once
    /// before the end.
    refreshing: AtomicBool,
}

/// A value that is valid, and for how long it will be.
pub(super) struct Found {
    pub(super) entry: Arc<Entry>,
    pub(super) left: Duration,
}

/// What is to be stored.
pub(super) struct Storing {
    pub(super) value: Stored,
    pub(super) shape: u64,
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
            .weigher(move |_, entry: &Arc<Entry>| weights.of(entry.bytes))
            .expire_after(Removal)
            .build();
        Local {
            values,
            tags: Tags::default(),
        }
    }

    /// The value of the key, if it is valid and of this type.
    pub(super) fn find(
        &self,
        key: &str,
        epoch: u64,
        shape: u64,
        codec: &'static Codec,
    ) -> Option<Found> {
        let entry = self.values.get(key)?;
        let left = entry.end.checked_duration_since(Instant::now())?;
        let valid = !left.is_zero()
            && entry.before.epoch == epoch
            && entry.before.tags.is_current()
            && entry.shape == shape
            // Two types may have one shape: a box and what is in it.
            && codec.write(&entry.value).is_some();
        valid.then_some(Found { entry, left })
    }

    /// Stores the value. To be called in the key's shard of the flights alone, so that no eviction is overtaken.
    pub(super) fn put(&self, key: Arc<str>, storing: Storing, before: Before) {
        let entry = Entry {
            value: storing.value,
            shape: storing.shape,
            cost: storing.cost,
            ttl: storing.ttl,
            end: Instant::now() + storing.ttl,
            before,
            bytes: storing.bytes,
            refreshing: AtomicBool::new(false),
        };
        self.values.insert(key, Arc::new(entry));
    }

    pub(super) fn remove(&self, key: &str) {
        self.values.invalidate(key);
    }

    /// Gives the memory of all values back; that they are outdated is told by the epoch.
    pub(super) fn clear(&self) {
        self.values.invalidate_all();
    }

    /// How many values there are, those included that ended and still wait for their removal.
    pub(super) fn len(&self) -> u64 {
        self.values.run_pending_tasks();
        self.values.entry_count()
    }
}

impl Found {
    /// Whether it is time to compute it again, and up to us. By chance, the likelier the nearer the end and the longer
    /// it takes, so that one of many callers is early enough (XFetch: Vattani, Chierichetti and Lowenstein, 2015).
    pub(super) fn is_to_be_refreshed(&self) -> Option<Refreshing> {
        if !is_due(self.left, self.entry.cost) {
            return None;
        }
        let taken = self.entry.refreshing.swap(true, Ordering::AcqRel);
        (!taken).then(|| Refreshing {
            entry: self.entry.clone(),
            tried: false,
        })
    }
}

/// Whether a value that ends in `left` and takes `cost` is to be computed again.
fn is_due(left: Duration, cost: Duration) -> bool {
    // No random number is as small that the logarithm gets beyond this.
    const MOST: u32 = 40;
    if left > cost.saturating_mul(MOST) {
        return false;
    }
    left.as_secs_f64() < cost.as_secs_f64() * -fastrand::f64().ln()
}

/// The right to compute a value again. Dropped on the way, somebody else may try.
pub(super) struct Refreshing {
    entry: Arc<Entry>,
    tried: bool,
}

impl Refreshing {
    /// It failed: nobody tries again before the value's end.
    pub(super) fn failed(mut self) {
        self.tried = true;
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        if !self.tried {
            self.entry.refreshing.store(false, Ordering::Release);
        }
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

impl moka::Expiry<Arc<str>, Arc<Entry>> for Removal {
    fn expire_after_create(
        &self,
        _: &Arc<str>,
        entry: &Arc<Entry>,
        _: std::time::Instant,
    ) -> Option<Duration> {
        Some(entry.ttl.saturating_add(LATER))
    }

    fn expire_after_update(
        &self,
        _: &Arc<str>,
        entry: &Arc<Entry>,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl.saturating_add(LATER))
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

    #[test]
    fn a_refresh_is_likelier_the_nearer_the_end_and_never_far_from_it() {
        fastrand::seed(7);
        let cost = Duration::from_millis(100);
        let share = |left_ms: u64| {
            let times = 10_000;
            let due = (0..times).filter(|_| is_due(Duration::from_millis(left_ms), cost));
            due.count() as f64 / f64::from(times)
        };
        // -ln(random) is above x with the probability e^-x.
        for (left_ms, expected) in [(10, 0.905), (100, 0.368), (300, 0.050)] {
            let share = share(left_ms);
            assert!((share - expected).abs() < 0.02, "{left_ms} ms: {share}");
        }
        assert_eq!(share(4001), 0.0);
        assert!(!is_due(Duration::from_millis(1), Duration::ZERO));
    }
}
