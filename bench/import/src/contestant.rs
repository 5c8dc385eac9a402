//! Who takes part, and the ground on which each run stands: a new database with the catalogue's own tables.

use std::fmt;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use test_postgres::{Server, TestDatabase};
use tokio::runtime::{Builder, Runtime};

use crate::contents::{self, Contents};
use crate::csv_file;
use crate::generate::Catalogue;
use crate::program::{Program, Run};
use crate::{raw_copy, raw_transaction};

/// Who takes part, in the order of their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    ImportSqlite,
    RawTransaction,
    ImportPostgres,
    RawCopy,
}

impl Contestant {
    pub(crate) const ALL: [Contestant; 4] = [
        Contestant::ImportSqlite,
        Contestant::RawTransaction,
        Contestant::ImportPostgres,
        Contestant::RawCopy,
    ];

    /// The raw contestant on the same engine.
    pub(crate) fn measured_by(self) -> Contestant {
        match self {
            Contestant::ImportSqlite | Contestant::RawTransaction => Contestant::RawTransaction,
            Contestant::ImportPostgres | Contestant::RawCopy => Contestant::RawCopy,
        }
    }

    fn is_on_sqlite(self) -> bool {
        self.measured_by() == Contestant::RawTransaction
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Contestant::ImportSqlite => "SQLite: `catalog import`",
            Contestant::RawTransaction => "SQLite: one rusqlite transaction",
            Contestant::ImportPostgres => "PostgreSQL: `catalog import`",
            Contestant::RawCopy => "PostgreSQL: raw COPY",
        })
    }
}

/// What all runs share.
pub(crate) struct Ground<'a> {
    program: &'a Program,
    server: &'a Server,
    folder: &'a Path,
    file: &'a Path,
    catalogue: &'a Catalogue,
    runtime: Runtime,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(
        program: &'a Program,
        server: &'a Server,
        folder: &'a Path,
        file: &'a Path,
        catalogue: &'a Catalogue,
    ) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        csv_file::write_header(&folder.join("header.csv"))?;
        Ok(Ground {
            program,
            server,
            folder,
            file,
            catalogue,
            runtime,
        })
    }

    /// Runs a contestant on a new database, and holds what it stored against `expected`.
    pub(crate) fn run(&self, who: Contestant, expected: &Contents) -> anyhow::Result<Run> {
        let (run, found) = if who.is_on_sqlite() {
            self.on_sqlite(who)
        } else {
            self.on_postgres(who)
        }
        .with_context(|| who.to_string())?;
        expected
            .hold_against(&found)
            .with_context(|| who.to_string())?;
        Ok(run)
    }

    fn on_sqlite(&self, who: Contestant) -> anyhow::Result<(Run, Contents)> {
        let folder = tempfile::tempdir_in(self.folder)?;
        let path = folder.path().join("catalog.db");
        let url = format!("sqlite://{}", path.display());
        self.make_tables(&url)?;
        let run = match who {
            Contestant::ImportSqlite => self.program.import(self.file, &url)?,
            _ => timed(|| raw_transaction::load(&path, self.catalogue))?,
        };
        Ok((run, contents::of_sqlite(&path)?))
    }

    fn on_postgres(&self, who: Contestant) -> anyhow::Result<(Run, Contents)> {
        let database = TestDatabase::create_on(self.server)?;
        self.make_tables(database.url())?;
        // What earlier runs left to be written is not to be paid for by this one.
        self.runtime
            .block_on(raw_copy::checkpoint(database.url()))?;
        let run = match who {
            Contestant::ImportPostgres => self.program.import(self.file, database.url())?,
            _ => timed(|| {
                self.runtime
                    .block_on(raw_copy::load(database.url(), self.catalogue))
            })?,
        };
        Ok((
            run,
            self.runtime
                .block_on(contents::of_postgres(database.url()))?,
        ))
    }

    /// The program makes its tables itself, so that all contestants have those that users have.
    fn make_tables(&self, url: &str) -> anyhow::Result<()> {
        self.program
            .import(&self.folder.join("header.csv"), url)
            .map(drop)
    }
}

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Run> {
    let begun = Instant::now();
    work()?;
    Ok(Run {
        took: begun.elapsed(),
        peak_kib: None,
    })
}
