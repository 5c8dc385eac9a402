//! The catalogue's search on generated catalogues of several sizes, on SQLite and on PostgreSQL.
//!
//! Each catalogue holds the shows of the smaller ones and more. The shows are those of the import's benchmark, with titles
//! whose words are as unevenly frequent as those of a language (Zipf), and with people who become more as the shows do.
//! They are loaded in bulk; then a fixed set of searches goes through the catalogue's own use case. Prints Markdown.

mod asked;
#[path = "../../import/src/generate.rs"]
#[allow(dead_code, reason = "the import's benchmark uses all of it")]
mod generate;
mod load_postgres;
mod load_sqlite;
mod machine;
#[path = "../../import/src/names.rs"]
#[allow(dead_code, reason = "the import's benchmark uses all of it")]
mod names;
mod people;
mod report;
mod titles;
#[path = "../../import/src/words.rs"]
mod words;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use shelfmark::Db;
use test_postgres::{Server, TestDatabase};
use tokio::runtime::{Builder, Runtime};

use crate::asked::SEARCHES;
use crate::generate::Catalogue;
use crate::people::People;
use crate::report::{Engine, Report};

/// The catalogue's search as the catalogue grows.
#[derive(Debug, Parser)]
struct Arguments {
    /// Shows of the catalogues, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    shows: Vec<u32>,
    /// How often each search is asked
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
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
    let begun = Instant::now();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let server = Server::start()?;
    let mut report = Report::new(arguments.rounds);
    for rows in &arguments.shows {
        eprintln!("{rows} shows: generating");
        let mut catalogue = generate::catalogue(*rows);
        titles::replace(&mut catalogue);
        let people = People::of(&catalogue);
        on_sqlite(&runtime, *rows, &catalogue, &people, &mut report)?;
        on_postgres(&runtime, &server, *rows, &catalogue, &people, &mut report)?;
    }
    println!("{}", machine::describe(&server)?);
    println!("{}", report.table(begun.elapsed())?);
    Ok(())
}

fn on_sqlite(
    runtime: &Runtime,
    rows: u32,
    catalogue: &Catalogue,
    people: &People,
    report: &mut Report,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("can't make a folder for the database")?;
    let path = folder.path().join("catalog.db");
    let url = format!("sqlite://{}", path.display());
    runtime.block_on(make_tables(&url))?;
    let begun = Instant::now();
    load_sqlite::load(&path, catalogue, people)?;
    let took = begun.elapsed().as_secs_f64();
    eprintln!("{rows} shows: SQLite was loaded in {took:.0} s");
    measure(runtime, Engine::Sqlite, &url, rows, report)
}

fn on_postgres(
    runtime: &Runtime,
    server: &Server,
    rows: u32,
    catalogue: &Catalogue,
    people: &People,
    report: &mut Report,
) -> anyhow::Result<()> {
    let database = TestDatabase::create_on(server)?;
    runtime.block_on(make_tables(database.url()))?;
    let begun = Instant::now();
    runtime.block_on(load_postgres::load(database.url(), catalogue, people))?;
    let took = begun.elapsed().as_secs_f64();
    eprintln!("{rows} shows: PostgreSQL was loaded in {took:.0} s");
    measure(runtime, Engine::Postgres, database.url(), rows, report)
}

/// The catalogue's own tables and indexes.
async fn make_tables(url: &str) -> anyhow::Result<()> {
    let db = Db::open(url).await?;
    catalog::bring_up_to_date(&db).await?;
    Ok(db.close().await?)
}

fn measure(
    runtime: &Runtime,
    engine: Engine,
    url: &str,
    rows: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    runtime.block_on(async {
        let db = Db::open(url).await?;
        for search in SEARCHES {
            let measured = asked::ask(&db, search, report.rounds()).await?;
            report.add(engine, rows, search, measured);
        }
        anyhow::Ok(db.close().await?)
    })
}
