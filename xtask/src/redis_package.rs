//! Installing Redis with the system's package manager when it is missing.

use anyhow::Context;
use test_redis::Program;

use crate::interrupt::Interrupts;
use crate::package::{Packages, install};

const PACKAGES: Packages = Packages {
    apt: "redis-server",
    dnf: "redis",
    brew: "redis",
};

/// Finds `redis-server`, and installs it when the machine has none.
///
/// # Errors
/// When it can't be installed; the message names the command to run.
pub(crate) fn ensure(interrupts: &Interrupts) -> anyhow::Result<Program> {
    let missing = match Program::find() {
        Ok(program) => return Ok(program),
        Err(missing) => missing,
    };
    let manager = install(&PACKAGES, "Redis", &missing.to_string(), interrupts)?;
    Program::find().with_context(|| {
        format!(
            "{} has not brought a redis-server that can be used",
            manager
        )
    })
}
