//! What a cache has done, counted without a lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What a cache has done since it was made. All clones of a [`Cache`](crate::Cache) count together.
///
/// Each answered lookup is one of [`hits`](CacheStats::hits), [`misses`](CacheStats::misses) and
/// [`waits`](CacheStats::waits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Lookups that found a value.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Lookups that were given what somebody else was computing.
    pub waits: u64,
    /// Calls on Redis that failed, values that could not be written or read, refreshes that failed, names that are none.
    pub errors: u64,
    /// Values that were computed because there was none.
    pub computed: u64,
    /// Values that were computed again before their end.
    pub refreshed: u64,
    /// Computed values that were not stored, because an eviction or a `set` came in between.
    pub refused: u64,
    /// Values that were not stored because they are longer than `CACHE_MAX_VALUE_BYTES`.
    pub too_large: u64,
    /// Keys and tags that were dropped on request.
    pub evicted: u64,
    /// Evictions that Redis never heard of, because more waited for it than are kept: values of these names may be given
    /// until they end.
    pub lost: u64,
    /// The time of computing that hits and waits did not spend.
    pub saved: Duration,
}

impl CacheStats {
    /// The part of lookups that needed no computing, from 0 to 1; 0 when there were none.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let spared = self.hits.saturating_add(self.waits);
        let all = spared.saturating_add(self.misses);
        if all == 0 {
            return 0.0;
        }
        spared as f64 / all as f64
    }
}

impl fmt::Display for CacheStats {
    /// One line for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} hits, {} waits, {} misses ({:.1} % spared, {:?} saved), {} computed, {} refreshed, {} refused, \
             {} too large, {} evicted, {} lost, {} errors",
            self.hits,
            self.waits,
            self.misses,
            self.hit_rate() * 100.0,
            self.saved,
            self.computed,
            self.refreshed,
            self.refused,
            self.too_large,
            self.evicted,
            self.lost,
            self.errors,
        )
    }
}

/// A power of two, so that the cell is some bits of a thread's number.
const CELLS: usize = 16;

/// The numbers as they grow. Those of hits are in cells by thread, so that cores which only read do not take a cache line
/// from each other.
#[derive(Debug, Default)]
pub(super) struct Counts {
    often: [Often; CELLS],
    waits: AtomicU64,
    waited_ns: AtomicU64,
    errors: AtomicU64,
    computed: AtomicU64,
    refreshed: AtomicU64,
    refused: AtomicU64,
    too_large: AtomicU64,
    evicted: AtomicU64,
    lost: AtomicU64,
}

/// Two cache lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Often {
    hits: AtomicU64,
    saved_ns: AtomicU64,
    misses: AtomicU64,
}

fn cell() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static CELL: usize = NEXT.fetch_add(1, Ordering::Relaxed) % CELLS;
    }
    // While a thread ends, its number may be gone.
    CELL.try_with(|cell| *cell).unwrap_or(0)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Counts {
    /// A value that took `cost` to compute was found.
    pub(super) fn hit(&self, cost: Duration) {
        if let Some(often) = self.often.get(cell()) {
            often.hits.fetch_add(1, Ordering::Relaxed);
            often.saved_ns.fetch_add(nanos(cost), Ordering::Relaxed);
        }
    }

    pub(super) fn miss(&self) {
        if let Some(often) = self.often.get(cell()) {
            often.misses.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Somebody else computed the value in `cost`.
    pub(super) fn wait(&self, cost: Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.waited_ns.fetch_add(nanos(cost), Ordering::Relaxed);
    }

    pub(super) fn error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn computed(&self) {
        self.computed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refreshed(&self) {
        self.refreshed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn too_large(&self) {
        self.too_large.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn evicted(&self, names: usize) {
        self.evicted.fetch_add(names as u64, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, names: usize) {
        self.lost.fetch_add(names as u64, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> CacheStats {
        let sum = |of: fn(&Often) -> &AtomicU64| {
            let each = self
                .often
                .iter()
                .map(|often| of(often).load(Ordering::Relaxed));
            each.fold(0, u64::wrapping_add)
        };
        let one = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let saved_ns = sum(|often| &often.saved_ns).wrapping_add(one(&self.waited_ns));
        CacheStats {
            hits: sum(|often| &often.hits),
            misses: sum(|often| &often.misses),
            waits: one(&self.waits),
            errors: one(&self.errors),
            computed: one(&self.computed),
            refreshed: one(&self.refreshed),
            refused: one(&self.refused),
            too_large: one(&self.too_large),
            evicted: one(&self.evicted),
            lost: one(&self.lost),
            saved: Duration::from_nanos(saved_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_count_is_added_up() {
        let counts = Counts::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        counts.hit(Duration::from_micros(2));
                        counts.miss();
                    }
                });
            }
        });
        counts.wait(Duration::from_millis(2));
        let stats = counts.read();
        assert_eq!((stats.hits, stats.misses, stats.waits), (4000, 4000, 1));
        assert_eq!(stats.saved, Duration::from_millis(10));
        assert_eq!(
            stats.to_string(),
            "4000 hits, 1 waits, 4000 misses (50.0 % spared, 10ms saved), 0 computed, 0 refreshed, 0 refused, \
             0 too large, 0 evicted, 0 lost, 0 errors"
        );
        assert_eq!(CacheStats::default().hit_rate(), 0.0);
    }
}
