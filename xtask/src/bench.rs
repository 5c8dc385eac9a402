//! `cargo xtask bench`: contestants side by side, from the workspaces in `bench/`.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::{Args, Subcommand};

use crate::interrupt::Interrupts;
use crate::report::Report;
use crate::workspace::cargo;
use crate::{postgres_package, redis_package};

/// The program that runs the contestants in turns.
const DRIVER: &str = "bench/driver/Cargo.toml";

/// The parts of the contestants' benchmark that are about keys; `kv` is short for them.
const KV_PARTS: &str = "redis,process,cache,stampede";

/// What to measure: one of the benchmarks with a name, or the contestants.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    bench: Option<Bench>,
    /// Without a name the contestants of bench/README.md are measured: `--only PART,…` for some of the parts, which
    /// `--list` names, `--rounds N`, `--seconds S`, `--tasks N,…`, `--contestants NAME,…`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// What can be measured by name. Each but `kv` is a workspace of its own in `bench/`.
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
    /// shelfmark-kv beside its peers: on Redis, in process, and many that want one value; takes minutes.
    ///
    /// Prints Markdown for bench/RESULTS.md.
    Kv {
        /// Passed on: `--only PART,…`, `--rounds N`, `--seconds S`, `--tasks N,…`, `--contestants NAME,…`.
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

/// Builds and runs a benchmark, which starts the servers that it needs.
pub(crate) fn run(arguments: &Arguments, interrupts: &Interrupts) -> anyhow::Result<ExitCode> {
    if arguments.needs_postgres() {
        postgres_package::ensure(interrupts)?;
    }
    if arguments.needs_redis() {
        redis_package::ensure(interrupts)?;
    }
    let mut report = Report::new(interrupts);
    report.run("benchmark", &mut arguments.command())?;
    Ok(report.exit_code())
}

impl Arguments {
    fn needs_postgres(&self) -> bool {
        !matches!(self.bench, Some(Bench::Kv { .. }))
    }

    fn needs_redis(&self) -> bool {
        matches!(self.bench, None | Some(Bench::Kv { .. }))
    }

    fn command(&self) -> Command {
        let (manifest, args) = match &self.bench {
            None => (DRIVER, &self.args),
            Some(Bench::Import { args }) => ("bench/import/Cargo.toml", args),
            Some(Bench::Kv { args }) => (DRIVER, args),
            Some(Bench::Search { args }) => ("bench/search/Cargo.toml", args),
        };
        let mut command = cargo();
        command.args(["run", "--release", "--manifest-path", manifest]);
        if manifest == DRIVER {
            // Shared with the contestants, most of which it has in common with them.
            command.args(["--target-dir", "bench/target"]);
        }
        command.arg("--");
        let is_chosen = args
            .iter()
            .any(|arg| arg.to_string_lossy().starts_with("--only"));
        if matches!(self.bench, Some(Bench::Kv { .. })) && !is_chosen {
            command.args(["--only", KV_PARTS]);
        }
        command.args(args);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::root;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    /// The line behind `cargo run --release`.
    fn line(words: &[&str]) -> anyhow::Result<Vec<String>> {
        let arguments = Line::try_parse_from([&["bench"], words].concat())?.arguments;
        let command = arguments.command();
        let words = command.get_args().skip(2);
        Ok(words
            .map(|word| word.to_string_lossy().into_owned())
            .collect())
    }

    #[test]
    fn benchmarks_are_where_they_are_looked_for() -> anyhow::Result<()> {
        for name in ["import", "search"] {
            let line = line(&[name, "--rounds", "10"])?;
            assert_eq!(line[2..], ["--", "--rounds", "10"]);
            assert!(root().join(&line[1]).is_file());
        }
        assert!(root().join(DRIVER).is_file());
        Ok(())
    }

    #[test]
    fn contestants_are_measured_when_no_benchmark_is_named() -> anyhow::Result<()> {
        let all = [
            "--manifest-path",
            DRIVER,
            "--target-dir",
            "bench/target",
            "--",
        ];
        assert_eq!(line(&[])?, all);
        let one = line(&["--only", "postgres-point-read"])?;
        assert_eq!(one[5..], ["--only", "postgres-point-read"]);
        let kv = line(&["kv", "--rounds", "5"])?;
        assert_eq!(kv[5..], ["--only", KV_PARTS, "--rounds", "5"]);
        let one = line(&["kv", "--only=redis-get"])?;
        assert_eq!(one[5..], ["--only=redis-get"]);
        Ok(())
    }
}
