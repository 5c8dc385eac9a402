//! shelfmark-kv with its defaults: on Redis, and in process.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use contestant::stored::{Entries, check};
use contestant::{Answer, Order, Pace, Task, answer, measure};
use shelfmark_kv::{Kv, KvConfig, Strings as _};

fn main() -> ExitCode {
    answer(run)
}

async fn run(order: Order) -> anyhow::Result<Answer> {
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
    let measured = match order.case.as_str() {
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
    };
    Ok(Answer::Measured(measured))
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
