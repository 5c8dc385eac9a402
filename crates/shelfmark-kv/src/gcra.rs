//! The generic cell rate algorithm, in whole microseconds, as a pure function of the time.
//!
//! `redis/scripts/check.lua` is the same formula. Numbers stay below 2^53, so that Lua's doubles are exact.
//!
//! The state is the *theoretical arrival time*: when the bucket is full again. A request of `cost` moves it on by
//! `cost` intervals, and is allowed when that is at most a whole burst away.

use std::time::Duration;

use shelfmark_core::Result;

use crate::limits::{MAX_TTL, invalid};

/// How much is allowed: `burst` at once, and `burst` per `per` in the long run.
///
/// ```
/// use std::time::Duration;
/// use shelfmark_kv::Quota;
///
/// let ten_per_second = Quota::new(10, Duration::from_secs(1));
/// # let _ = ten_per_second;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How much is allowed at once.
    pub burst: u32,
    /// In what time that much comes back.
    pub per: Duration,
}

impl Quota {
    /// `burst` at once, and `burst` per `per` in the long run.
    #[must_use]
    pub const fn new(burst: u32, per: Duration) -> Self {
        Quota { burst, per }
    }

    /// Whether a limiter takes it.
    ///
    /// # Errors
    /// `InvalidInput` for a burst or a time of nothing, and for more than ten years.
    pub fn check(self) -> Result<()> {
        self.interval_us().map(drop)
    }

    /// In what time one comes back, in microseconds, rounded up so that never more than the quota is allowed.
    pub(crate) fn interval_us(self) -> Result<i64> {
        if self.burst == 0 || self.per.is_zero() || self.per > MAX_TTL {
            return Err(invalid(
                "a quota takes a burst of at least 1, and a time of more than nothing and at most ten years",
            ));
        }
        let interval = self
            .per
            .as_nanos()
            .div_ceil(1_000 * u128::from(self.burst))
            .max(1);
        let window = interval.saturating_mul(u128::from(self.burst));
        if window > MAX_TTL.as_micros() {
            return Err(invalid(
                "the quota's whole burst takes more than ten years to come back",
            ));
        }
        i64::try_from(interval).map_err(|_| invalid("the quota's time is too long"))
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether it may go on.
    pub allowed: bool,
    /// How much more is allowed right now.
    pub remaining: u32,
    /// When the same request would be allowed, if no other comes; zero for one that is allowed.
    pub retry_after: Duration,
    /// When the whole burst is there again, if no other request comes.
    pub reset_after: Duration,
}

impl Decision {
    pub(crate) fn from_us(allowed: bool, remaining: i64, retry_us: i64, reset_us: i64) -> Self {
        let time = |us: i64| Duration::from_micros(u64::try_from(us).unwrap_or(0));
        Decision {
            allowed,
            remaining: u32::try_from(remaining.max(0)).unwrap_or(u32::MAX),
            retry_after: time(retry_us),
            reset_after: time(reset_us),
        }
    }
}

/// Decides about a request at `now_us` and answers the new state, which is the old one when it is refused.
///
/// A state further away than a whole burst is one of another quota, or of a clock that went back; it is taken for an
/// empty bucket, so that nobody waits for longer than the quota says.
pub(crate) fn check(
    state_us: Option<i64>,
    now_us: i64,
    interval_us: i64,
    burst: i64,
    cost: i64,
) -> (Decision, i64) {
    let window = interval_us.saturating_mul(burst);
    let full_at = state_us
        .unwrap_or(now_us)
        .clamp(now_us, now_us.saturating_add(window));
    let moved = full_at.saturating_add(interval_us.saturating_mul(cost));
    let wait = moved - window - now_us;
    let (allowed, state) = if wait <= 0 {
        (true, moved)
    } else {
        (false, full_at)
    };
    let reset = state - now_us;
    let remaining = (window - reset).div_euclid(interval_us);
    (
        Decision::from_us(allowed, remaining, wait.max(0), reset),
        state,
    )
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::{Clock as _, FakeRelativeClock};
    use governor::{Quota as Oracle, RateLimiter};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_answer_is_that_of_the_governor_crate(
            burst in 1_u32..20,
            interval_us in 1_u64..5_000_000,
            steps in prop::collection::vec((0_u64..8_000_000, 1_u32..4), 1..200),
        ) {
            let quota = Quota::new(burst, Duration::from_micros(interval_us * u64::from(burst)));
            prop_assert_eq!(quota.interval_us().unwrap(), interval_us as i64);
            let clock = FakeRelativeClock::default();
            let oracle = Oracle::with_period(Duration::from_micros(interval_us)).unwrap();
            let oracle = oracle.allow_burst(NonZeroU32::new(burst).unwrap());
            let oracle = RateLimiter::direct_with_clock(oracle, clock.clone());
            let (mut now, mut state) = (1_000_000_000_i64, None);
            for (step_us, cost) in steps {
                let cost = cost.min(burst);
                let (decision, after) =
                    check(state, now, interval_us as i64, i64::from(burst), i64::from(cost));
                state = Some(after);
                let expected = oracle.check_n(NonZeroU32::new(cost).unwrap()).unwrap();
                prop_assert_eq!(decision.allowed, expected.is_ok());
                if let Err(refused) = expected {
                    prop_assert_eq!(decision.retry_after, refused.wait_time_from(clock.now()));
                }
                clock.advance(Duration::from_micros(step_us));
                now += step_us as i64;
            }
        }

        #[test]
        fn no_window_has_more_than_the_burst_and_what_came_back(
            burst in 1_i64..20,
            interval in 1_i64..1_000,
            steps in prop::collection::vec(0_i64..3_000, 1..300),
        ) {
            let (mut now, mut state) = (0, None);
            let mut allowed = Vec::new();
            for step in steps {
                now += step;
                let (decision, after) = check(state, now, interval, burst, 1);
                state = Some(after);
                if decision.allowed {
                    allowed.push(now);
                }
            }
            for (first, start) in allowed.iter().enumerate() {
                for (last, end) in allowed.iter().enumerate().skip(first) {
                    let most = burst + (end - start) / interval;
                    prop_assert!(((last - first) as i64) < most);
                }
            }
        }

        #[test]
        fn a_retry_at_the_time_told_is_allowed_and_not_before(
            burst in 1_i64..20, interval in 1_i64..1_000, cost in 1_i64..20, used in 0_i64..20,
        ) {
            let cost = cost.min(burst);
            let mut state = None;
            for _ in 0..used {
                state = Some(check(state, 50, interval, burst, 1).1);
            }
            let (decision, state) = check(state, 50, interval, burst, cost);
            if !decision.allowed {
                let at = 50 + decision.retry_after.as_micros() as i64;
                prop_assert!(check(Some(state), at, interval, burst, cost).0.allowed);
                prop_assert!(!check(Some(state), at - 1, interval, burst, cost).0.allowed);
            }
        }
    }

    #[test]
    fn a_clock_that_goes_back_holds_nobody_up_for_longer_than_the_quota() {
        let (_, state) = check(None, 3_600_000_000, 100, 10, 10);
        let (decision, _) = check(Some(state), 0, 100, 10, 1);
        assert_eq!(decision.retry_after, Duration::from_micros(100));
    }

    #[test]
    fn the_interval_is_rounded_up() {
        let quota = Quota::new(3, Duration::from_secs(1));
        assert_eq!(quota.interval_us().unwrap(), 333_334);
        assert!(Quota::new(0, Duration::from_secs(1)).interval_us().is_err());
        assert!(Quota::new(1, Duration::ZERO).interval_us().is_err());
    }
}
