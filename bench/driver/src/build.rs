//! Building contestants, each from its own workspace with its own lock file.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// The programs built so far; what can't be built, with the sentence that says so.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    built: HashMap<&'static str, Result<PathBuf, String>>,
}

impl Programs {
    /// The program of the contestant in `folder`, or why there is none.
    pub(crate) fn of(&mut self, folder: &'static str) -> &Result<PathBuf, String> {
        self.built
            .entry(folder)
            .or_insert_with(|| build(folder).map_err(|error| format!("{error:#}")))
    }
}

/// The folder `bench/`.
pub(crate) fn bench() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn build(folder: &str) -> anyhow::Result<PathBuf> {
    let manifest = bench().join(folder).join("Cargo.toml");
    if !manifest.is_file() {
        bail!("{} is not there", manifest.display());
    }
    eprintln!("cargo build --release --manifest-path bench/{folder}/Cargo.toml");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` says about this package must not reach the builds of others.
    for (name, _) in env::vars_os() {
        let is_ours =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_ours) {
            command.env_remove(name);
        }
    }
    let output = command
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(&manifest)
        // What contestants have in common is compiled once.
        .arg("--target-dir")
        .arg(bench().join("target"))
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("can't run cargo")?;
    if !output.status.success() {
        bail!("it can't be built");
    }
    let messages = String::from_utf8(output.stdout)?;
    let path = messages.lines().filter_map(executable).next_back();
    path.context("cargo did not say where the program is")
}

/// The path in cargo's message that an executable was made.
fn executable(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    message.get("executable")?.as_str().map(PathBuf::from)
}

/// The version of a dependency, as the contestant's lock file has it.
pub(crate) fn locked_version(folder: &str, package: &str) -> Option<String> {
    let lock = std::fs::read_to_string(bench().join(folder).join("Cargo.lock")).ok()?;
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}
