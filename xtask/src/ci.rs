//! `cargo xtask ci`: what `.ci/run` does, for trying it before a push.

use std::process::{Command, ExitCode};

use crate::interrupt::Interrupts;
use crate::report::Report;
use crate::test;
use crate::workspace::cargo;

/// A step after the tests: its name, a variable it needs, and its arguments for cargo. `.ci/run`
/// has the same, which a test holds.
struct Check {
    name: &'static str,
    variable: Option<(&'static str, &'static str)>,
    line: &'static [&'static str],
}

const CHECKS: [Check; 3] = [
    Check {
        name: "format",
        variable: None,
        line: &["fmt", "--all", "--check"],
    },
    Check {
        name: "clippy",
        variable: None,
        line: &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
    },
    Check {
        name: "documentation",
        variable: Some(("RUSTDOCFLAGS", "-D warnings")),
        line: &["doc", "--workspace", "--no-deps"],
    },
];

/// Runs the tests and the checks, stops at the first failure, and lists what became of each.
pub(crate) fn run(interrupts: &Interrupts) -> anyhow::Result<ExitCode> {
    let mut report = Report::new(interrupts);
    test::run_steps(&[], Some("ci"), interrupts, &mut report)?;
    for check in &CHECKS {
        report.run(check.name, &mut check.command())?;
    }
    eprint!(
        "\ncargo xtask ci, after {}:\n{}",
        report.took(),
        report.table()
    );
    Ok(report.exit_code())
}

impl Check {
    fn command(&self) -> Command {
        let mut command = cargo();
        command.args(self.line).envs(self.variable);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_script_has_the_same_steps_in_the_same_order() {
        let mut script = include_str!("../../.ci/run");
        let mut lines = vec!["cargo xtask test".to_owned()];
        for check in &CHECKS {
            let variable = check
                .variable
                .map(|(name, value)| format!("{name}=\"{value}\" "));
            lines.push(format!(
                "{}cargo {}",
                variable.unwrap_or_default(),
                check.line.join(" ")
            ));
        }
        for line in lines {
            let (_, rest) = script
                .split_once(&line)
                .unwrap_or_else(|| panic!("no `{line}`"));
            script = rest;
        }
    }
}
