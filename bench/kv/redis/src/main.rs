//! The crate redis: its `ConnectionManager`, one clone per task, which is one connection that all tasks share.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use contestant::stored::{Entries, check};
use contestant::{Answer, Order, Pace, Task, answer, measure};
use redis::AsyncCommands as _;
use redis::aio::ConnectionManager;

fn main() -> ExitCode {
    answer(run)
}

async fn run(order: Order) -> anyhow::Result<Answer> {
    let client = redis::Client::open(order.url.as_str())?;
    let mut manager = client.get_connection_manager().await?;
    let entries = Arc::new(Entries::new(order.rows));
    for (key, value) in entries.iter() {
        manager.set::<_, _, ()>(key, value).await?;
    }
    let tasks = 0..order.tasks;
    let measured = match order.case.as_str() {
        "redis-get" => {
            let tasks = tasks.map(|_| Get(manager.clone(), entries.clone()));
            measure(&order, Pace::Each, tasks.collect()).await?
        }
        "redis-set" => {
            let tasks = tasks.map(|_| Set(manager.clone(), entries.clone()));
            let measured = measure(&order, Pace::Each, tasks.collect()).await?;
            Get(manager, entries).once(7).await?;
            measured
        }
        case => bail!("there is no case {case}"),
    };
    Ok(Answer::Measured(measured))
}

struct Get(ConnectionManager, Arc<Entries>);

impl Task for Get {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (key, value) = self.1.choose(choice);
        let found: Option<Vec<u8>> = self.0.get(key).await?;
        check(key, value, found.as_deref())
    }
}

struct Set(ConnectionManager, Arc<Entries>);

impl Task for Set {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (key, value) = self.1.choose(choice);
        Ok(self.0.set::<_, _, ()>(key, value).await?)
    }
}
