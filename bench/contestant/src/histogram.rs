//! Durations, counted in buckets whose width grows with them: small, and exact to 3 in 100.

use std::time::Duration;

/// Buckets per doubling.
const PARTS: u64 = 32;
const PARTS_BITS: u32 = PARTS.trailing_zeros();
/// Up to 2^42 ns, more than an hour.
const BUCKETS: usize = 38 * PARTS as usize;

/// How often something took how long.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u32>,
    total: u64,
    max: Duration,
}

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram {
            counts: vec![0; BUCKETS],
            total: 0,
            max: Duration::ZERO,
        }
    }

    pub(crate) fn add(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count = count.saturating_add(1);
        }
        self.total += 1;
        self.max = self.max.max(took);
    }

    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// What `part` of all took at most, in µs: the middle of its bucket.
    pub(crate) fn quantile_us(&self, part: f64) -> f64 {
        let rank = (self.total as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                let middle = (lower(place) + lower(place + 1)) as f64 / 2.0;
                return middle.min(self.max.as_nanos() as f64) / 1000.0;
            }
        }
        0.0
    }

    pub(crate) fn max_us(&self) -> f64 {
        self.max.as_nanos() as f64 / 1000.0
    }
}

fn bucket(nanos: u64) -> usize {
    let place = if nanos < PARTS {
        nanos
    } else {
        let shift = nanos.ilog2() - PARTS_BITS;
        // The leading bit of what is left of the number is counted by the shift.
        u64::from(shift) * PARTS + (nanos >> shift)
    };
    usize::try_from(place).map_or(BUCKETS - 1, |place| place.min(BUCKETS - 1))
}

/// The least number that falls into a bucket.
fn lower(place: usize) -> u64 {
    let place = place as u64;
    if place < 2 * PARTS {
        return place;
    }
    let shift = place / PARTS - 1;
    (place % PARTS + PARTS) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_in_the_bucket_whose_bounds_hold_it() {
        for exponent in 0..41 {
            for offset in [0, 1, 3] {
                let nanos = (1_u64 << exponent) + offset * (1 << exponent) / 4;
                let place = bucket(nanos);
                assert!(lower(place) <= nanos, "{nanos}");
                assert!(nanos < lower(place + 1), "{nanos}");
            }
        }
    }

    #[test]
    fn quantiles_are_exact_to_three_in_a_hundred() {
        let mut histogram = Histogram::new();
        for micros in 1..=1000 {
            histogram.add(Duration::from_micros(micros));
        }
        for (part, exact) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = histogram.quantile_us(part);
            assert!((found / exact - 1.0_f64).abs() < 0.03, "{part}: {found}");
        }
        assert!((histogram.max_us() - 1000.0).abs() < f64::EPSILON);
    }

    #[test]
    fn merged_histograms_count_both() {
        let mut one = Histogram::new();
        one.add(Duration::from_micros(10));
        let mut other = Histogram::new();
        other.add(Duration::from_micros(1000));
        one.merge(&other);
        assert!(one.quantile_us(0.5) < 11.0);
        assert!(one.quantile_us(0.99) > 900.0);
    }
}
