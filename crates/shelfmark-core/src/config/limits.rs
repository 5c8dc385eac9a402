//! The bounds of the settings, and the check of a configuration made in code.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::problems::Problems;
use super::{DatabaseConfig, Target, replicas};
use crate::error::Result;

/// A pool beyond this is a mistake: PostgreSQL itself gives up long before.
pub(super) const POOL_MAX: RangeInclusive<usize> = 1..=10_000;
/// Connections kept, and connections beyond the maximum.
pub(super) const POOL_EXTRA: RangeInclusive<usize> = 0..=10_000;

/// Connections that reads share.
pub(super) const LANES: RangeInclusive<usize> = 0..=64;

/// How long a caller waits for a connection.
pub(super) const ACQUIRE_TIMEOUT: Bounds = Bounds::new((1, "1ms"), (HOUR_MS, "1h"));
/// How long one attempt to connect may take.
pub(super) const CONNECT_TIMEOUT: Bounds = Bounds::new((1, "1ms"), (HOUR_MS, "1h"));
/// How long a statement or a transaction may run.
pub(super) const RUN_TIMEOUT: Bounds = Bounds::new((1, "1ms"), (7 * 24 * HOUR_MS, "168h"));
/// How long a connection lives, used or unused. Below a second, a pool would do little but connect.
pub(super) const LIFETIME: Bounds = Bounds::new((1_000, "1s"), (30 * 24 * HOUR_MS, "720h"));
/// From when on a statement counts as slow.
pub(super) const SLOW: Bounds = Bounds::new((1, "1ms"), (HOUR_MS, "1h"));

/// How late a replica may be. Less than a second cannot be told apart, since they are asked once a second.
pub(super) const MAX_LAG: Bounds = Bounds::new((1_000, "1s"), (24 * HOUR_MS, "24h"));
/// Servers beyond this are a mistake.
pub(super) const REPLICAS: usize = 16;

const HOUR_MS: u64 = 60 * 60 * 1_000;

/// The shortest and the longest duration of a setting, with the way to write them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    min_ms: u64,
    max_ms: u64,
    pub(super) min_text: &'static str,
    pub(super) max_text: &'static str,
}

impl Bounds {
    const fn new(min: (u64, &'static str), max: (u64, &'static str)) -> Self {
        Bounds {
            min_ms: min.0,
            max_ms: max.0,
            min_text: min.1,
            max_text: max.1,
        }
    }

    pub(super) fn contains(self, duration: Duration) -> bool {
        !self.is_too_short(duration) && !self.is_too_long(duration)
    }

    pub(super) fn is_too_short(self, duration: Duration) -> bool {
        duration < Duration::from_millis(self.min_ms)
    }

    pub(super) fn is_too_long(self, duration: Duration) -> bool {
        duration > Duration::from_millis(self.max_ms)
    }
}

impl DatabaseConfig {
    /// Checks a configuration that was made in code; `from_env`, `from_vars` and `from_url` answer checked ones.
    ///
    /// # Errors
    /// `InvalidConfig`, with every field that is out of its bounds.
    pub fn check(&self) -> Result<()> {
        let mut problems = Problems::default();
        let pool = &self.pool;
        for (field, value, bounds) in [
            ("pool.max", pool.max, POOL_MAX),
            ("pool.max_overflow", pool.max_overflow, POOL_EXTRA),
            ("pool.lanes", pool.lanes.unwrap_or_default(), LANES),
        ] {
            if !bounds.contains(&value) {
                problems.push_plain(
                    field,
                    format_args!(
                        "{value} is not between {} and {}",
                        bounds.start(),
                        bounds.end()
                    ),
                );
            }
        }
        if pool.min > pool.max {
            problems.push_plain(
                "pool.min",
                format_args!("{} is more than pool.max, {}", pool.min, pool.max),
            );
        }
        for (field, value, bounds) in [
            (
                "pool.acquire_timeout",
                pool.acquire_timeout,
                ACQUIRE_TIMEOUT,
            ),
            ("pool.max_lifetime", pool.max_lifetime, AGE),
            ("pool.idle_timeout", pool.idle_timeout, AGE),
            ("statement_timeout", self.statement_timeout, RUN_TIMEOUT),
            ("transaction_timeout", self.transaction_timeout, RUN_TIMEOUT),
            ("slow", self.slow.unwrap_or(Duration::from_millis(1)), SLOW),
        ] {
            check_duration(&mut problems, field, value, bounds);
        }
        if let Target::Postgres(target) = &self.target {
            let field = "target.connect_timeout";
            check_duration(
                &mut problems,
                field,
                target.connect_timeout,
                CONNECT_TIMEOUT,
            );
            if target.hosts.is_empty() {
                problems.push_plain("target.hosts", "there is none");
            }
        }
        replicas::check(self, &mut problems);
        problems.into_result()
    }
}

/// Code may ask for shorter lives than the environment, as tests of a pool do.
const AGE: Bounds = Bounds::new((1, "1ms"), (30 * 24 * HOUR_MS, "720h"));

pub(super) fn check_duration(
    problems: &mut Problems,
    field: &str,
    value: Duration,
    bounds: Bounds,
) {
    if !bounds.contains(value) {
        problems.push_plain(
            field,
            format_args!(
                "{value:?} is not between {} and {}",
                bounds.min_text, bounds.max_text
            ),
        );
    }
}
