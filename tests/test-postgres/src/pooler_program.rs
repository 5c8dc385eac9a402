//! Finding `pgbouncer`.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

/// Names the program when it is not where one looks for it.
const VARIABLE: &str = "PGBOUNCER";
const FOLDERS: [&str; 5] = [
    "/usr/sbin",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
];

/// The program of a pooler.
#[derive(Clone, Debug)]
pub struct PoolerProgram(PathBuf);

/// There is no `pgbouncer` on this machine.
#[derive(Clone, Copy, Debug)]
pub struct PoolerProgramMissing;

impl fmt::Display for PoolerProgramMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "found no pgbouncer on the PATH or in {}; install PgBouncer (`cargo xtask test` does), or name the program \
             in {VARIABLE}",
            FOLDERS.join(", ")
        )
    }
}

impl std::error::Error for PoolerProgramMissing {}

impl PoolerProgram {
    /// Finds the program that `PGBOUNCER` names, or `pgbouncer` on the `PATH` and where packages put it.
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> Result<PoolerProgram, PoolerProgramMissing> {
        let named = env::var_os(VARIABLE)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        let folders = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&folders).chain(FOLDERS.map(PathBuf::from));
        let usual = folders.map(|folder| folder.join("pgbouncer"));
        named
            .into_iter()
            .chain(usual)
            .find(|program| program.is_file())
            .map(PoolerProgram)
            .ok_or(PoolerProgramMissing)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}
