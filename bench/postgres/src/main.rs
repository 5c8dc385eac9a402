//! Point reads, single inserts and transactions of three statements, at several numbers of tasks, on a server of its own.
//!
//! Contestants take turns, each in a runtime of its own. A figure is the median of the rounds. Prints Markdown.

mod contestant;
mod processor;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use test_postgres::{Server, TestDatabase};
use tokio::runtime::Builder;

use crate::contestant::{Contestant, NAMES};
use crate::processor::Spent;

/// Rows of the table that is read.
const ITEMS: i32 = 10_000;

/// Single calls on the server engine, beside the driver alone and the usual pool.
#[derive(Debug, Parser)]
struct Arguments {
    /// Numbers of tasks, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    tasks: Vec<usize>,
    /// Rounds, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each measurement takes, in milliseconds
    #[arg(long, default_value_t = 1500)]
    millis: u64,
    /// What is done
    #[arg(long, value_delimiter = ',', default_values = ["read", "insert", "transaction"])]
    work: Vec<Work>,
    /// Who takes part
    #[arg(long, value_delimiter = ',', default_values_t = NAMES.map(str::to_owned))]
    who: Vec<String>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Work {
    /// One row by its key.
    Read,
    /// One row into a table.
    Insert,
    /// A read, an update and an insert in one transaction.
    Transaction,
}

/// Calls per second, and how long the slower ones took.
#[derive(Clone, Copy, Debug)]
struct Figure {
    per_second: f64,
    p99: Duration,
    worst: Duration,
    /// Processor time per call.
    client_us: f64,
    server_us: f64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let server = Server::start_with(&[("fsync", "on"), ("synchronous_commit", "on")])?;
    let database = TestDatabase::create_on(&server)?;
    prepare(database.url())?;
    let postmaster = server.pid().context("the server has ended")?;
    println!(
        "| work | tasks | contestant | calls/s | p99 | worst | client µs/call | server µs/call |"
    );
    println!("|---|---:|---|---:|---:|---:|---:|---:|");
    for work in &arguments.work {
        for tasks in &arguments.tasks {
            let mut figures: BTreeMap<usize, Vec<Figure>> = BTreeMap::new();
            for _ in 0..arguments.rounds {
                for (place, name) in arguments.who.iter().enumerate() {
                    if *work == Work::Transaction && name == "tokio-postgres" {
                        continue;
                    }
                    let figure = measure(
                        name,
                        (database.url(), postmaster),
                        *work,
                        *tasks,
                        arguments.millis,
                    )?;
                    figures.entry(place).or_default().push(figure);
                }
            }
            for (place, figures) in figures {
                let name = arguments.who.get(place).map_or("", String::as_str);
                print_line(*work, *tasks, name, figures);
            }
        }
    }
    Ok(())
}

fn print_line(work: Work, tasks: usize, name: &str, mut figures: Vec<Figure>) {
    figures.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let Some(median) = figures.get(figures.len() / 2) else {
        return;
    };
    println!(
        "| {work:?} | {tasks} | {name} | {:.0} | {:.2} ms | {:.1} ms | {:.1} | {:.1} |",
        median.per_second,
        median.p99.as_secs_f64() * 1e3,
        median.worst.as_secs_f64() * 1e3,
        median_of(&figures, |figure| figure.client_us),
        median_of(&figures, |figure| figure.server_us),
    );
}

fn median_of(figures: &[Figure], part: impl Fn(&Figure) -> f64) -> f64 {
    let mut parts: Vec<f64> = figures.iter().map(part).collect();
    parts.sort_by(f64::total_cmp);
    parts.get(parts.len() / 2).copied().unwrap_or_default()
}

/// Fills the tables.
fn prepare(url: &str) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(driver);
        let sql = format!(
            "CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, year int NOT NULL);
             INSERT INTO items SELECT n, 'item number ' || n, 1900 + n % 120 FROM generate_series(1, {ITEMS}) AS n;
             CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item int, text text NOT NULL);
             VACUUM ANALYZE items"
        );
        for sql in sql.split(';') {
            client.batch_execute(sql).await?;
        }
        Ok(())
    })
}

fn measure(
    name: &str,
    (url, postmaster): (&str, u32),
    work: Work,
    tasks: usize,
    millis: u64,
) -> anyhow::Result<Figure> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let contestant = Arc::new(Contestant::connect(name, url).await?);
        // Connections are opened and statements prepared.
        repeat(&contestant, work, tasks, Duration::from_millis(millis / 4)).await?;
        let (begun, before) = (Instant::now(), Spent::so_far(postmaster)?);
        let mut took = repeat(&contestant, work, tasks, Duration::from_millis(millis)).await?;
        let elapsed = begun.elapsed();
        let spent = Spent::so_far(postmaster)?.since(before);
        took.sort_unstable();
        let calls = took.len();
        Ok(Figure {
            per_second: calls as f64 / elapsed.as_secs_f64(),
            p99: took.get(calls * 99 / 100).copied().unwrap_or_default(),
            worst: took.last().copied().unwrap_or_default(),
            client_us: spent.client.as_secs_f64() * 1e6 / calls as f64,
            server_us: spent.server.as_secs_f64() * 1e6 / calls as f64,
        })
    })
}

/// Has `tasks` tasks work for so long; how long each call took.
async fn repeat(
    contestant: &Arc<Contestant>,
    work: Work,
    tasks: usize,
    time: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + time;
    let mut running = Vec::new();
    for task in 0..tasks {
        let contestant = Arc::clone(contestant);
        running.push(tokio::spawn(async move {
            let mut took = Vec::new();
            let mut random = fastrand::Rng::with_seed(task as u64);
            loop {
                let begun = Instant::now();
                if begun >= end {
                    return anyhow::Ok(took);
                }
                let id = random.i32(1..=ITEMS);
                match work {
                    Work::Read => contestant.read(id).await?,
                    Work::Insert => contestant.insert(id).await?,
                    Work::Transaction => contestant.transaction(id).await?,
                }
                took.push(begun.elapsed());
            }
        }));
    }
    let mut all = Vec::new();
    for task in running {
        all.append(&mut task.await??);
    }
    Ok(all)
}
