//! The folder of a server, and the process that outlives us to clear it away.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::Context;

use crate::account::Account;

/// A temporary folder that is removed, with the server at work in it, when this value is dropped or
/// this process ends, by whatever end: exit, panic, or a SIGKILL that leaves no time for anything.
///
/// A shell script waits on a pipe that the operating system closes when we are gone. It needs no
/// thread and no handler in this process, so it works inside any test runner.
#[derive(Debug)]
pub(crate) struct Watchdog {
    folder: PathBuf,
    script: Child,
    /// Our end of the pipe. Closed by drop; otherwise never used.
    lifeline: Option<ChildStdin>,
}

impl Watchdog {
    /// Makes an empty folder in `place` that belongs to `account`, with a watchdog beside it.
    pub(crate) fn start(account: Account, place: &Path) -> anyhow::Result<Watchdog> {
        let folder = tempfile::Builder::new()
            .prefix("test-postgres-")
            .tempdir_in(place)
            .with_context(|| {
                format!(
                    "can't make a folder for PostgreSQL in {}; let TMPDIR name a writable folder",
                    place.display()
                )
            })?;
        let mut script = Command::new("/bin/sh")
            .arg("-c")
            .arg(include_str!("watchdog.sh"))
            .arg("test-postgres-watchdog")
            .arg(folder.path())
            .stdin(Stdio::piped())
            // The output streams of a test must not stay open after it.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own, so that it survives what ends the group of its owner.
            .process_group(0)
            .current_dir("/")
            .spawn()
            .context("can't run /bin/sh, to watch over PostgreSQL")?;
        let lifeline = script.stdin.take();
        // From here on the script removes the folder.
        let watchdog = Watchdog {
            folder: folder.keep(),
            script,
            lifeline,
        };
        // The programs that are started note their process ids here; see postmaster.rs.
        let run = watchdog.folder.join("run");
        fs::create_dir(&run).with_context(|| format!("can't make {}", run.display()))?;
        account.give(&run)?;
        account.give(&watchdog.folder)?;
        Ok(watchdog)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // The script gives up waiting by itself after some seconds, so this wait is finite.
        let ended = self.script.wait();
        if self.folder.exists() {
            // Somebody has killed the script.
            if let Err(error) = fs::remove_dir_all(&self.folder) {
                eprintln!(
                    "test-postgres: can't remove {}: {error} (its watchdog: {ended:?})",
                    self.folder.display()
                );
            }
        }
    }
}
