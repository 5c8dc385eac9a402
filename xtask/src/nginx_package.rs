//! Installing nginx with the system's package manager when it is missing: the files of `deploy/` are tested with it.

use std::env;
use std::path::PathBuf;

use anyhow::ensure;

use crate::interrupt::Interrupts;
use crate::package::{Packages, install};

/// Where packages put it; some of these folders are on the `PATH` of administrators alone.
const FOLDERS: [&str; 5] = [
    "/usr/sbin",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
];

const PACKAGES: Packages = Packages {
    apt: "nginx-light",
    dnf: "nginx",
    brew: "nginx",
};

/// Installs `nginx` when the machine has none.
///
/// # Errors
/// When it can't be installed; the message names the command to run.
pub(crate) fn ensure(interrupts: &Interrupts) -> anyhow::Result<()> {
    if is_there() {
        return Ok(());
    }
    let missing = format!("found no nginx on the PATH or in {}", FOLDERS.join(", "));
    let manager = install(&PACKAGES, "nginx", &missing, interrupts)?;
    ensure!(
        is_there(),
        "{} has not brought an nginx that can be used",
        manager
    );
    Ok(())
}

fn is_there() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(FOLDERS.map(PathBuf::from))
        .any(|folder| folder.join("nginx").is_file())
}
