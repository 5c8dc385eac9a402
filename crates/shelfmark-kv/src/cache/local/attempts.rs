//! Which values are being computed again before their end, or were in vain. There are few at a time, so the values
//! themselves need not carry it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// Below this many, nobody looks for values that have ended.
const FEW: usize = 256;

/// The values with which somebody tries, or has tried and failed, by number.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// When they end.
    ends: HashMap<u64, Instant>,
    /// At how many those that have ended are forgotten: twice what was left the last time, so that it costs little for each.
    prune_at: usize,
}

/// The right to compute a value again. Dropped on the way, somebody else may try.
pub(in crate::cache) struct Refreshing {
    attempts: Arc<Attempts>,
    number: u64,
    tried: bool,
}

impl Attempts {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to compute the value of this number again, which ends at `end`; `None` where somebody has it, or has tried.
    pub(super) fn begin(self: &Arc<Self>, number: u64, end: Instant) -> Option<Refreshing> {
        let mut known = self.known();
        if known.ends.contains_key(&number) {
            return None;
        }
        if known.ends.len() >= known.prune_at.max(FEW) {
            let now = Instant::now();
            known.ends.retain(|_, end| *end > now);
            known.prune_at = known.ends.len().saturating_mul(2);
        }
        known.ends.insert(number, end);
        Some(Refreshing {
            attempts: self.clone(),
            number,
            tried: false,
        })
    }
}

impl Refreshing {
    /// It failed: nobody tries again before the value's end. So a source that fails is asked once before it.
    pub(in crate::cache) fn failed(mut self) {
        self.tried = true;
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        if !self.tried {
            self.attempts.known().ends.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn one_tries_at_a_time_and_nobody_after_one_that_failed() {
        let attempts = Arc::<Attempts>::default();
        let end = Instant::now() + Duration::from_secs(60);
        let first = attempts.begin(7, end).unwrap();
        assert!(attempts.begin(7, end).is_none());
        assert!(attempts.begin(8, end).is_some());
        drop(first);
        attempts.begin(7, end).unwrap().failed();
        assert!(attempts.begin(7, end).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn values_that_have_ended_are_forgotten() {
        let attempts = Arc::<Attempts>::default();
        for number in 0..10_000 {
            let end = Instant::now() + Duration::from_secs(1);
            attempts.begin(number, end).unwrap().failed();
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        let known = attempts.known().ends.len();
        assert!(known <= FEW, "{known}");
    }
}
