//! How long to wait before a transaction that lost a race is run again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(250);

/// The pause before attempt `attempt` (from 1): doubling, with full jitter, so that losers do not meet again.
pub(super) fn pause(attempt: u32) -> Duration {
    let ceiling = FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST);
    ceiling.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_bounded_for_any_attempt() {
        for attempt in [0, 1, 2, 10, 31, 32, u32::MAX] {
            assert!(pause(attempt) <= LONGEST);
        }
    }
}
