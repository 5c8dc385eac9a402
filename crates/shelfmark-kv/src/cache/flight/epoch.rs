//! The number of all: what dropping everything, and keeping nothing for a while, comes to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A value counts while the number is what it was before the value was computed, and none counts while it is odd.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    /// Grows whenever all is dropped. Odd while somebody suspends.
    number: AtomicU64,
    /// How many suspend. Locked while the number grows, so that its parity is that of the last who changed it.
    suspended: Mutex<u64>,
}

impl Epoch {
    /// The number of now.
    pub(super) fn now(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// One more suspends.
    pub(super) fn suspend(&self) {
        self.next(|suspended| suspended + 1);
    }

    /// One less does.
    pub(super) fn resume(&self) {
        self.next(|suspended| suspended.saturating_sub(1));
    }

    /// Outdates all, and suspends and resumes nothing.
    pub(super) fn drop_all(&self) {
        self.next(|suspended| suspended);
    }

    fn next(&self, change: impl FnOnce(u64) -> u64) {
        let mut suspended = self
            .suspended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *suspended = change(*suspended);
        let number = self.now();
        // The next one with the right parity.
        let odd = u64::from(*suspended > 0);
        self.number
            .store(number + 2 - (number + odd) % 2, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_each_change_and_is_odd_while_anybody_suspends() {
        type Step = fn(&Epoch);
        let epoch = Epoch::default();
        let steps: [(Step, bool); 9] = [
            (Epoch::drop_all, false),
            (Epoch::suspend, true),
            (Epoch::drop_all, true),
            (Epoch::suspend, true),
            (Epoch::resume, true),
            (Epoch::drop_all, true),
            (Epoch::resume, false),
            (Epoch::resume, false),
            (Epoch::suspend, true),
        ];
        for (nth, (step, odd)) in steps.into_iter().enumerate() {
            let before = epoch.now();
            step(&epoch);
            assert!(epoch.now() > before, "{nth}");
            assert_eq!(epoch.now() % 2 == 1, odd, "{nth}");
        }
    }
}
