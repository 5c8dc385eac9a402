//! Shelfmark's SQLite engine beside raw rusqlite, the limit, and sqlx, on one file.
//!
//! Every contestant is a process of its own, and they take turns (A B C A B C …) on copies of the same file. Prints
//! medians as Markdown. sqlx links another SQLite, so it is a package of its own beside this one: build
//! `bench/sqlite-sqlx` and give the path of its program.

mod ours;
mod raw;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};

/// Rows of the table that is read.
pub(crate) const ROWS: i64 = 100_000;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All contestants in turns, each in a process of its own
    All {
        /// The program of `bench/sqlite-sqlx`, if it is to take part
        #[arg(long)]
        sqlx: Option<PathBuf>,
        /// The folder of the files; where the disk is that is measured
        #[arg(long, default_value = ".")]
        folder: PathBuf,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// One contestant, in this process; prints operations per second
    One {
        contestant: Contestant,
        file: PathBuf,
        work: Work,
        tasks: usize,
        seconds: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Contestant {
    Shelfmark,
    Rusqlite,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Work {
    /// One row by its key
    Point,
    /// Twenty rows behind a key
    List,
    /// One row inserted, and on the disk when the call answers
    Write,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Work::Point => "point",
            Work::List => "list",
            Work::Write => "write",
        }
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        What::All {
            sqlx,
            folder,
            rounds,
            seconds,
        } => all(sqlx.as_deref(), &folder, rounds, seconds),
        What::One {
            contestant,
            file,
            work,
            tasks,
            seconds,
        } => {
            let time = Duration::from_secs(seconds);
            let filled = if file.exists() {
                Ok(())
            } else {
                raw::fill(&file)
            };
            let done = filled.and_then(|()| match contestant {
                Contestant::Shelfmark => ours::run(&file, work, tasks, time),
                Contestant::Rusqlite => raw::run(&file, work, tasks, time),
            });
            done.map(|rate| println!("{rate:.0}"))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn all(sqlx: Option<&Path>, folder: &Path, rounds: usize, seconds: u64) -> anyhow::Result<()> {
    let this = std::env::current_exe()?;
    let folder = tempfile::tempdir_in(folder).context("can't make a folder for the files")?;
    let mut contestants = vec!["rusqlite", "shelfmark"];
    contestants.extend(sqlx.map(|_| "sqlx"));
    let mut rates: BTreeMap<(Work, usize, &str), Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for work in [Work::Point, Work::List, Work::Write] {
            for tasks in [1, 64] {
                for contestant in &contestants {
                    let file = folder.path().join(format!("{contestant}.db"));
                    if !file.exists() {
                        raw::fill(&file)?;
                    }
                    let mut command = match (*contestant, sqlx) {
                        ("sqlx", Some(program)) => Command::new(program),
                        _ => {
                            let mut command = Command::new(&this);
                            command.args(["one", contestant]);
                            command
                        }
                    };
                    command.arg(&file).args([
                        work.name(),
                        &tasks.to_string(),
                        &seconds.to_string(),
                    ]);
                    let output = command.output()?;
                    let said = String::from_utf8_lossy(&output.stdout);
                    let rate = said.trim().parse().with_context(|| {
                        format!("{contestant}: {}", String::from_utf8_lossy(&output.stderr))
                    })?;
                    rates
                        .entry((work, tasks, contestant))
                        .or_default()
                        .push(rate);
                }
            }
        }
    }
    println!("| work | tasks | contestant | per second (median) | of rusqlite |");
    println!("|---|---|---|---|---|");
    let median = |rates: &[f64]| {
        let mut sorted = rates.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    };
    for ((work, tasks, contestant), found) in &rates {
        let limit = rates
            .get(&(*work, *tasks, "rusqlite"))
            .map_or(0.0, |rates| median(rates));
        let rate = median(found);
        let name = work.name();
        println!(
            "| {name} | {tasks} | {contestant} | {rate:.0} | {:.2} |",
            rate / limit
        );
    }
    Ok(())
}
