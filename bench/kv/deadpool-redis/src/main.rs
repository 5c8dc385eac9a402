//! deadpool-redis: a connection of its own for each operation, lent by the pool.
//!
//! `defaults`: as many connections as its configuration has by default, two for each core. `large`: one for each task, up
//! to 64.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use contestant::stored::{Entries, check};
use contestant::{Answer, Order, Pace, Task, answer, measure};
use deadpool_redis::redis::AsyncCommands as _;
use deadpool_redis::{Config, Pool, PoolConfig, Runtime};

fn main() -> ExitCode {
    answer(run)
}

async fn run(order: Order) -> anyhow::Result<Answer> {
    let mut config = Config::from_url(&order.url);
    match order.setting.as_str() {
        "defaults" => {}
        "large" => config.pool = Some(PoolConfig::new(order.tasks.min(64))),
        setting => bail!("there is no setting {setting}"),
    }
    let pool = config.create_pool(Some(Runtime::Tokio1))?;
    let entries = Arc::new(Entries::new(order.rows));
    let mut connection = pool.get().await?;
    for (key, value) in entries.iter() {
        connection.set::<_, _, ()>(key, value).await?;
    }
    drop(connection);
    let tasks = 0..order.tasks;
    let measured = match order.case.as_str() {
        "redis-get" => {
            let tasks = tasks.map(|_| Get(pool.clone(), entries.clone()));
            measure(&order, Pace::Each, tasks.collect()).await?
        }
        "redis-set" => {
            let tasks = tasks.map(|_| Set(pool.clone(), entries.clone()));
            let measured = measure(&order, Pace::Each, tasks.collect()).await?;
            Get(pool, entries).once(7).await?;
            measured
        }
        case => bail!("there is no case {case}"),
    };
    Ok(Answer::Measured(measured))
}

struct Get(Pool, Arc<Entries>);

impl Task for Get {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (key, value) = self.1.choose(choice);
        let found: Option<Vec<u8>> = self.0.get().await?.get(key).await?;
        check(key, value, found.as_deref())
    }
}

struct Set(Pool, Arc<Entries>);

impl Task for Set {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (key, value) = self.1.choose(choice);
        Ok(self.0.get().await?.set::<_, _, ()>(key, value).await?)
    }
}
