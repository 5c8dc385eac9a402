//! How many cases there are, counted in the test binary itself and not in its sources.

use std::collections::BTreeSet;
use std::process::Command;

use conformance::TestResult;

/// What PORTABILITY.md rests on. It only ever grows.
const LEAST_CASES: usize = 557;

#[test]
fn every_case_runs_on_each_engine_and_there_are_enough_of_them() -> TestResult {
    let listed = Command::new(std::env::current_exe()?)
        .args(["--list", "--format", "terse"])
        .output()?;
    let listed = String::from_utf8(listed.stdout)?;
    let on = |engine: &str| -> BTreeSet<&str> {
        let suffix = format!("::on_{engine}: test");
        listed
            .lines()
            .filter_map(|line| line.strip_suffix(&suffix))
            .collect()
    };
    let cases = on("memory");
    assert_eq!(cases, on("sqlite"));
    assert_eq!(cases, on("postgres"));
    assert!(cases.len() >= LEAST_CASES, "{} cases", cases.len());
    Ok(())
}
