//! SQLite files of tests: each in a folder of its own, written from one that this process has migrated.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use shelfmark_core::config::{DatabaseConfig, Target};
use shelfmark_core::{Error, ErrorKind, Result};

use super::ground::runtime;
use crate::Migration;
use crate::db::Db;

/// A migrated file as it lies on the disk, with what it was made of.
type Made = (Vec<Migration>, Arc<[u8]>);

/// The files that this process has migrated: a handful at most, since each test program has few sets of migrations.
static MADE: Mutex<Vec<Made>> = Mutex::new(Vec::new());

/// A temporary folder with the database of one test, removed when it is dropped.
#[derive(Debug)]
pub(super) struct File {
    folder: PathBuf,
}

impl File {
    /// A migrated database. Must not be called within a runtime.
    pub(super) fn migrated(migrations: &[Migration]) -> Result<File> {
        let file = File::empty()?;
        if !migrations.is_empty() {
            let path = file.path();
            std::fs::write(&path, &*made(migrations)?).map_err(|error| failed(&path, error))?;
        }
        Ok(file)
    }

    fn empty() -> Result<File> {
        let name = format!("shelfmark-test-{:016x}", fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).map_err(|error| failed(&folder, error))?;
        Ok(File { folder })
    }

    /// Where the database is.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("test.db")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} was not removed: {error}", self.folder.display());
        }
    }
}

/// The bytes of a file with these migrations; tests that start at once wait for the first of them.
fn made(migrations: &[Migration]) -> Result<Arc<[u8]>> {
    let mut known = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, bytes)) = known.iter().find(|(made_of, _)| made_of == migrations) {
        return Ok(Arc::clone(bytes));
    }
    let file = File::empty()?;
    let path = file.path();
    runtime(None)?.block_on(async {
        let target = Target::Sqlite { path: path.clone() };
        let db = Db::connect(DatabaseConfig::new(target)).await?;
        let migrated = db.migrate(migrations).await;
        // The last connection writes the log into the file.
        db.close().await?;
        migrated
    })?;
    let bytes: Arc<[u8]> = std::fs::read(&path)
        .map_err(|error| failed(&path, error))?
        .into();
    known.push((migrations.to_vec(), Arc::clone(&bytes)));
    Ok(bytes)
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Other)
        .with_detail(format!("{} cannot be used for tests", path.display()))
        .with_source(error)
}
