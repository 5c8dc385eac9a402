//! Installing PostgreSQL with the system's package manager when it is missing.

use anyhow::Context;
use test_postgres::{Programs, ProgramsError};

use crate::interrupt::Interrupts;
use crate::package::{Manager, install};

pub(crate) const MANAGERS: [Manager; 3] = [
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
            "postgresql",
        ],
        by_hand: "apt-get update && apt-get install postgresql",
        needs_root: true,
    },
    Manager {
        program: "dnf",
        update: None,
        install: &["install", "-y", "postgresql-server"],
        by_hand: "dnf install postgresql-server",
        needs_root: true,
    },
    Manager {
        program: "brew",
        update: None,
        install: &["install", "postgresql@17"],
        by_hand: "brew install postgresql@17",
        needs_root: false,
    },
];

/// Finds PostgreSQL's programs, and installs them when the machine has none or only old ones.
///
/// # Errors
/// When they can't be installed; the message names the command to run.
pub(crate) fn ensure(interrupts: &Interrupts) -> anyhow::Result<Programs> {
    let missing = match Programs::find() {
        Ok(programs) => return Ok(programs),
        // The user has chosen a folder; installing something elsewhere would not be used.
        Err(error @ ProgramsError::Chosen { .. }) => return Err(error.into()),
        Err(error) => error,
    };
    let manager = install(
        &MANAGERS,
        "PostgreSQL 15 or newer",
        &missing.to_string(),
        interrupts,
    )?;
    Programs::find().with_context(|| {
        format!(
            "{} has not brought a PostgreSQL that can be used; \
             https://www.postgresql.org/download/ has newer packages",
            manager.program
        )
    })
}
