//! Values on Redis are computed again shortly before their end: by one process, while the others are given the old value.

use std::sync::Arc;

use shelfmark_core::cache::{Evictions, Keep};
use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::Cache;
use test_redis::Server;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::cache::{answer, keep, two_on};

/// A value that is near its end for every look: what it took to compute is written over in its head, so that no test has
/// to wait. 2^40 us are to its ten minutes as half a minute is to 17 ms.
async fn near_its_end(server: &Server, caches: &[Cache; 2]) -> anyhow::Result<()> {
    server.ask(&["FLUSHALL"])?;
    let compute = async || Ok::<_, Error>(1_u32);
    assert_eq!(caches[0].remember("key", tagged(), compute).await?, 1);
    let names = server.ask(&["KEYS", "{cache:key}:????????????????"])?;
    let name = names.split_whitespace().find(|word| word.starts_with('{'));
    let name = name.ok_or_else(|| anyhow::anyhow!("no entry: {names}"))?;
    server.ask(&["SETRANGE", name, "25", "\0\0\0\0\0\u{1}\0\0"])?;
    Ok(())
}

fn tagged() -> Keep {
    keep().tag("group")
}

/// A refresh that has begun and ends with what it is told.
struct Refresh {
    task: JoinHandle<Result<u32, Error>>,
    end: Arc<Notify>,
}

impl Refresh {
    /// Asks until a caller is the one who computes. The others are given the old value.
    async fn begin(cache: &Cache, ends: fn() -> Result<u32, Error>) -> anyhow::Result<Refresh> {
        let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        for _ in 0..1000 {
            let (cache, begins, ended) = (cache.clone(), begun.clone(), end.clone());
            let mut task = tokio::spawn(async move {
                let compute = async || {
                    begins.notify_one();
                    ended.notified().await;
                    ends()
                };
                cache.remember("key", tagged(), compute).await
            });
            tokio::select! {
                value = &mut task => assert_eq!(value??, 1),
                () = begun.notified() => return Ok(Refresh { task, end }),
            }
        }
        anyhow::bail!("nobody computes it again")
    }

    async fn end(self) -> anyhow::Result<u32> {
        self.end.notify_one();
        Ok(self.task.await??)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn near_its_end_one_of_two_processes_computes_it_again_and_the_others_are_given_the_old_one()
-> anyhow::Result<()> {
    let server = Server::start()?;
    let caches = two_on(&server.url()).await?;
    near_its_end(&server, &caches).await?;
    let refresh = Refresh::begin(&caches[1], || Ok(2)).await?;
    // Each of them is near its end too, and waits for nobody: the refresh ends after them.
    for _ in 0..20 {
        for cache in &caches {
            assert_eq!(answer(cache, "key", 3).await?, 1);
        }
    }
    assert_eq!(refresh.end().await?, 2);
    for cache in &caches {
        assert_eq!(answer(cache, "key", 4).await?, 2);
    }
    let [one, other] = caches.each_ref().map(Cache::stats);
    assert_eq!((one.computed, one.refreshed), (1, 0), "{one}");
    assert_eq!((other.computed, other.refreshed), (0, 1), "{other}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_an_eviction_overtakes_is_stored_for_no_process() -> anyhow::Result<()> {
    let server = Server::start()?;
    let caches = two_on(&server.url()).await?;
    for (round, evictions) in [
        (1, Evictions::new().key("key")),
        (2, Evictions::new().tag("group")),
    ] {
        near_its_end(&server, &caches).await?;
        let refresh = Refresh::begin(&caches[1], || Ok(2)).await?;
        caches[0].evict_all_of(&evictions).await;
        assert_eq!(refresh.end().await?, 2);
        for cache in &caches {
            assert_eq!(cache.get::<u32>("key").await, None);
        }
        assert_eq!(caches[1].stats().refused, round);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_fails_or_is_dropped_leaves_the_old_value_and_another_process_tries_it()
-> anyhow::Result<()> {
    let server = Server::start()?;
    let caches = two_on(&server.url()).await?;
    for is_dropped in [false, true] {
        near_its_end(&server, &caches).await?;
        let fails = || Err(Error::new(ErrorKind::Connection));
        let refresh = Refresh::begin(&caches[0], fails).await?;
        match is_dropped {
            true => refresh.task.abort(),
            false => assert_eq!(refresh.end().await?, 1),
        }
        for cache in &caches {
            assert_eq!(cache.get::<u32>("key").await, Some(1));
        }
        let refresh = Refresh::begin(&caches[1], || Ok(2)).await?;
        assert_eq!(refresh.end().await?, 2);
        for cache in &caches {
            assert_eq!(cache.get::<u32>("key").await, Some(2));
        }
    }
    let [one, other] = caches.each_ref().map(Cache::stats);
    assert_eq!((one.refreshed, one.errors), (0, 1), "{one}");
    assert_eq!((other.refreshed, other.errors), (2, 0), "{other}");
    Ok(())
}
