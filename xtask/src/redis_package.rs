//! Installing Redis with the system's package manager when it is missing.

use anyhow::Context;
use test_redis::Program;

use crate::interrupt::Interrupts;
use crate::package::{Manager, install};

const MANAGERS: [Manager; 3] = [
    Manager {
        program: "apt-get",
        update: Some(&["-q", "update"]),
        install: &[
            "-q",
            "install",
            "-y",
            "--no-install-recommends",
            "-o",
            "DPkg::Lock::Timeout=300",
            "redis-server",
        ],
        by_hand: "apt-get update && apt-get install redis-server",
        needs_root: true,
    },
    Manager {
        program: "dnf",
        update: None,
        install: &["install", "-y", "redis"],
        by_hand: "dnf install redis",
        needs_root: true,
    },
    Manager {
        program: "brew",
        update: None,
        install: &["install", "redis"],
        by_hand: "brew install redis",
        needs_root: false,
    },
];

/// Finds `redis-server`, and installs it when the machine has none.
///
/// # Errors
/// When it can't be installed; the message names the command to run.
pub(crate) fn ensure(interrupts: &Interrupts) -> anyhow::Result<Program> {
    let missing = match Program::find() {
        Ok(program) => return Ok(program),
        Err(missing) => missing,
    };
    let manager = install(&MANAGERS, "Redis", &missing.to_string(), interrupts)?;
    Program::find().with_context(|| {
        format!(
            "{} has not brought a redis-server that can be used",
            manager.program
        )
    })
}
