//! Installing what the tests need with the system's package manager.

use std::io::{IsTerminal, stdin};
use std::process::Stdio;

use anyhow::{Context, bail};

use crate::interrupt::Interrupts;
use crate::workspace::{command, is_on_path};

/// A package manager, and how it installs something.
#[derive(Debug)]
pub(crate) struct Manager {
    pub(crate) program: &'static str,
    /// Brings the list of packages up to date; the installation is tried even when this fails,
    /// since it does so when any one of several sources is away.
    pub(crate) update: Option<&'static [&'static str]>,
    pub(crate) install: &'static [&'static str],
    /// What a person would type.
    pub(crate) by_hand: &'static str,
    pub(crate) needs_root: bool,
}

/// Installs `what`, which is missing as `missing` says, with the first of `managers` that is on this machine.
///
/// # Errors
/// When none is, or it fails; the message names the command to run.
pub(crate) fn install<'m>(
    managers: &'m [Manager],
    what: &str,
    missing: &str,
    interrupts: &Interrupts,
) -> anyhow::Result<&'m Manager> {
    let Some(manager) = managers.iter().find(|manager| is_on_path(manager.program)) else {
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
    eprintln!("{what} is missing; installing it: {}", words.join(" "));
    eprintln!("(the package may start a server of its own; the tests don't use that one)");
    manager.install(&prefix, what, interrupts)?;
    Ok(manager)
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

    fn install(
        &self,
        prefix: &[&'static str],
        what: &str,
        interrupts: &Interrupts,
    ) -> anyhow::Result<()> {
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
                "{} could not install {what}; install it by hand, for example, as root: {}",
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
    use crate::postgres_package::MANAGERS;

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
