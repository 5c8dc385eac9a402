//! What a cache does: the cases of both tiers are each written once and run in process and on Redis; what is told by time
//! alone, or is of one tier, stands beside them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod bounds;
mod evictions;
mod failures;
mod flights;
mod query_cache;
mod refresh;
mod stale;
mod takeover;
mod types;
mod values;

use std::time::Duration;

use shelfmark_kv::{Cache, CacheConfig, Kv, KvConfig};
use tokio::sync::Semaphore;

const MINUTE: Duration = Duration::from_secs(60);

/// Makes tests of cases: `the_rule::in_process` and `the_rule::on_redis`.
macro_rules! on_both_tiers {
    ($(async fn $name:ident($cache:ident: Cache) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn case($cache: Cache) -> anyhow::Result<()> {
                $body
                Ok(())
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_process() -> anyhow::Result<()> {
                case(Cache::in_process()).await
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_redis() -> anyhow::Result<()> {
                case(crate::on_redis().await?).await
            }
        })*
    };
}
pub(crate) use on_both_tiers;

/// A store on Redis with a prefix of its own. A busy machine is no reason to fail, so time is plenty.
async fn redis_kv() -> anyhow::Result<Kv> {
    let config = KvConfig::from_url(&test_redis::shared_url()?)?
        .with_timeout(Duration::from_secs(10))
        .with_connect_timeout(Duration::from_secs(10))
        .with_prefix(format!("{:016x}:", fastrand::u64(..)));
    Ok(Kv::connect(config).await?)
}

/// A cache on `kv`, which is a process of its own: it knows of others on `kv` what Redis tells.
fn on(kv: &Kv) -> anyhow::Result<Cache> {
    let config = CacheConfig::default().with_timeout(Duration::from_secs(10));
    Ok(Cache::new(kv, config)?)
}

async fn on_redis() -> anyhow::Result<Cache> {
    on(&redis_kv().await?)
}

/// A cache in process within the bounds of `config`.
fn within(config: CacheConfig) -> Cache {
    Cache::new(&Kv::in_process(), config).unwrap()
}

/// A computation that tells when it has begun, and ends when it is let.
struct Gate {
    begun: Semaphore,
    let_through: Semaphore,
}

impl Gate {
    fn new() -> Gate {
        Gate {
            begun: Semaphore::new(0),
            let_through: Semaphore::new(0),
        }
    }

    /// What the one who computes waits for.
    async fn pass(&self) {
        self.begun.add_permits(1);
        self.let_through.acquire().await.unwrap().forget();
    }

    async fn begun(&self) {
        let begun = tokio::time::timeout(MINUTE, self.begun.acquire()).await;
        begun.unwrap().unwrap().forget();
    }

    fn open(&self) {
        self.let_through.add_permits(1);
    }
}

/// Waits until `is_so` answers `true`.
async fn until(is_so: impl AsyncFn() -> bool) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "it did not come to pass"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
