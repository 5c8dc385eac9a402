//! Limits on how often something may happen, decided in one step and by one clock for all processes.

use std::future::Future;

use shelfmark_core::Result;

use crate::gcra::{Decision, Quota};
use crate::kv::{Kv, named, on_engine};
use crate::limits::invalid;

/// Limits on how often something may happen, by the generic cell rate algorithm: no window's edge at which twice as much
/// goes through, and one small value per key.
///
/// All processes that share a server share its clock; their own may be wrong by hours. Keep to one [`Quota`] per key.
///
/// An error decides nothing: whether a request goes on while the server is away is for the caller to say.
///
/// ```
/// use std::time::Duration;
/// use shelfmark_kv::{Kv, Quota, RateLimiter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> shelfmark_core::Result<()> {
/// let kv = Kv::in_process();
/// let two_a_minute = Quota::new(2, Duration::from_secs(60));
/// assert_eq!(kv.check("login:ann", two_a_minute).await?.remaining, 1);
/// assert!(kv.check("login:ann", two_a_minute).await?.allowed);
/// let refused = kv.check("login:ann", two_a_minute).await?;
/// assert!(!refused.allowed && refused.retry_after <= Duration::from_secs(30));
/// // Open while the store is away:
/// let goes_on = kv.check("login:ben", two_a_minute).await.is_ok_and(|it| it.allowed);
/// # assert!(goes_on);
/// # Ok(())
/// # }
/// ```
///
/// Cancel safety: a dropped call is counted or not.
pub trait RateLimiter {
    /// Asks for one.
    ///
    /// # Errors
    /// As [`check_cost`](RateLimiter::check_cost).
    fn check(&self, key: &str, quota: Quota) -> impl Future<Output = Result<Decision>> + Send;

    /// Asks for `cost` at once: all of it or nothing.
    ///
    /// # Errors
    /// `InvalidInput` for a bad key or quota, a cost of nothing or of more than the whole burst, and a key of another
    /// kind; `Other` with code `OOM` when there is no room; on Redis, `Connection` and `Timeout`, and
    /// `Unsupported` where the server may delete the limit to make room
    /// ([`KvConfig::allow_eviction`](crate::KvConfig::allow_eviction)).
    fn check_cost(
        &self,
        key: &str,
        quota: Quota,
        cost: u32,
    ) -> impl Future<Output = Result<Decision>> + Send;
}

impl RateLimiter for Kv {
    async fn check(&self, key: &str, quota: Quota) -> Result<Decision> {
        named("RateLimiter::check", self.decide(key, quota, 1)).await
    }

    async fn check_cost(&self, key: &str, quota: Quota, cost: u32) -> Result<Decision> {
        named("RateLimiter::check_cost", self.decide(key, quota, cost)).await
    }
}

impl Kv {
    async fn decide(&self, key: &str, quota: Quota, cost: u32) -> Result<Decision> {
        let key = self.key(key)?;
        let interval = quota.interval_us()?;
        if cost == 0 || cost > quota.burst {
            return Err(invalid(format!(
                "the cost is {cost}, and the quota can give 1 to {} at once",
                quota.burst
            )));
        }
        self.keeps("a limit").await?;
        let (burst, cost) = (i64::from(quota.burst), i64::from(cost));
        on_engine!(self, engine =>
            engine.check(&key, interval, burst, cost), engine.check(&key, interval, burst, cost))
    }
}
