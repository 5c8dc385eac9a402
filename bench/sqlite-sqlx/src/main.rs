//! sqlx on a file made by `bench/sqlite`: `sqlite-bench-sqlx FILE WORK TASKS SECONDS` prints operations per second.
//!
//! As its documentation shows it: a pool with the defaults, a write-ahead log, and commits that reach the disk.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

const ROWS: i64 = 100_000;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("FILE WORK TASKS SECONDS");
    let (file, work) = (next()?, next()?);
    let (tasks, seconds): (u64, u64) = (next()?.parse()?, next()?.parse()?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let rate = runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(60));
        let pool = SqlitePool::connect_with(options).await?;
        let begun = Instant::now();
        let until = begun + Duration::from_secs(seconds);
        let tasks: Vec<_> = (0..tasks)
            .map(|nth| tokio::spawn(alone(pool.clone(), work.clone(), nth, until)))
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await??;
        }
        let took = begun.elapsed();
        pool.close().await;
        anyhow::Ok(done as f64 / took.as_secs_f64())
    })?;
    println!("{rate:.0}");
    Ok(())
}

async fn alone(pool: SqlitePool, work: String, seed: u64, until: Instant) -> anyhow::Result<u64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut done = 0;
    while Instant::now() < until {
        match work.as_str() {
            "point" => {
                let id = random.i64(1..=ROWS);
                let item: (i64, String, i64) =
                    sqlx::query_as("SELECT id, name, stock FROM items WHERE id = ?1")
                        .bind(id)
                        .fetch_one(&pool)
                        .await?;
                anyhow::ensure!(item.0 == id);
            }
            "list" => {
                let id = random.i64(1..=ROWS - 20);
                let items: Vec<(i64, String, i64)> = sqlx::query_as(
                    "SELECT id, name, stock FROM items WHERE id >= ?1 ORDER BY id LIMIT 20",
                )
                .bind(id)
                .fetch_all(&pool)
                .await?;
                anyhow::ensure!(items.len() == 20);
            }
            _ => {
                sqlx::query("INSERT INTO events (task, note) VALUES (?1, ?2)")
                    .bind(1)
                    .bind("something happened")
                    .execute(&pool)
                    .await?;
            }
        }
        done += 1;
    }
    Ok(done)
}
