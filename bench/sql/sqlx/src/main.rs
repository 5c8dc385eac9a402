//! sqlx, on PostgreSQL and on SQLite, by `query_as` on the pool.
//!
//! `defaults`: pools and connections as they are by default. `best`: no ping before each use, and 16 connections. On
//! SQLite both keep the file as it is, in WAL; a transaction that writes begins as IMMEDIATE, since others fail. Many rows
//! are stored by UNNEST on PostgreSQL and in chunks of `push_values` on SQLite, as its documentation advises.

mod postgres;
mod rows;
mod sqlite;

use std::process::ExitCode;

use anyhow::bail;
use contestant::library::run;
use contestant::{Answer, Order, answer};
use sqlx::pool::PoolOptions;

fn main() -> ExitCode {
    answer(measured)
}

async fn measured(order: Order) -> anyhow::Result<Answer> {
    if order.url.starts_with("sqlite:") {
        let pool = options(&order)?.connect(&order.url).await?;
        return run(&order, sqlite::Contestant(pool)).await;
    }
    let pool = options(&order)?.connect(&order.url).await?;
    run(&order, postgres::Contestant(pool)).await
}

fn options<DB: sqlx::Database>(order: &Order) -> anyhow::Result<PoolOptions<DB>> {
    if order.case == "connections" {
        return Ok(PoolOptions::new().max_connections(u32::try_from(order.tasks)?));
    }
    Ok(match order.setting.as_str() {
        "defaults" => PoolOptions::new(),
        "best" => PoolOptions::new()
            .test_before_acquire(false)
            .max_connections(16),
        setting => bail!("there is no setting {setting}"),
    })
}
