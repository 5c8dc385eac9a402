//! Installing PgBouncer with the system's package manager when it is missing.

use anyhow::Context;
use test_postgres::PoolerProgram;

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
            "pgbouncer",
        ],
        by_hand: "apt-get update && apt-get install pgbouncer",
        needs_root: true,
    },
    Manager {
        program: "dnf",
        update: None,
        install: &["install", "-y", "pgbouncer"],
        by_hand: "dnf install pgbouncer",
        needs_root: true,
    },
    Manager {
        program: "brew",
        update: None,
        install: &["install", "pgbouncer"],
        by_hand: "brew install pgbouncer",
        needs_root: false,
    },
];

/// Finds `pgbouncer`, and installs it when the machine has none.
///
/// # Errors
/// When it can't be installed; the message names the command to run.
pub(crate) fn ensure(interrupts: &Interrupts) -> anyhow::Result<PoolerProgram> {
    let missing = match PoolerProgram::find() {
        Ok(program) => return Ok(program),
        Err(missing) => missing,
    };
    let manager = install(&MANAGERS, "PgBouncer", &missing.to_string(), interrupts)?;
    PoolerProgram::find().with_context(|| {
        format!(
            "{} has not brought a pgbouncer that can be used",
            manager.program
        )
    })
}
