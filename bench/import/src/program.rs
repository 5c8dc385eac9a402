//! The real `catalog` program: building it, running it as a process of its own, and the memory that took.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How often the process is asked for its memory. The answer is the most it had so far, so nothing but the last
/// moments can be missed.
const POLL: Duration = Duration::from_millis(5);

/// The program.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
}

/// How one run went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) took: Duration,
    /// The most memory the process had; `None` where the system does not tell, or for a contestant in this process.
    pub(crate) peak_kib: Option<u64>,
}

impl Program {
    /// A program that is there.
    pub(crate) fn at(path: &Path) -> anyhow::Result<Program> {
        let path = path
            .canonicalize()
            .with_context(|| format!("can't find {}", path.display()))?;
        Ok(Program { path })
    }

    /// Builds it as users do, in the workspace of the library.
    pub(crate) fn build() -> anyhow::Result<Program> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        eprintln!("cargo build --release -p catalog");
        let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "-p", "catalog", "--bin", "catalog"])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()
            .context("can't run cargo")?;
        if !built.status.success() {
            bail!("catalog can't be built");
        }
        let messages = String::from_utf8(built.stdout)?;
        let path = messages.lines().filter_map(executable).next_back();
        Program::at(Path::new(
            &path.context("cargo did not say where the program is")?,
        ))
    }

    /// `catalog 0.1.0`.
    pub(crate) fn version(&self) -> anyhow::Result<String> {
        let output = Command::new(&self.path).arg("--version").output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Imports `file` into the database of `url`, with no other setting than that.
    pub(crate) fn import(&self, file: &Path, url: &str) -> anyhow::Result<Run> {
        let begun = Instant::now();
        let mut child = Command::new(&self.path)
            .args(["import", "--quiet"])
            .arg(file)
            .env_clear()
            .env("DATABASE_URL", url)
            // No `.env` of anybody's lies above it.
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("can't run {}", self.path.display()))?;
        let mut peak_kib = None;
        let status = loop {
            peak_kib = peak_kib.max(peak_of(child.id()));
            match child.try_wait()? {
                Some(status) => break status,
                None => thread::sleep(POLL),
            }
        };
        let took = begun.elapsed();
        if !status.success() {
            bail!("catalog import ended with {status}");
        }
        Ok(Run { took, peak_kib })
    }
}

/// The path in cargo's message that an executable was made.
fn executable(message: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    message.get("executable")?.as_str().map(str::to_owned)
}

/// The line `VmHWM:    123 kB` of a process that runs.
fn peak_of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
