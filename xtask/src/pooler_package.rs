//! Installing PgBouncer with the system's package manager when it is missing.

use anyhow::Context;
use test_postgres::PoolerProgram;

use crate::interrupt::Interrupts;
use crate::package::{Packages, install};

const PACKAGES: Packages = Packages {
    apt: "pgbouncer",
    dnf: "pgbouncer",
    brew: "pgbouncer",
};

/// Finds `pgbouncer`, and installs it when the machine has none.
///
/// # Errors
/// When it can't be installed; the message names the command to run.
pub(crate) fn ensure(interrupts: &Interrupts) -> anyhow::Result<PoolerProgram> {
    let missing = match PoolerProgram::find() {
        Ok(program) => return Ok(program),
        Err(missing) => missing,
    };
    let manager = install(&PACKAGES, "PgBouncer", &missing.to_string(), interrupts)?;
    PoolerProgram::find()
        .with_context(|| format!("{} has not brought a pgbouncer that can be used", manager))
}
