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
    /// The catalogue's search on catalogues of 10,000 to 1,000,000 shows; takes minutes.
    ///
    /// Prints Markdown for bench/RESULTS.md.
    Search {
        /// Passed on: `--shows N,N,…`, `--rounds N`.
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
        let (manifest, args) = match self {
            Bench::Import { args } => ("bench/import/Cargo.toml", args),
            Bench::Search { args } => ("bench/search/Cargo.toml", args),
        };
        let mut command = cargo();
        command
            .args(["run", "--release", "--manifest-path", manifest, "--"])
            .args(args);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::root;

    #[test]
    fn benchmarks_are_where_they_are_looked_for() {
        let args = || vec!["--rounds".into(), "10".into()];
        for bench in [
            Bench::Import { args: args() },
            Bench::Search { args: args() },
        ] {
            let command = bench.command();
            let line: Vec<_> = command.get_args().collect();
            assert_eq!(line[4..], ["--", "--rounds", "10"]);
            assert!(root().join(line[3]).is_file());
        }
    }
}
