//! What time it is for keys that end: the machine's clock at the start and monotonic from there, or a test's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use shelfmark_core::Clock;
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct TimeSource {
    started: Instant,
    started_us: u64,
    clock: Option<Clock>,
}

impl TimeSource {
    pub(crate) fn new(clock: Option<Clock>) -> TimeSource {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        TimeSource {
            started: Instant::now(),
            started_us: since_epoch.map_or(0, micros),
            clock,
        }
    }

    /// Microseconds since 1970. A clock that is set while we run changes nothing.
    pub(crate) fn now_us(&self) -> u64 {
        match &self.clock {
            None => self.started_us + micros(self.started.elapsed()),
            Some(clock) => u64::try_from(clock.now().as_microsecond()).unwrap_or(0),
        }
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
