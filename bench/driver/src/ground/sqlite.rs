//! SQLite files: one is filled for each number of rows, and each turn gets a copy of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use contestant::Order;
use contestant::catalogue::{FILL, SQLITE_TABLES};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{catalogue_rows, wrong_after};

/// The folder of the files; removed when it is dropped.
pub(crate) struct Sqlite {
    folder: TempDir,
    /// By the number of authors.
    filled: BTreeMap<u64, PathBuf>,
    copies: u64,
}

/// `SQLite 3.54.1 …`.
pub(crate) fn version() -> String {
    format!(
        "SQLite {} for Shelfmark, rusqlite and the files (WAL, synchronous=FULL unless a contestant says otherwise)",
        rusqlite::version()
    )
}

impl Sqlite {
    pub(crate) fn new() -> anyhow::Result<Sqlite> {
        let folder = tempfile::Builder::new().prefix("bench-sqlite-").tempdir();
        Ok(Sqlite {
            folder: folder.context("can't make a folder for the files")?,
            filled: BTreeMap::new(),
            copies: 0,
        })
    }

    /// The URL of a file with so many authors: for work that writes a new one, else one that all read.
    pub(crate) fn prepared(&mut self, authors: u64, is_written: bool) -> anyhow::Result<String> {
        if !self.filled.contains_key(&authors) {
            let file = self.folder.path().join(format!("filled-{authors}.db"));
            fill(&file, authors)?;
            self.filled.insert(authors, file);
        }
        let filled = self.filled.get(&authors).context("it was just filled")?;
        if !is_written {
            return Ok(format!("sqlite://{}", filled.display()));
        }
        // What the turn before used is not needed any more.
        for ending in ["", "-wal", "-shm"] {
            _ = fs::remove_file(self.copy(ending));
        }
        self.copies += 1;
        let copy = self.copy("");
        fs::copy(filled, &copy)?;
        // What is still to be written of the copy is not to be paid for by the turn.
        fs::File::open(&copy)?.sync_all()?;
        Ok(format!("sqlite://{}", copy.display()))
    }

    fn copy(&self, ending: &str) -> PathBuf {
        self.folder
            .path()
            .join(format!("turn-{}.db{ending}", self.copies))
    }

    pub(crate) fn check(&self, order: &Order) -> anyhow::Result<()> {
        let file = Connection::open(order.url.trim_start_matches("sqlite://"))?;
        for query in wrong_after(&order.case, order.rows) {
            let wrong: i64 = file.query_row(&query, [], |row| row.get(0))?;
            ensure!(
                wrong == 0,
                "it left {wrong} rows that are not as they should be"
            );
        }
        Ok(())
    }
}

fn fill(file: &Path, authors: u64) -> anyhow::Result<()> {
    let file = Connection::open(file)?;
    let mode: String = file.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    ensure!(mode == "wal", "the file is not in WAL but in {mode}");
    file.execute_batch(SQLITE_TABLES)?;
    file.execute_batch("BEGIN")?;
    for (into, values) in FILL {
        let count = catalogue_rows(into, authors);
        file.execute_batch(&format!(
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) \
             INSERT INTO {into} SELECT {values} FROM s"
        ))?;
    }
    file.execute_batch("CREATE INDEX books_author_id ON books (author_id); COMMIT; ANALYZE")?;
    // The copies are of the file alone.
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
