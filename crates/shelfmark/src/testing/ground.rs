//! The database of one test: where it lies, and that nothing of it is left.

use std::path::{Path, PathBuf};

use shelfmark_core::config::{DatabaseConfig, Misuse, Target};
use shelfmark_core::{Error, ErrorKind, Result};

use super::postgres::Database;
use crate::Migration;
use crate::db::Db;

/// The engine of one test.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// `memory:`
    Memory,
    /// A SQLite file.
    Sqlite,
    /// The server of `TEST_DATABASE_URL`.
    Postgres,
}

/// Whose tests they are: databases that were left behind are cleared away by tests of the same project.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Project {
    /// The folder of its Cargo.toml.
    pub folder: &'static str,
    /// Its name.
    pub package: &'static str,
}

/// A database of its own; dropping it removes it.
#[derive(Debug)]
pub(super) enum Ground {
    /// In memory, gone with its handle.
    Memory,
    /// In a folder of its own.
    File(Folder),
    /// On a server, already migrated.
    Server(Database),
}

impl Ground {
    /// A database on an engine; `None` where there is no server. Must not be called within a runtime.
    pub(super) fn new(
        on: On,
        project: Project,
        migrations: &[Migration],
    ) -> Result<Option<Ground>> {
        Ok(Some(match on {
            On::Memory => Ground::Memory,
            On::Sqlite => Ground::File(Folder::new()?),
            On::Postgres => match shelfmark_core::config::test_database_url() {
                None => return Ok(None),
                Some(url) => Ground::Server(Database::migrated(&url, project, migrations)?),
            },
        }))
    }

    /// Opens it, migrated. What goes past its own transaction is an error there.
    pub(super) async fn open(&self, migrations: &[Migration]) -> Result<Db> {
        let target = match self {
            Ground::Memory => Target::Memory,
            Ground::File(folder) => Target::Sqlite {
                path: folder.0.join("test.db"),
            },
            Ground::Server(database) => Target::Postgres(database.target()),
        };
        let config = DatabaseConfig::new(target).with_misuse(Misuse::Error);
        let db = Db::connect(config).await?;
        if !matches!(self, Ground::Server(_)) && !migrations.is_empty() {
            db.migrate(migrations).await?;
        }
        Ok(db)
    }
}

/// A temporary folder, removed when it is dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let name = format!("shelfmark-test-{:016x}", fastrand::u64(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).map_err(|error| failed_at(&path, error))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} was not removed: {error}", self.0.display());
        }
    }
}

fn failed_at(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Other)
        .with_detail(format!("{} cannot be made", path.display()))
        .with_source(error)
}

/// What the operating system refused.
pub(super) fn failed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Other)
        .with_detail("no runtime can be started")
        .with_source(error)
}
