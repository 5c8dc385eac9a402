//! What a statement costs the server, learned from its runs, which decides whether it may run on a lane.
//!
//! What is measured is without the network's round trip. A run takes at least the server's time, and more where this process was busy with other things. So quick runs count for
//! more than slow ones, and the figure stays near the quickest of late. What keeps others waiting on a lane is seen there
//! for what it is, and the statement stays away for a number of runs on the pool, which doubles each time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A statement that costs more has no place on a lane, where others wait for it.
const BUDGET_US: u32 = 2_000;
/// No run counts for more than this, so that the way back is not endless.
const CEILING_US: u32 = 1_000_000;
/// A run on a lane that kept nobody waiting counts for at most this: the rest is this process's own delay.
const QUIET_US: u32 = 2 * BUDGET_US;
/// So many runs on the pool stand at the least between keeping others waiting and coming back.
const FIRST_BAR: u16 = 16;
/// It doubles so many times.
const MOST_STRIKES: u8 = 9;
/// It has no place on a lane, whatever it costs.
const FOR_GOOD: u16 = u16::MAX;

/// The learned cost of one statement.
#[derive(Debug, Default)]
pub(crate) struct Cost(AtomicU64);

/// What is known, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Learned {
    /// Zero while nothing has been learned.
    us: u32,
    /// Runs on the pool before it may come to a lane.
    barred: u16,
    /// How often it kept others waiting, less what has been forgiven.
    strikes: u8,
    /// Quick runs on lanes; each time they overflow, a strike is forgiven.
    quick: u8,
}

impl Learned {
    fn unpack(word: u64) -> Self {
        let [a, b, c, d, e, f, strikes, quick] = word.to_be_bytes();
        Learned {
            us: u32::from_be_bytes([a, b, c, d]),
            barred: u16::from_be_bytes([e, f]),
            strikes,
            quick,
        }
    }

    fn pack(self) -> u64 {
        let [a, b, c, d] = self.us.to_be_bytes();
        let [e, f] = self.barred.to_be_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, self.strikes, self.quick])
    }

    /// Moves the figure towards `sample`: by one part of `up` where that is more, by one of `down` where it is less.
    fn learn(&mut self, sample: u32, up: u32, down: u32) {
        self.us = match self.us {
            0 => sample,
            old if sample > old => old + (sample - old).div_ceil(up),
            old => old - (old - sample).div_ceil(down),
        };
    }

    fn bar(&mut self) {
        self.strikes = (self.strikes + 1).min(MOST_STRIKES);
        self.barred = FIRST_BAR << (self.strikes - 1);
        self.quick = 0;
    }
}

impl Cost {
    /// Whether it is known to be cheap enough for a lane.
    pub(crate) fn fits_a_lane(&self) -> bool {
        let learned = self.learned();
        learned.barred == 0 && (1..=BUDGET_US).contains(&learned.us)
    }

    /// Whether runs on the pool are still to be measured.
    pub(crate) fn learns(&self) -> bool {
        self.learned().barred != FOR_GOOD
    }

    /// A run on the pool took so long.
    pub(crate) fn observe(&self, took: Duration) {
        self.change(|learned| {
            learned.learn(micros(took), 16, 2);
            learned.barred = learned.barred.saturating_sub(1);
        });
    }

    /// A run on a lane took at most so long, and kept nobody waiting.
    pub(crate) fn observe_on_lane(&self, took: Duration) {
        self.change(|learned| {
            learned.learn(micros(took).min(QUIET_US), 4, 8);
            learned.quick = learned.quick.wrapping_add(1);
            if learned.quick == 0 {
                learned.strikes = learned.strikes.saturating_sub(1);
            }
        });
    }

    /// A run on a lane kept others waiting, or gave more rows than a lane carries.
    pub(crate) fn strike(&self) {
        self.change(Learned::bar);
    }

    /// A run on the pool gave more rows than a lane carries.
    pub(crate) fn observe_too_large(&self) {
        self.change(|learned| {
            learned.us = CEILING_US;
        });
    }

    /// The server does not run it where nothing may be written.
    pub(crate) fn refuse_for_good(&self) {
        let refused = Learned {
            barred: FOR_GOOD,
            ..Learned::default()
        };
        self.0.store(refused.pack(), Ordering::Relaxed);
    }

    fn learned(&self) -> Learned {
        Learned::unpack(self.0.load(Ordering::Relaxed))
    }

    fn change(&self, change: impl Fn(&mut Learned)) {
        let old = self.0.load(Ordering::Relaxed);
        let mut learned = Learned::unpack(old);
        if learned.barred != FOR_GOOD {
            change(&mut learned);
            // Of two that learn at once, one is lost, and the next one teaches the same. What is refused for good stays so.
            let _ =
                self.0
                    .compare_exchange(old, learned.pack(), Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros())
        .unwrap_or(CEILING_US)
        .clamp(1, CEILING_US)
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

    /// How many quick runs on the pool bring it back.
    fn way_back(cost: &Cost) -> usize {
        (0..)
            .find(|_| {
                let is_back = cost.fits_a_lane();
                cost.observe(Duration::from_micros(100));
                is_back
            })
            .unwrap_or_default()
    }

    #[test]
    fn what_is_known_fits_one_word() {
        let known = Learned {
            us: 123_456,
            barred: 789,
            strikes: 7,
            quick: 255,
        };
        assert_eq!(Learned::unpack(known.pack()), known);
    }

    #[test]
    fn an_unknown_statement_has_no_place_on_a_lane() {
        assert!(!Cost::default().fits_a_lane());
        assert!(learned(&[100]).fits_a_lane());
        assert!(learned(&[0]).fits_a_lane());
    }

    #[test]
    fn a_statement_that_kept_others_waiting_comes_back_later_each_time() {
        let cost = learned(&[100]);
        let mut ways = Vec::new();
        for _ in 0..12 {
            cost.strike();
            assert!(!cost.fits_a_lane());
            ways.push(way_back(&cost));
        }
        assert_eq!(ways[..3], [16, 32, 64]);
        assert_eq!(ways[9..], [4_096, 4_096, 4_096]);
    }

    #[test]
    fn quick_runs_on_lanes_are_rewarded() {
        let cost = learned(&[100]);
        cost.strike();
        cost.strike();
        way_back(&cost);
        for _ in 0..1_000 {
            cost.observe_on_lane(Duration::from_micros(100));
        }
        cost.strike();
        assert_eq!(way_back(&cost), 16);
    }

    #[test]
    fn a_statement_that_is_slow_on_the_pool_stays_there() {
        let cost = learned(&[3_000]);
        for _ in 0..100 {
            cost.observe(Duration::from_micros(3_000));
            assert!(!cost.fits_a_lane());
        }
        assert!(way_back(&cost) < 5);
    }

    #[test]
    fn a_statement_that_is_slow_on_a_lane_leaves_it() {
        let cost = learned(&[100]);
        for _ in 0..4 {
            cost.observe_on_lane(Duration::from_millis(5));
        }
        assert!(!cost.fits_a_lane());
    }

    #[test]
    fn a_hiccup_of_the_machine_changes_nothing() {
        let cost = learned(&[100, 9_000, 100, 9_000, 100]);
        assert!(cost.fits_a_lane());
        cost.observe_on_lane(Duration::from_secs(1));
        assert!(cost.fits_a_lane());
    }

    #[test]
    fn a_large_result_has_no_place_on_a_lane() {
        let cost = learned(&[100]);
        cost.observe_too_large();
        assert!(!cost.fits_a_lane());
        assert!((5..20).contains(&way_back(&cost)));
    }

    #[test]
    fn what_is_refused_for_good_never_comes_back() {
        let cost = learned(&[100]);
        cost.refuse_for_good();
        cost.observe(Duration::from_micros(1));
        cost.observe_too_large();
        cost.strike();
        assert!(!cost.fits_a_lane());
        assert!(!cost.learns());
    }
}
