//! Whole numbers that are counted up in one step.

use std::future::Future;
use std::time::Duration;

use shelfmark_core::Result;

use crate::kv::{Kv, named, on_engine};
use crate::limits::check_ttl;

/// Whole numbers of 64 bits that are counted up, or down, in one step. A missing one is zero.
///
/// A counter is a string that holds a decimal: [`Strings::get`](crate::Strings::get) reads it, and a string that holds
/// one can be counted up. Counters never make way for others.
///
/// Every method fails with `InvalidInput` for a bad key, for a value that is no number and for a count that would leave
/// its range, with `Other` and code `OOM` when there is no room, and, on Redis, with `Connection` and `Timeout`.
/// Counting up is never sent again by itself: an error whose cause is [`OutcomeUnknown`](crate::OutcomeUnknown) says
/// that it may have happened.
///
/// Cancel safety: a dropped call counts once or not at all.
pub trait Counters {
    /// Adds `by`, which may be negative, and answers the new count.
    ///
    /// # Errors
    /// As the [trait](Counters) says. A count that would overflow stays as it was.
    fn incr(&self, key: &str, by: i64) -> impl Future<Output = Result<i64>> + Send;

    /// As [`incr`](Counters::incr), for a counter that is gone `ttl` after the first call.
    ///
    /// Later calls don't change when it ends, and a counter that was there without a time to live stays so.
    ///
    /// # Errors
    /// As the [trait](Counters) says. A count that would overflow stays as it was.
    fn incr_within(
        &self,
        key: &str,
        by: i64,
        ttl: Duration,
    ) -> impl Future<Output = Result<i64>> + Send;

    /// The count; zero for a missing key.
    ///
    /// # Errors
    /// As the [trait](Counters) says.
    fn count(&self, key: &str) -> impl Future<Output = Result<i64>> + Send;

    /// Deletes the counter and answers what it was, in one step, so that no count between is lost.
    ///
    /// # Errors
    /// As the [trait](Counters) says. A value that is no number is left alone.
    fn reset(&self, key: &str) -> impl Future<Output = Result<i64>> + Send;
}

impl Counters for Kv {
    async fn incr(&self, key: &str, by: i64) -> Result<i64> {
        named("Counters::incr", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.incr(&key, by, None), engine.incr(&key, by))
        })
        .await
    }

    async fn incr_within(&self, key: &str, by: i64, ttl: Duration) -> Result<i64> {
        named("Counters::incr_within", async {
            let key = self.key(key)?;
            let ttl = check_ttl("time to live", ttl)?;
            on_engine!(self, engine =>
                engine.incr(&key, by, Some(ttl)), engine.incr_within(&key, by, ttl))
        })
        .await
    }

    async fn count(&self, key: &str) -> Result<i64> {
        named("Counters::count", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.count(&key), engine.count(&key))
        })
        .await
    }

    async fn reset(&self, key: &str) -> Result<i64> {
        named("Counters::reset", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.reset(&key), engine.reset(&key))
        })
        .await
    }
}
