//! Finding `redis-server`.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Names the program when it is not where one looks for it.
const VARIABLE: &str = "REDIS_SERVER";
const FOLDERS: [&str; 4] = [
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/usr/sbin",
];

/// The program of a server.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    version: String,
}

/// There is no `redis-server` on this machine.
#[derive(Clone, Copy, Debug)]
pub struct ProgramMissing;

impl fmt::Display for ProgramMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "found no redis-server on the PATH or in {}; install Redis 6.2 or newer (`cargo xtask test` does), or name \
             the program in {VARIABLE}",
            FOLDERS.join(", ")
        )
    }
}

impl std::error::Error for ProgramMissing {}

impl Program {
    /// Finds the program that `REDIS_SERVER` names, or `redis-server` on the `PATH` and where packages put it.
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> Result<Program, ProgramMissing> {
        let named = env::var_os(VARIABLE)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        let folders = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&folders).chain(FOLDERS.map(PathBuf::from));
        let usual = folders.map(|folder| folder.join("redis-server"));
        named
            .into_iter()
            .chain(usual)
            .find_map(|path| {
                let version = version(&path)?;
                Some(Program { path, version })
            })
            .ok_or(ProgramMissing)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The version as the program says it, such as `7.0.15`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

fn version(path: &PathBuf) -> Option<String> {
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix("v="))?;
    Some(version.to_owned())
}
