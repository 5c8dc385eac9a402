//! One file of the folder `migrations/`, with its text on each engine.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use shelfmark_core::Dialect;

/// One migration: made by [`migrations!`](crate::migrations) from the files of a folder.
///
/// * `0001_create_shows.sql` is for every engine; where they differ, `0001_create_shows.sqlite.sql` and
///   `0001_create_shows.postgres.sql`. The number is the version and decides the order.
/// * Each runs in a transaction of its own, so a failed one leaves the schema as it was. A file whose first line is
///   `-- shelfmark: no-transaction` runs statement by statement without (for `CREATE INDEX CONCURRENTLY`); if it fails
///   half-way, the next run says so and how to go on.
/// * On SQLite foreign keys are switched off while a file runs, so that a table can be rebuilt (made anew, filled, the old
///   one dropped) without taking with it what refers to its rows, and checked as a whole before its commit. A deletion
///   in a migration therefore does not cascade there.
/// * An applied file must neither change nor disappear: write a new one instead. Line ends do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    version: i64,
    name: &'static str,
    sqlite: Option<&'static str>,
    postgres: Option<&'static str>,
}

const NO_TRANSACTION: &str = "-- shelfmark: no-transaction";

impl Migration {
    /// A migration by hand; [`migrations!`](crate::migrations) does this for a folder.
    #[must_use]
    pub const fn new(
        version: i64,
        name: &'static str,
        sqlite: Option<&'static str>,
        postgres: Option<&'static str>,
    ) -> Self {
        Migration {
            version,
            name,
            sqlite,
            postgres,
        }
    }

    /// The number in front of the file's name.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// The file's name without number and ending.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The text for an engine, if there is one.
    #[must_use]
    pub const fn sql(&self, dialect: Dialect) -> Option<&'static str> {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }

    /// `0001_create_shows`, as people know it.
    pub(super) fn title(&self) -> String {
        title(self.version, self.name)
    }
}

pub(super) fn title(version: i64, name: &str) -> String {
    format!("{version:04}_{name}")
}

/// Whether the text asks to run outside of a transaction.
pub(super) fn without_transaction(sql: &str) -> bool {
    sql.trim_start_matches('\u{feff}')
        .lines()
        .next()
        .is_some_and(|line| line.trim() == NO_TRANSACTION)
}

/// SHA-256 of the text in hexadecimal, with every line end read as LF, so that a checkout on another system is the same.
pub(super) fn checksum(sql: &str) -> String {
    let digest = Sha256::digest(sql.replace("\r\n", "\n").as_bytes());
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_do_not_change_the_checksum() {
        assert_eq!(
            checksum("SELECT 1;\r\nSELECT 2;\r\n"),
            checksum("SELECT 1;\nSELECT 2;\n")
        );
        assert_ne!(checksum("SELECT 1;"), checksum("SELECT 2;"));
        assert_eq!(
            checksum("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn only_the_first_line_turns_the_transaction_off() {
        assert!(without_transaction(
            "-- shelfmark: no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);"
        ));
        assert!(without_transaction(
            "\u{feff}-- shelfmark: no-transaction \r\nSELECT 1"
        ));
        assert!(!without_transaction(
            "SELECT 1;\n-- shelfmark: no-transaction"
        ));
    }
}
