//! shelfmark-kv with its defaults: strings on Redis and in process, and the cache in process.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use contestant::stampede::stampede;
use contestant::stored::{Entries, check};
use contestant::{Answer, Measured, Order, Pace, Task, answer, measure};
use shelfmark_core::Error;
use shelfmark_kv::{Cache, Kv, KvConfig, Strings as _};

/// How long the cache keeps values: longer than anything is measured.
const HOUR: Duration = Duration::from_secs(60 * 60);

fn main() -> ExitCode {
    answer(run)
}

async fn run(order: Order) -> anyhow::Result<Answer> {
    Ok(Answer::Measured(match order.case.as_str() {
        "stampede" => many_at_once(&order).await?,
        "cache-get" | "cache-set" => on_cache(&order).await?,
        _ => on_strings(order).await?,
    }))
}

async fn many_at_once(order: &Order) -> anyhow::Result<Measured> {
    let cache = Cache::in_process();
    stampede(order, move |key, computation| {
        let cache = cache.clone();
        async move {
            let compute = async || Ok::<_, Error>(computation.run().await);
            Ok(cache.remember(&key, HOUR, compute).await?)
        }
    })
    .await
}

async fn on_cache(order: &Order) -> anyhow::Result<Measured> {
    let cache = Cache::in_process();
    let entries = Arc::new(Entries::new(order.rows));
    for (key, value) in entries.texts() {
        cache.set(key, &value.to_owned(), HOUR).await?;
    }
    let at = |is_write| CacheTask {
        cache: cache.clone(),
        // Made once, since the cache takes a reference.
        values: entries.texts().map(|(_, value)| value.to_owned()).collect(),
        entries: entries.clone(),
        is_write,
    };
    let first = at(order.case == "cache-set");
    let tasks = (0..order.tasks).map(|_| first.clone()).collect();
    let measured = measure(order, Pace::Sampled, tasks).await?;
    at(false).once(7).await?;
    Ok(measured)
}

#[derive(Clone)]
struct CacheTask {
    cache: Cache,
    entries: Arc<Entries>,
    values: Arc<[String]>,
    is_write: bool,
}

impl Task for CacheTask {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (key, value) = self.entries.choose(choice);
        if self.is_write {
            let value = Entries::chosen(&self.values, choice);
            return Ok(self.cache.set(key, value, HOUR).await?);
        }
        let found: Option<String> = self.cache.get(key).await;
        check(key, value, found.as_deref().map(str::as_bytes))
    }
}

async fn on_strings(order: Order) -> anyhow::Result<Measured> {
    let kv = if order.url.is_empty() {
        Kv::in_process()
    } else {
        Kv::connect(KvConfig::from_url(&order.url)?).await?
    };
    let pace = if order.url.is_empty() {
        Pace::Sampled
    } else {
        Pace::Each
    };
    let entries = Arc::new(Entries::new(order.rows));
    for (key, value) in entries.iter() {
        kv.set(key, value, None).await?;
    }
    let tasks = 0..order.tasks;
    Ok(match order.case.as_str() {
        "redis-get" | "process-get" => {
            let tasks = tasks.map(|_| Get(kv.clone(), entries.clone()));
            measure(&order, pace, tasks.collect()).await?
        }
        "redis-set" | "process-set" => {
            let tasks = tasks.map(|_| Set(kv.clone(), entries.clone()));
            let measured = measure(&order, pace, tasks.collect()).await?;
            Get(kv, entries).once(7).await?;
            measured
        }
        case => bail!("there is no case {case}"),
    })
}

struct Get(Kv, Arc<Entries>);

impl Task for Get {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (key, value) = self.1.choose(choice);
        check(key, value, self.0.get(key).await?.as_deref())
    }
}

struct Set(Kv, Arc<Entries>);

impl Task for Set {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (key, value) = self.1.choose(choice);
        Ok(self.0.set(key, value, None).await?)
    }
}
