//! Installing PostgreSQL with the system's package manager when it is missing.

use std::io::{IsTerminal, stdin};
use std::process::Stdio;

use anyhow::{Context, bail};
use test_postgres::{Programs, ProgramsError};

use crate::interrupt::Interrupts;
use crate::workspace::{command, is_on_path};

/// A package manager, and how it installs PostgreSQL's server.
#[derive(Debug)]
struct Manager {
    program: &'static str,
    /// Brings the list of packages up to date; the installation is tried even when this fails,
    /// since it does so when any one of several sources is away.
    update: Option<&'static [&'static str]>,
    install: &'static [&'static str],
    /// What a person would type.
    by_hand: &'static str,
    needs_root: bool,
}

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
    let Some(manager) = MANAGERS.iter().find(|manager| is_on_path(manager.program)) else {
        bail!("{missing}; neither apt-get nor dnf nor brew is on this machine to install it with");
    };
    let prefix = manager.prefix(
        rustix::process::geteuid().is_root(),
        is_on_path("sudo"),
        stdin().is_terminal(),
    );
    let Some(prefix) = prefix else {
        bail!(
            "{missing}; to install it, run this as root: {}",
            manager.by_hand
        );
    };
    let words = manager.words(&prefix, manager.install);
    eprintln!(
        "PostgreSQL 15 or newer is missing; installing it: {}",
        words.join(" ")
    );
    eprintln!("(the package may start a server of its own; the tests don't use that one)");
    manager.install(&prefix, interrupts)?;
    Programs::find().with_context(|| {
        format!(
            "{} has not brought a PostgreSQL that can be used; \
             https://www.postgresql.org/download/ has newer packages",
            manager.program
        )
    })
}

impl Manager {
    /// What comes before the manager's own command line; `None` when it can't be run.
    fn prefix(
        &self,
        is_root: bool,
        has_sudo: bool,
        has_terminal: bool,
    ) -> Option<Vec<&'static str>> {
        let mut prefix = Vec::new();
        if self.needs_root && !is_root {
            if !has_sudo {
                return None;
            }
            prefix.push("sudo");
            if !has_terminal {
                // Nobody is there to type a password.
                prefix.push("-n");
            }
        }
        // Not as our own variable: sudo doesn't pass it on.
        prefix.extend(["env", "DEBIAN_FRONTEND=noninteractive"]);
        Some(prefix)
    }

    fn install(&self, prefix: &[&'static str], interrupts: &Interrupts) -> anyhow::Result<()> {
        if let Some(update) = self.update
            && !self.run(prefix, update, interrupts)?
        {
            eprintln!(
                "{} could not update its lists; trying what it knows",
                self.program
            );
        }
        if !self.run(prefix, self.install, interrupts)? {
            interrupts.check()?;
            bail!(
                "{} could not install PostgreSQL; install version 15 or newer by hand, for example, \
                 as root: {}",
                self.program,
                self.by_hand
            );
        }
        Ok(())
    }

    fn run(
        &self,
        prefix: &[&'static str],
        line: &[&'static str],
        interrupts: &Interrupts,
    ) -> anyhow::Result<bool> {
        let words = self.words(prefix, line);
        let (program, arguments) = words.split_first().context("an empty command")?;
        let mut command = command(program);
        command.args(arguments);
        if !stdin().is_terminal() {
            command.stdin(Stdio::null());
        }
        Ok(interrupts.run(&mut command)?.success())
    }

    fn words(&self, prefix: &[&'static str], line: &[&'static str]) -> Vec<&'static str> {
        [prefix, &[self.program], line].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_installs_without_sudo() {
        for manager in &MANAGERS {
            let prefix = manager.prefix(true, true, true);
            assert!(
                prefix.is_some_and(|prefix| !prefix.contains(&"sudo")),
                "{manager:?}"
            );
        }
    }

    #[test]
    fn sudo_does_not_ask_where_nobody_can_answer() {
        let [apt, _, _] = &MANAGERS;
        let prefix = |has_terminal| apt.prefix(false, true, has_terminal).unwrap_or_default();
        assert!(prefix(false).starts_with(&["sudo", "-n"]));
        assert!(prefix(true).starts_with(&["sudo", "env"]));
    }

    #[test]
    fn nothing_is_installed_without_the_right_to() {
        let [apt, dnf, brew] = &MANAGERS;
        assert_eq!(apt.prefix(false, false, true), None);
        assert_eq!(dnf.prefix(false, false, true), None);
        assert!(brew.prefix(false, false, true).is_some());
    }
}
