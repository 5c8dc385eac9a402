//! What every engine does: each case is written once and runs in process, on a Redis server, and on a cluster of three.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod counters;
mod hashes;
mod keys;
mod limits;
mod lists;
mod locks;
mod pub_sub;
mod rate_limiter;
mod reliable_lists;
mod sets;
mod strings;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use shelfmark_kv::{Kv, KvConfig};

type Case = fn(Kv) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Makes tests of cases: `the_rule::in_process` and `the_rule::on_redis`. All of them together are run on a cluster.
macro_rules! on_every_engine {
    ($(async fn $name:ident($kv:ident: Kv) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn case($kv: Kv) -> anyhow::Result<()> {
                $body
                Ok(())
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_process() -> anyhow::Result<()> {
                case(Kv::in_process().prefixed("test:")).await
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_redis() -> anyhow::Result<()> {
                case(crate::on_redis(&test_redis::shared_url()?).await?).await
            }

            pub(super) fn boxed(
                kv: Kv,
            ) -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> {
                Box::pin(case(kv))
            }
        })*

        pub(crate) const CASES: &[(&str, crate::Case)] =
            &[$((stringify!($name), $name::boxed)),*];
    };
}
pub(crate) use on_every_engine;

/// A store on the server of `url` with a prefix of its own. A busy machine is no reason to fail, so time is plenty.
async fn on_redis(url: &str) -> anyhow::Result<Kv> {
    let config = KvConfig::from_url(url)?
        .with_timeout(Duration::from_secs(10))
        .with_connect_timeout(Duration::from_secs(10))
        .with_prefix(format!("{:016x}:", fastrand::u64(..)));
    Ok(Kv::connect(config).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_holds_on_a_cluster() -> anyhow::Result<()> {
    let cluster = test_redis::Cluster::start()?;
    for cases in [
        counters::CASES,
        hashes::CASES,
        keys::CASES,
        limits::CASES,
        lists::CASES,
        locks::CASES,
        pub_sub::CASES,
        rate_limiter::CASES,
        reliable_lists::CASES,
        sets::CASES,
        strings::CASES,
    ] {
        for (name, case) in cases {
            let kv = on_redis(&cluster.url()).await?;
            case(kv).await.map_err(|error| error.context(*name))?;
        }
    }
    Ok(())
}

/// Waits until `is_so` answers `true`.
async fn until<F: Future<Output = shelfmark_core::Result<bool>>>(
    is_so: impl Fn() -> F,
) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !is_so().await? {
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "it did not come to pass"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
