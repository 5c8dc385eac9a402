//! `cargo xtask test`: all tests, with what they need.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use test_postgres::Server;

use crate::interrupt::Interrupts;
use crate::report::Report;
use crate::workspace::cargo;
use crate::{nginx_package, pooler_package, postgres_package, redis_package};

/// Names the server for the tests; see `test_postgres::TestDatabase`.
const VARIABLE: &str = "TEST_DATABASE_URL";

/// Runs the tests and sums them up. The exit status is that of the tests.
pub(crate) fn run(args: &[OsString], interrupts: &Interrupts) -> anyhow::Result<ExitCode> {
    let mut report = Report::new(interrupts);
    let servers = run_steps(args, None, interrupts, &mut report)?;
    let verdict = if interrupts.exit_code().is_some() {
        "interrupted"
    } else if report.has_passed() {
        "passed"
    } else {
        "FAILED"
    };
    eprintln!(
        "\ncargo xtask test: {verdict} after {} on {servers}: {}",
        report.took(),
        report.line()
    );
    Ok(report.exit_code())
}

/// Adds the steps of the tests to `report`. The servers live as long as they run. Returns what they
/// were, in words.
///
/// `profile` is nextest's, for when NEXTEST_PROFILE doesn't name one.
pub(crate) fn run_steps(
    args: &[OsString],
    profile: Option<&str>,
    interrupts: &Interrupts,
    report: &mut Report<'_>,
) -> anyhow::Result<String> {
    let given = env::var_os(VARIABLE).filter(|url| !url.is_empty());
    let server = if given.is_some() {
        None
    } else {
        Some(start_server(interrupts)?)
    };
    let (url, postgres) = match &server {
        Some(server) => (
            server.url().into(),
            format!("PostgreSQL {}", server.version()),
        ),
        None => (
            given.unwrap_or_default(),
            format!("the server of {VARIABLE}"),
        ),
    };
    let given = env::var_os(test_redis::VARIABLE).filter(|url| !url.is_empty());
    let redis = if given.is_some() {
        None
    } else {
        Some(start_redis(interrupts)?)
    };
    let (redis_url, redis) = match &redis {
        Some(server) => (server.url().into(), format!("Redis {}", server.version())),
        None => (
            given.unwrap_or_default(),
            format!("the server of {}", test_redis::VARIABLE),
        ),
    };
    // A test that needs nginx or PgBouncer starts its own.
    nginx_package::ensure(interrupts)?;
    pooler_package::ensure(interrupts)?;
    let environment = [(VARIABLE, &url), (test_redis::VARIABLE, &redis_url)];
    let servers = format!("{postgres} and {redis}");
    eprintln!("tests run on {servers}");
    if has_nextest() {
        let mut nextest = cargo();
        nextest.args(nextest_line(args)).envs(environment);
        if let Some(profile) = profile
            && env::var_os("NEXTEST_PROFILE").is_none()
        {
            nextest.env("NEXTEST_PROFILE", profile);
        }
        report.run("tests", &mut nextest)?;
        if args.is_empty() {
            let line = ["test", "--workspace", "--all-features", "--doc"];
            report.run("documentation tests", cargo().args(line).envs(environment))?;
        }
    } else {
        eprintln!(
            "cargo-nextest is not installed, so the slower `cargo test` runs the tests; see \
             https://nexte.st for how to install it"
        );
        report.run(
            "tests",
            cargo().args(cargo_test_line(args)).envs(environment),
        )?;
    }
    Ok(servers)
}

/// Starts the Redis that all tests share.
pub(crate) fn start_redis(interrupts: &Interrupts) -> anyhow::Result<test_redis::Server> {
    redis_package::ensure(interrupts)?;
    let server = test_redis::Server::start()?;
    interrupts.check()?;
    Ok(server)
}

/// Starts the PostgreSQL that all tests share.
pub(crate) fn start_server(interrupts: &Interrupts) -> anyhow::Result<Server> {
    postgres_package::ensure(interrupts)?;
    let server = Server::start()?;
    interrupts.check()?;
    Ok(server)
}

fn has_nextest() -> bool {
    let mut version: Command = cargo();
    version
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

fn nextest_line(args: &[OsString]) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec!["nextest".into(), "run".into()];
    line.extend(selection(args));
    line.extend_from_slice(args);
    line
}

fn cargo_test_line(args: &[OsString]) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec!["test".into(), "--no-fail-fast".into()];
    line.extend(selection(args));
    line.extend_from_slice(args);
    line
}

/// All packages with all features, unless `args` say otherwise: `--workspace` would win over `-p`.
fn selection(args: &[OsString]) -> Vec<OsString> {
    let has = |flags: &[&str]| {
        let own = args.iter().take_while(|arg| *arg != "--");
        own.filter_map(|arg| arg.to_str())
            .any(|arg| flags.iter().any(|flag| is_flag(arg, flag)))
    };
    let mut selection = Vec::new();
    if !has(&[
        "-p",
        "--package",
        "--workspace",
        "--all",
        "--manifest-path",
        "--archive-file",
    ]) {
        selection.push("--workspace".into());
    }
    if !has(&[
        "-F",
        "--features",
        "--all-features",
        "--no-default-features",
        "--archive-file",
    ]) {
        selection.push("--all-features".into());
    }
    selection
}

/// Whether `arg` is `flag`, alone or with its value: `--package=x`, `-px`.
fn is_flag(arg: &str, flag: &str) -> bool {
    match arg.strip_prefix(flag) {
        Some(rest) if flag.starts_with("--") => rest.is_empty() || rest.starts_with('='),
        Some(_) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[&str]) -> String {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let line = nextest_line(&args);
        line.iter()
            .map(|arg| arg.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn all_packages_with_all_features_are_tested() {
        assert_eq!(line(&[]), "nextest run --workspace --all-features");
        assert_eq!(
            line(&["pool"]),
            "nextest run --workspace --all-features pool"
        );
    }

    #[test]
    fn chosen_package_is_tested_alone() {
        assert_eq!(line(&["-p", "x"]), "nextest run --all-features -p x");
        assert_eq!(line(&["-px"]), "nextest run --all-features -px");
        assert_eq!(
            line(&["--package=x"]),
            "nextest run --all-features --package=x"
        );
        assert_eq!(
            line(&["--all-targets"]),
            "nextest run --workspace --all-features --all-targets"
        );
    }

    #[test]
    fn chosen_features_are_kept() {
        assert_eq!(
            line(&["-p", "x", "--features", "y"]),
            "nextest run -p x --features y"
        );
        assert_eq!(
            line(&["--no-default-features"]),
            "nextest run --workspace --no-default-features"
        );
    }

    #[test]
    fn arguments_for_the_tests_choose_nothing() {
        assert_eq!(
            line(&["--", "-p"]),
            "nextest run --workspace --all-features -- -p"
        );
    }
}
