//! Points in time ahead, however far.

use std::time::Duration;

use tokio::time::Instant;

/// Longer than any program runs; the clock can still count it.
pub(crate) const FOREVER: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The end of `limit`, beginning now.
pub(crate) fn after(limit: Duration) -> Instant {
    Instant::now() + limit.min(FOREVER)
}
