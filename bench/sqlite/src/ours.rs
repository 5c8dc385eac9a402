//! Shelfmark, as a service uses it: a repository on a database of its own configuration.

use std::path::Path;
use std::time::{Duration, Instant};

use shelfmark::prelude::*;

use crate::{ROWS, Work};

#[derive(Debug, FromRow)]
#[expect(dead_code, reason = "all columns are decoded, and one is looked at")]
struct Item {
    id: i64,
    name: String,
    stock: i64,
}

#[repository]
trait Items {
    #[query("SELECT {*} FROM items WHERE id = :id")]
    async fn find(&self, id: i64) -> Result<Item>;

    #[query("SELECT {*} FROM items WHERE id >= :id ORDER BY id LIMIT 20")]
    async fn twenty(&self, id: i64) -> Result<Vec<Item>>;

    #[exec("INSERT INTO events (task, note) VALUES (:task, :note)")]
    async fn note(&self, task: i64, note: &str) -> Result<u64>;
}

/// Works for `time` in as many tasks, and gives the operations per second.
pub(crate) fn run(file: &Path, work: Work, tasks: usize, time: Duration) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let db = Db::open(&format!("sqlite://{}", file.display())).await?;
        let begun = Instant::now();
        let until = begun + time;
        let tasks: Vec<_> = (0..tasks)
            .map(|nth| tokio::spawn(alone(db.clone(), work, nth as u64, until)))
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await??;
        }
        let took = begun.elapsed();
        db.close().await?;
        Ok(done as f64 / took.as_secs_f64())
    })
}

async fn alone(db: Db, work: Work, seed: u64, until: Instant) -> anyhow::Result<u64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut done = 0;
    while Instant::now() < until {
        match work {
            Work::Point => {
                let id = random.i64(1..=ROWS);
                anyhow::ensure!(db.items().find(id).await?.id == id);
            }
            Work::List => {
                let id = random.i64(1..=ROWS - 20);
                anyhow::ensure!(db.items().twenty(id).await?.len() == 20);
            }
            Work::Write => {
                db.items().note(1, "something happened").await?;
            }
        }
        done += 1;
    }
    Ok(done)
}
