//! fred: one client as its README makes it, with TCP_NODELAY, cloned for each task.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use contestant::stored::{Entries, check};
use contestant::{Answer, Order, Pace, Task, answer, measure};
use fred::prelude::{Builder, Client, ClientLike as _, Config, KeysInterface as _, TcpConfig};

fn main() -> ExitCode {
    answer(run)
}

async fn run(order: Order) -> anyhow::Result<Answer> {
    let client = Builder::from_config(Config::from_url(&order.url)?)
        .with_connection_config(|config| {
            config.tcp = TcpConfig {
                nodelay: Some(true),
                ..TcpConfig::default()
            };
        })
        .build()?;
    client.init().await?;
    let entries = Arc::new(Entries::new(order.rows));
    for (key, value) in entries.iter() {
        client
            .set::<(), _, _>(key, value, None, None, false)
            .await?;
    }
    let tasks = 0..order.tasks;
    let measured = match order.case.as_str() {
        "redis-get" => {
            let tasks = tasks.map(|_| Get(client.clone(), entries.clone()));
            measure(&order, Pace::Each, tasks.collect()).await?
        }
        "redis-set" => {
            let tasks = tasks.map(|_| Set(client.clone(), entries.clone()));
            let measured = measure(&order, Pace::Each, tasks.collect()).await?;
            Get(client, entries).once(7).await?;
            measured
        }
        case => bail!("there is no case {case}"),
    };
    Ok(Answer::Measured(measured))
}

struct Get(Client, Arc<Entries>);

impl Task for Get {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (key, value) = self.1.choose(choice);
        let found: Option<Vec<u8>> = self.0.get(key).await?;
        check(key, value, found.as_deref())
    }
}

struct Set(Client, Arc<Entries>);

impl Task for Set {
    async fn once(&mut self, choice: u64) -> anyhow::Result<()> {
        let (key, value) = self.1.choose(choice);
        Ok(self.0.set(key, value, None, None, false).await?)
    }
}
