//! The database of one test: where it lies, and that nothing of it is left.

use shelfmark_core::config::{DatabaseConfig, Misuse, Target};
use shelfmark_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};

use super::file::File;
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
    /// In a folder of its own, already migrated.
    File(File),
    /// On a server, already migrated.
    Server(Box<Database>),
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
            On::Sqlite => Ground::File(File::migrated(migrations)?),
            On::Postgres => match shelfmark_core::config::test_database_url() {
                None => return Ok(None),
                Some(url) => {
                    Ground::Server(Box::new(Database::migrated(&url, project, migrations)?))
                }
            },
        }))
    }

    /// Opens it, migrated. What goes past its own transaction is an error there.
    pub(super) async fn open(&self, migrations: &[Migration]) -> Result<Db> {
        let target = match self {
            Ground::Memory => Target::Memory,
            Ground::File(file) => Target::Sqlite { path: file.path() },
            Ground::Server(database) => Target::Postgres(database.target()),
        };
        let config = DatabaseConfig::new(target).with_misuse(Misuse::Error);
        let db = Db::connect(config).await?;
        if matches!(self, Ground::Memory) && !migrations.is_empty() {
            db.migrate(migrations).await?;
        }
        Ok(db)
    }
}

/// A runtime of the calling thread alone, or with threads of its own.
pub(super) fn runtime(workers: Option<usize>) -> Result<Runtime> {
    let mut builder = match workers {
        None => Builder::new_current_thread(),
        Some(workers) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers.max(1));
            builder
        }
    };
    builder.enable_all().build().map_err(|error| {
        Error::new(ErrorKind::Other)
            .with_detail("no runtime can be started")
            .with_source(error)
    })
}
