//! moka: its future and its sync cache, each with room for a million entries.
//!
//! A value that is set is a clone of bytes that are shared already, which is the least that moka can be given.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use bytes::Bytes;
use contestant::stampede::stampede;
use contestant::stored::{Entries, check};
use contestant::{Answer, Order, Pace, Task, answer, measure};

/// As many as Shelfmark's own store has room for by default.
const CAPACITY: u64 = 1_000_000;

type Future = moka::future::Cache<String, Bytes>;
type Sync = moka::sync::Cache<String, Bytes>;

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
    // Made once, to be cloned.
    let values: Arc<[Bytes]> = entries
        .iter()
        .map(|(_, value)| Bytes::copy_from_slice(value))
        .collect();
    let own = || (entries.clone(), values.clone());
    let measured = match order.setting.as_str() {
        "future" => {
            let cache = Future::new(CAPACITY);
            for (key, value) in entries.iter() {
                cache
                    .insert(key.to_owned(), Bytes::copy_from_slice(value))
                    .await;
            }
            let at = |is_write| FutureTask {
                cache: cache.clone(),
                own: own(),
                is_write,
            };
            let tasks = (0..order.tasks).map(|_| at(is_write(&order)));
            let measured = measure(&order, Pace::Sampled, tasks.collect()).await?;
            at(false).once(7).await?;
            measured
        }
        "sync" => {
            let cache = Sync::new(CAPACITY);
            for (key, value) in entries.iter() {
                cache.insert(key.to_owned(), Bytes::copy_from_slice(value));
            }
            let at = |is_write| SyncTask {
                cache: cache.clone(),
                own: own(),
                is_write,
            };
            let tasks = (0..order.tasks).map(|_| at(is_write(&order)));
            let measured = measure(&order, Pace::Sampled, tasks.collect()).await?;
            at(false).once(7).await?;
            measured
        }
        setting => bail!("there is no setting {setting}"),
    };
    Ok(Answer::Measured(measured))
}

fn is_write(order: &Order) -> bool {
    order.case == "process-set"
}

async fn many_at_once(order: &Order) -> anyhow::Result<contestant::Measured> {
    let cache: moka::future::Cache<String, u64> = moka::future::Cache::new(CAPACITY);
    stampede(order, move |key, computation| {
        let cache = cache.clone();
        async move { Ok(cache.get_with(key, computation.run()).await) }
    })
    .await
}

struct FutureTask {
    cache: Future,
    own: (Arc<Entries>, Arc<[Bytes]>),
    is_write: bool,
}

impl Task for FutureTask {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (entries, values) = &self.own;
        let (key, value) = entries.choose(choice);
        if self.is_write {
            self.cache
                .insert(key.to_owned(), chosen(values, choice))
                .await;
            return Ok(());
        }
        check(key, value, self.cache.get(key).await.as_deref())
    }
}

struct SyncTask {
    cache: Sync,
    own: (Arc<Entries>, Arc<[Bytes]>),
    is_write: bool,
}

impl Task for SyncTask {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (entries, values) = &self.own;
        let (key, value) = entries.choose(choice);
        if self.is_write {
            self.cache.insert(key.to_owned(), chosen(values, choice));
            return Ok(());
        }
        check(key, value, self.cache.get(key).as_deref())
    }
}

/// The value of the key that the same number chooses.
fn chosen(values: &[Bytes], choice: u64) -> Bytes {
    let place = usize::try_from(choice % values.len() as u64).unwrap_or_default();
    values.get(place).cloned().unwrap_or_default()
}
