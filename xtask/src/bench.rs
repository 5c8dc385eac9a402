//! `cargo xtask bench`: contestants side by side, from the workspaces in `bench/`.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Subcommand;

use crate::interrupt::Interrupts;
use crate::postgres_package;
use crate::report::Report;
use crate::workspace::cargo;

/// What can be measured. Each is a workspace of its own in `bench/`.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The catalogue's import beside raw COPY and one rusqlite transaction; takes minutes.
    ///
    /// Prints Markdown for bench/RESULTS.md. Fails when the import takes more memory than it may.
    Import {
        /// Passed on: `--rows N`, `--rounds N`, `--catalog PROGRAM`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// Builds and runs a benchmark, which starts a PostgreSQL of its own.
pub(crate) fn run(bench: &Bench, interrupts: &Interrupts) -> anyhow::Result<ExitCode> {
    postgres_package::ensure(interrupts)?;
    let mut report = Report::new(interrupts);
    report.run("benchmark", &mut bench.command())?;
    Ok(report.exit_code())
}

impl Bench {
    fn command(&self) -> Command {
        let Bench::Import { args } = self;
        let mut command = cargo();
        command
            .args(["run", "--release", "--manifest-path"])
            .args(["bench/import/Cargo.toml", "--"])
            .args(args);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::root;

    #[test]
    fn benchmark_is_where_it_is_looked_for() {
        let command = Bench::Import {
            args: vec!["--rows".into(), "10".into()],
        };
        let command = command.command();
        let line: Vec<_> = command.get_args().collect();
        assert_eq!(line[4..], ["--", "--rows", "10"]);
        assert!(root().join(line[3]).is_file());
    }
}
