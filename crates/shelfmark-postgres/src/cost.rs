//! What a statement costs the server, learned from its runs, which decides whether it may run on a lane.
//!
//! On a lane, one slow run is enough for a statement to leave: others wait for it there. On the pool its way back begins:
//! what is measured there is the server's time and the time in which this process was busy with other things, so that a
//! quick run says more than a slow one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A statement that costs more has no place on a lane, where others wait for it.
const BUDGET_US: u32 = 2_000;
/// A run that is longer than this has kept others waiting.
const LONG_US: u32 = 10_000;
/// Nothing has been learned.
const UNKNOWN: u32 = 0;
/// It has no place on a lane, whatever it costs.
const NEVER: u32 = u32::MAX;
/// No run counts for more than this, so that the way back is not endless.
const CEILING_US: u32 = 1_000_000;

fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros())
        .unwrap_or(CEILING_US)
        .clamp(1, CEILING_US)
}

/// The learned cost of one statement, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Cost(AtomicU32);

impl Cost {
    /// Whether it is known to be cheap enough for a lane.
    pub(crate) fn fits_a_lane(&self) -> bool {
        (1..=BUDGET_US).contains(&self.0.load(Ordering::Relaxed))
    }

    /// Whether runs on the pool are still to be measured.
    pub(crate) fn learns(&self) -> bool {
        self.0.load(Ordering::Relaxed) != NEVER
    }

    /// A run on the pool took so long.
    pub(crate) fn observe(&self, took: Duration) {
        self.learn(micros(took), 8, 4);
    }

    /// A run on a lane took so long, with nothing else on the way.
    pub(crate) fn observe_on_lane(&self, took: Duration) {
        let sample = micros(took);
        // Who waited behind it should not meet it again soon.
        let weight = if sample > LONG_US { 4 } else { 1 };
        self.learn(sample.saturating_mul(weight).min(CEILING_US), 4, 8);
    }

    /// Moves the figure towards `sample`: by one part of `up` where it is more, by one of `down` where it is less.
    fn learn(&self, sample: u32, up: u32, down: u32) {
        self.change(|old| match old {
            UNKNOWN => sample,
            old if sample > old => old + (sample - old).div_ceil(up),
            old => old - (old - sample).div_ceil(down),
        });
    }

    /// A run gave more rows than a lane carries.
    pub(crate) fn observe_too_large(&self) {
        self.change(|old| old.clamp(BUDGET_US, CEILING_US / 2) * 2);
    }

    /// The server does not run it where nothing may be written.
    pub(crate) fn refuse_for_good(&self) {
        self.0.store(NEVER, Ordering::Relaxed);
    }

    fn change(&self, next: impl Fn(u32) -> u32) {
        let old = self.0.load(Ordering::Relaxed);
        if old != NEVER {
            // Of two that learn at once, one is lost, and the next one teaches the same. What is refused for good stays so.
            let _ = self
                .0
                .compare_exchange(old, next(old), Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(runs_us: &[u64]) -> Cost {
        let cost = Cost::default();
        for us in runs_us {
            cost.observe(Duration::from_micros(*us));
        }
        cost
    }

    #[test]
    fn an_unknown_statement_has_no_place_on_a_lane() {
        assert!(!Cost::default().fits_a_lane());
        assert!(learned(&[100]).fits_a_lane());
        assert!(learned(&[0]).fits_a_lane());
    }

    #[test]
    fn one_slow_run_on_a_lane_takes_a_statement_off_it_and_quick_ones_bring_it_back() {
        let cost = learned(&[100, 100]);
        cost.observe_on_lane(Duration::from_millis(50));
        assert!(!cost.fits_a_lane());
        let back = (1..100).find(|_| {
            cost.observe(Duration::from_micros(100));
            cost.fits_a_lane()
        });
        assert!((8..30).contains(&back.unwrap()), "{back:?}");
    }

    #[test]
    fn a_statement_that_is_slow_on_the_pool_stays_there() {
        let cost = learned(&[3_000]);
        for _ in 0..100 {
            cost.observe(Duration::from_micros(3_000));
            assert!(!cost.fits_a_lane());
        }
    }

    #[test]
    fn a_hiccup_of_the_machine_changes_nothing() {
        let cost = learned(&[100, 9_000, 100, 100]);
        assert!(cost.fits_a_lane());
        cost.observe_on_lane(Duration::from_millis(4));
        assert!(cost.fits_a_lane());
    }

    #[test]
    fn the_slowest_run_there_can_be_is_forgotten_in_bounded_time() {
        let cost = learned(&[u64::MAX]);
        let back = (1..).find(|_| {
            cost.observe(Duration::from_micros(50));
            cost.fits_a_lane()
        });
        assert!(back.unwrap() < 60, "{back:?}");
    }

    #[test]
    fn a_large_result_has_no_place_on_a_lane() {
        let cost = learned(&[100]);
        cost.observe_too_large();
        assert!(!cost.fits_a_lane());
        cost.observe(Duration::from_micros(100));
        assert!(!cost.fits_a_lane());
    }

    #[test]
    fn what_is_refused_for_good_never_comes_back() {
        let cost = learned(&[100]);
        cost.refuse_for_good();
        cost.observe(Duration::from_micros(1));
        cost.observe_too_large();
        assert!(!cost.fits_a_lane());
        assert!(!cost.learns());
    }
}
