//! Installing what the tests need with the system's package manager.

use std::io::{IsTerminal, stdin};
use std::process::Stdio;

use anyhow::{Context, bail};

use crate::interrupt::Interrupts;
use crate::workspace::{command, is_on_path};

/// What each package manager calls the package of a program.
#[derive(Debug)]
pub(crate) struct Packages {
    pub(crate) apt: &'static str,
    pub(crate) dnf: &'static str,
    pub(crate) brew: &'static str,
}

/// A package manager, and how it installs something.
#[derive(Debug)]
struct Manager {
    program: &'static str,
    /// Brings the list of packages up to date; the installation is tried even when this fails,
    /// since it does so when any one of several sources is away.
    update: Option<&'static [&'static str]>,
    /// Comes before the package's name.
    install: &'static [&'static str],
    /// What a person would type before the package's name.
    by_hand: &'static str,
    needs_root: bool,
    package: fn(&Packages) -> &'static str,
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
        ],
        by_hand: "apt-get update && apt-get install",
        needs_root: true,
        package: |packages| packages.apt,
    },
    Manager {
        program: "dnf",
        update: None,
        install: &["install", "-y"],
        by_hand: "dnf install",
        needs_root: true,
        package: |packages| packages.dnf,
    },
    Manager {
        program: "brew",
        update: None,
        install: &["install"],
        by_hand: "brew install",
        needs_root: false,
        package: |packages| packages.brew,
    },
];

/// Installs `what`, which is missing as `missing` says, with the first package manager that is on this machine, and
/// answers which that was.
///
/// # Errors
/// When none is, or it fails; the message names the command to run.
pub(crate) fn install(
    packages: &Packages,
    what: &str,
    missing: &str,
    interrupts: &Interrupts,
) -> anyhow::Result<&'static str> {
    let Some(manager) = MANAGERS.iter().find(|manager| is_on_path(manager.program)) else {
        bail!("{missing}; neither apt-get nor dnf nor brew is on this machine to install it with");
    };
    let prefix = manager.prefix(
        rustix::process::geteuid().is_root(),
        is_on_path("sudo"),
        stdin().is_terminal(),
    );
    let package = (manager.package)(packages);
    let by_hand = format!("{} {package}", manager.by_hand);
    let Some(prefix) = prefix else {
        bail!("{missing}; to install it, run this as root: {by_hand}");
    };
    let line = [manager.install, &[package]].concat();
    let words = manager.words(&prefix, &line);
    eprintln!("{what} is missing; installing it: {}", words.join(" "));
    eprintln!("(the package may start a server of its own; the tests don't use that one)");
    if let Some(update) = manager.update
        && !manager.run(&prefix, update, interrupts)?
    {
        eprintln!(
            "{} could not update its lists; trying what it knows",
            manager.program
        );
    }
    if !manager.run(&prefix, &line, interrupts)? {
        interrupts.check()?;
        bail!(
            "{} could not install {what}; install it by hand, for example, as root: {by_hand}",
            manager.program
        );
    }
    Ok(manager.program)
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
    use super::MANAGERS;

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
