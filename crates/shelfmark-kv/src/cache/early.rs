//! When a value is computed again before its end.

use std::time::Duration;

/// Whether a value that ends in `left` and takes `cost` is to be computed again already: by chance, the likelier the nearer
/// the end and the longer it takes, so that one of many callers is early enough (XFetch: Vattani, Chierichetti and
/// Lowenstein, 2015).
pub(super) fn is_due(left: Duration, cost: Duration) -> bool {
    // No random number is as small that the logarithm gets beyond this.
    const MOST: u32 = 40;
    if left > cost.saturating_mul(MOST) {
        return false;
    }
    // Above 0, which has no logarithm, and up to 1.
    let chance = 1.0 - fastrand::f64();
    left.as_secs_f64() < cost.as_secs_f64() * -chance.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

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
