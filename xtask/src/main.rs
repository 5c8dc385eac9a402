//! The project's own commands: `cargo xtask test`, `ci`, `bench` and `services`.
//!
//! They need Rust and nothing else: what the tests need beside it, PostgreSQL and Redis, is found, or
//! installed, and started here.

mod bench;
mod ci;
mod interrupt;
mod nginx_package;
mod package;
mod pooler_package;
mod postgres_package;
mod redis_package;
mod report;
mod services;
mod test;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::interrupt::Interrupts;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs all tests, on every engine, with a PostgreSQL server and a Redis started for them.
    ///
    /// Uses the servers of TEST_DATABASE_URL and TEST_REDIS_URL when those are set. Otherwise PostgreSQL's programs are
    /// searched in PG_BINDIR, on the PATH and where packages put them, and installed with the
    /// system's package manager when they are missing.
    Test {
        /// Passed to `cargo nextest run`: `-p CRATE`, part of a test's name, `-E FILTER`, … With
        /// any, documentation tests are left out.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Does what .ci/run does: tests, format, clippy, documentation; stops at the first failure.
    Ci,
    /// Measures contestants side by side in one run: Shelfmark, its peers and the limits of its drivers.
    Bench(bench::Arguments),
    /// Starts a throwaway PostgreSQL and Redis, prints their URLs and keeps them until Ctrl-C.
    Services,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let interrupts = match Interrupts::listen() {
        Ok(interrupts) => interrupts,
        Err(error) => {
            eprintln!("error: can't listen for Ctrl-C: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = match arguments.command {
        Command::Test { args } => test::run(&args, &interrupts),
        Command::Ci => ci::run(&interrupts),
        Command::Bench(arguments) => bench::run(&arguments, &interrupts),
        Command::Services => services::run(&interrupts),
    };
    match result {
        Ok(code) => code,
        Err(error) => match interrupts.exit_code() {
            // What was interrupted fails in its own way, which is no news.
            Some(code) => {
                eprintln!("interrupted");
                code
            }
            None => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn arguments_of_test_are_passed_on_untouched() -> anyhow::Result<()> {
        let line = [
            "xtask",
            "test",
            "-p",
            "shelfmark",
            "name",
            "--",
            "--nocapture",
        ];
        let Command::Test { args } = Arguments::try_parse_from(line)?.command else {
            anyhow::bail!("another command than test")
        };
        assert_eq!(args, ["-p", "shelfmark", "name", "--", "--nocapture"]);
        Ok(())
    }
}
