//! What happens when the server is away, slow, full, restarted or failing over, and when callers go away.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod availability;
mod cancellation;
#[cfg(feature = "tls")]
mod encryption;
mod messages;
mod outcomes;
mod places;
mod proxy;
mod topology;

use std::time::{Duration, Instant};

use shelfmark_core::Result;
use shelfmark_kv::{Kv, KvConfig};

/// How much later than its deadline a call may end on a busy machine.
const SLACK: Duration = Duration::from_millis(400);

/// A store with the default deadlines.
async fn connect(url: &str) -> anyhow::Result<Kv> {
    Ok(Kv::connect(KvConfig::from_url(url)?).await?)
}

/// Calls until one succeeds, and answers how long that took.
async fn recovery<F: Future<Output = Result<T>>, T>(
    call: impl Fn() -> F,
) -> anyhow::Result<Duration> {
    let began = Instant::now();
    loop {
        match call().await {
            Ok(_) => return Ok(began.elapsed()),
            Err(error) => {
                anyhow::ensure!(began.elapsed() < Duration::from_secs(20), "{error}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}
