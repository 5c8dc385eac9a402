//! moka: its future and its sync cache, each with room for a million entries.
//!
//! Beside Shelfmark's strings, a value that is set is a clone of bytes that are shared already, which is the least that
//! moka can be given. Beside Shelfmark's cache, values are `String`s and have a time to live, as there.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use bytes::Bytes;
use contestant::stampede::stampede;
use contestant::stored::{Entries, check};
use contestant::{Answer, Measured, Order, Pace, Task, answer, measure};

/// As many as Shelfmark's own store has room for by default.
const CAPACITY: u64 = 1_000_000;

/// Longer than anything is measured.
const HOUR: Duration = Duration::from_secs(60 * 60);

type Future<V> = moka::future::Cache<String, V>;
type Sync<V> = moka::sync::Cache<String, V>;

fn main() -> ExitCode {
    answer(run)
}

async fn run(order: Order) -> anyhow::Result<Answer> {
    if order.case == "stampede" {
        return Ok(Answer::Measured(match order.setting.as_str() {
            "future" => many_at_once(&order).await?,
            _ => {
                return Ok(Answer::Skipped(
                    "a sync cache blocks those that wait".into(),
                ));
            }
        }));
    }
    let entries = Arc::new(Entries::new(order.rows));
    let measured = if order.case.starts_with("cache-") {
        let values = entries.texts().map(|(_, value)| value.to_owned());
        let own = (entries.clone(), values.collect());
        on_cache(&order, own, Some(HOUR)).await?
    } else {
        let values = entries
            .iter()
            .map(|(_, value)| Bytes::copy_from_slice(value));
        let own = (entries.clone(), values.collect());
        on_cache(&order, own, None).await?
    };
    Ok(Answer::Measured(measured))
}

/// The keys, and the values in their order.
type Own<V> = (Arc<Entries>, Arc<[V]>);

async fn on_cache<V>(order: &Order, own: Own<V>, keep: Option<Duration>) -> anyhow::Result<Measured>
where
    V: AsRef<[u8]> + Clone + Send + std::marker::Sync + 'static,
{
    let is_write = order.case.ends_with("-set");
    let entries = own.0.iter().map(|(key, _)| key.to_owned());
    let entries = entries.zip(own.1.iter().cloned());
    match order.setting.as_str() {
        "future" => {
            let builder = moka::future::Cache::builder().max_capacity(CAPACITY);
            let cache: Future<V> = match keep {
                None => builder.build(),
                Some(keep) => builder.time_to_live(keep).build(),
            };
            for (key, value) in entries {
                cache.insert(key, value).await;
            }
            let at = |is_write| FutureTask {
                cache: cache.clone(),
                own: own.clone(),
                is_write,
            };
            let tasks = (0..order.tasks).map(|_| at(is_write)).collect();
            let measured = measure(order, Pace::Sampled, tasks).await?;
            at(false).once(7).await?;
            Ok(measured)
        }
        "sync" => {
            let builder = moka::sync::Cache::builder().max_capacity(CAPACITY);
            let cache: Sync<V> = match keep {
                None => builder.build(),
                Some(keep) => builder.time_to_live(keep).build(),
            };
            for (key, value) in entries {
                cache.insert(key, value);
            }
            let at = |is_write| SyncTask {
                cache: cache.clone(),
                own: own.clone(),
                is_write,
            };
            let tasks = (0..order.tasks).map(|_| at(is_write)).collect();
            let measured = measure(order, Pace::Sampled, tasks).await?;
            at(false).once(7).await?;
            Ok(measured)
        }
        setting => bail!("there is no setting {setting}"),
    }
}

async fn many_at_once(order: &Order) -> anyhow::Result<contestant::Measured> {
    let cache: Future<u64> = Future::new(CAPACITY);
    stampede(order, move |key, computation| {
        let cache = cache.clone();
        async move { Ok(cache.get_with(key, computation.run()).await) }
    })
    .await
}

struct FutureTask<V> {
    cache: Future<V>,
    own: Own<V>,
    is_write: bool,
}

impl<V> Task for FutureTask<V>
where
    V: AsRef<[u8]> + Clone + Send + std::marker::Sync + 'static,
{
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (entries, values) = &self.own;
        let (key, value) = entries.choose(choice);
        if self.is_write {
            self.cache
                .insert(key.to_owned(), Entries::chosen(values, choice).clone())
                .await;
            return Ok(());
        }
        check(
            key,
            value,
            self.cache.get(key).await.as_ref().map(AsRef::as_ref),
        )
    }
}

struct SyncTask<V> {
    cache: Sync<V>,
    own: Own<V>,
    is_write: bool,
}

impl<V> Task for SyncTask<V>
where
    V: AsRef<[u8]> + Clone + Send + std::marker::Sync + 'static,
{
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (entries, values) = &self.own;
        let (key, value) = entries.choose(choice);
        if self.is_write {
            self.cache
                .insert(key.to_owned(), Entries::chosen(values, choice).clone());
            return Ok(());
        }
        check(key, value, self.cache.get(key).as_ref().map(AsRef::as_ref))
    }
}
