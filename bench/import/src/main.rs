//! The import of 200,000 generated rows by the real `catalog` program, beside the same rows by raw COPY into PostgreSQL
//! and by one rusqlite transaction.
//!
//! Every contestant fills the tables of the catalogue's own migrations in a new database, in turns (A B C D A B C D …).
//! After each run the database is read back and must hold exactly the generated catalogue. Prints Markdown; fails when
//! the import took more memory than it may.

mod contents;
mod contestant;
mod csv_file;
mod generate;
mod machine;
mod names;
mod program;
mod raw_copy;
mod raw_transaction;
mod report;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use test_postgres::Server;

use crate::contestant::{Contestant, Ground};
use crate::program::Program;
use crate::report::Report;

/// What the import may take at most, however long the file is.
const PEAK_LIMIT_MIB: f64 = 100.0;

/// Settings of a server that must not lose what it has confirmed, unlike those that suit tests.
const DURABLE: [(&str, &str); 3] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
];

/// The catalogue's import beside raw COPY and one rusqlite transaction.
#[derive(Debug, Parser)]
struct Arguments {
    /// Shows to generate
    #[arg(long, default_value_t = 200_000)]
    rows: u32,
    /// Runs of each contestant
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only write the generated file there, to try things with
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// The program to measure; built with `cargo build --release -p catalog` when it is not given
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything is within its limits.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    eprintln!("generating {} rows", arguments.rows);
    let catalogue = generate::catalogue(arguments.rows);
    if let Some(path) = &arguments.write {
        csv_file::write(&catalogue, path)?;
        return Ok(true);
    }
    let program = match &arguments.catalog {
        Some(path) => Program::at(path)?,
        None => Program::build()?,
    };
    let folder = tempfile::tempdir().context("can't make a folder for the files")?;
    let file = folder.path().join("titles.csv");
    let file_bytes = csv_file::write(&catalogue, &file)?;
    let expected = contents::of_generated(&catalogue);

    let server = Server::start_with(&DURABLE)?;
    let ground = Ground::new(&program, &server, folder.path(), &file, &catalogue)?;
    let mut report = Report::new(arguments.rows, file_bytes);
    for round in 1..=arguments.rounds {
        for contestant in Contestant::ALL {
            let run = ground.run(contestant, &expected)?;
            eprintln!(
                "round {round}: {contestant} took {:.2} s",
                run.took.as_secs_f64()
            );
            report.add(contestant, run);
        }
    }
    println!("{}", machine::describe(&program, &server)?);
    println!("{}", report.table(&catalogue)?);
    let within = report.peak_mib().is_none_or(|peak| peak <= PEAK_LIMIT_MIB);
    match report.peak_mib() {
        Some(peak) if within => {
            println!("Peak memory of the import: {peak:.1} MiB (limit {PEAK_LIMIT_MIB:.0} MiB).");
        }
        Some(peak) => {
            println!("FAILED: the import took {peak:.1} MiB, more than {PEAK_LIMIT_MIB:.0} MiB.");
        }
        None => println!("Peak memory was not measured: this system has no /proc."),
    }
    Ok(within)
}
