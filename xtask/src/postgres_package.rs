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
    /// Brings the list of packages up to date; the installation is tried even when this fails, since
    /// it does so when any one of several sources is away.
    update: Option<&'static [&'static str]>,
    install: &'static [&'static str],
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
        needs_root: true,
    },
    Manager {
        program: "dnf",
        update: None,
        install: &["install", "-y", "postgresql-server"],
        needs_root: true,
    },
    Manager {
        program: "brew",
        update: None,
        install: &["install", "postgresql@17"],
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
        return Err(missing).context("found none of the package managers apt-get, dnf and brew");
    };
    let prefix = manager.prefix(
        rustix::process::geteuid().is_root(),
        is_on_path("sudo"),
        stdin().is_terminal(),
    );
    let Some(prefix) = prefix else {
        return Err(missing).with_context(|| {
            format!(
                "neither root nor sudo is at hand; run this as root: {}",
                manager.shown(&[])
            )
        });
    };
    eprintln!(
        "PostgreSQL 15 or newer is missing; installing it: {}",
        manager.shown(&prefix)
    );
    eprintln!("(the package may start a server of its own; the tests don't use that one)");
    manager.install(&prefix, interrupts)?;
    Programs::find().with_context(|| {
        format!(
            "`{}` has not brought a PostgreSQL that can be used; \
             https://www.postgresql.org/download/ has newer packages",
            manager.shown(&[])
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
            let update = self
                .update
                .map(|line| format!("{} {}; ", self.program, line.join(" ")));
            bail!(
                "{} could not install PostgreSQL; install version 15 or newer by hand, for example \
                 with: {}{}",
                self.program,
                update.unwrap_or_default(),
                self.shown(&[])
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
        let words: Vec<&str> = [prefix, &[self.program], line].concat();
        let (program, arguments) = words.split_first().context("an empty command")?;
        let mut command = command(program);
        command.args(arguments);
        if !stdin().is_terminal() {
            command.stdin(Stdio::null());
        }
        Ok(interrupts.run(&mut command)?.success())
    }

    /// The installation as one would type it.
    fn shown(&self, prefix: &[&'static str]) -> String {
        [prefix, &[self.program], self.install].concat().join(" ")
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
