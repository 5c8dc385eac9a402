//! Installing PostgreSQL with the system's package manager when it is missing.

use anyhow::Context;
use test_postgres::{Programs, ProgramsError};

use crate::interrupt::Interrupts;
use crate::package::{Packages, install};

const PACKAGES: Packages = Packages {
    apt: "postgresql",
    dnf: "postgresql-server",
    brew: "postgresql@17",
};

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
        &PACKAGES,
        "PostgreSQL 15 or newer",
        &missing.to_string(),
        interrupts,
    )?;
    Programs::find().with_context(|| {
        format!(
            "{} has not brought a PostgreSQL that can be used; \
             https://www.postgresql.org/download/ has newer packages",
            manager
        )
    })
}
