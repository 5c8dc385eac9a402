//! PORTABILITY.md and the tests say the same: a case stands in the file that its row names, and a difference has a row.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "tests fail by panicking; their names say what they hold"
)]

use std::fs;
use std::path::{Path, PathBuf};

use conformance::TestResult;

const PORTABILITY: &str = include_str!("../../../PORTABILITY.md");

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// What stands in backticks in one cell.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of the functions of a file under `tests`.
fn functions(file: &Path) -> std::io::Result<Vec<String>> {
    let text = fs::read_to_string(file)?;
    let names = text.split("fn ").skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('(')?;
        Some(name.to_owned())
    });
    Ok(names.collect())
}

#[test]
fn every_case_stands_in_the_file_that_its_row_names() -> TestResult {
    let mut checked = 0;
    for row in PORTABILITY.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, _, files, cases, _] = cells[..] else {
            continue;
        };
        if !quoted(files).any(|file| file.ends_with(".rs")) {
            continue;
        }
        let mut known = Vec::new();
        for file in quoted(files) {
            let in_suite = tests().join("suite").join(file);
            let beside = tests().join(file);
            known.extend(functions(if in_suite.exists() {
                &in_suite
            } else {
                &beside
            })?);
        }
        for case in quoted(cases) {
            assert!(
                known.iter().any(|name| name == case),
                "`{case}` is not in {files}"
            );
            checked += 1;
        }
    }
    assert!(checked >= 100, "only {checked} cases were looked for");
    Ok(())
}

#[test]
fn every_difference_that_is_tested_has_a_row() -> TestResult {
    let mut files = vec![tests().join("differences.rs")];
    for file in fs::read_dir(tests().join("differences"))? {
        files.push(file?.path());
    }
    let mut tested = 0;
    for file in files {
        let text = fs::read_to_string(&file)?;
        for rest in text.split("#[test]\nfn ").skip(1) {
            let (name, _) = rest.split_once('(').unwrap();
            assert!(
                PORTABILITY.contains(&format!("`{name}`")),
                "{name} has no row"
            );
            tested += 1;
        }
    }
    assert!(tested >= 20, "only {tested} tests were found");
    Ok(())
}
