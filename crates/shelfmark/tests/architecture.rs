//! What ARCHITECTURE.md and PORTABILITY.md say: the tests that they name exist, and the shape of the code is theirs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ARCHITECTURE: &str = include_str!("../../../ARCHITECTURE.md");
const PORTABILITY: &str = include_str!("../../../PORTABILITY.md");

/// What each crate of the library may depend on of the others.
const MAY_DEPEND_ON: [(&str, &[&str]); 7] = [
    ("shelfmark-core", &[]),
    ("shelfmark-macros", &["shelfmark-core"]),
    ("shelfmark-sqlite", &["shelfmark-core"]),
    ("shelfmark-postgres", &["shelfmark-core"]),
    ("shelfmark-kv", &["shelfmark-core"]),
    (
        "shelfmark",
        &[
            "shelfmark-core",
            "shelfmark-macros",
            "shelfmark-sqlite",
            "shelfmark-postgres",
        ],
    ),
    ("shelfmark-axum", &["shelfmark", "shelfmark-core"]),
];

/// What only an engine may know.
const DRIVERS: [&str; 5] = ["rusqlite", "tokio-postgres", "deadpool", "socket2", "redis"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust file below `folder`, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// The crates that `name` is built from, those of its tests left out.
fn dependencies(name: &str) -> Vec<String> {
    let file = root().join("crates").join(name).join("Cargo.toml");
    let text = fs::read_to_string(file).unwrap();
    let section = text.split("[dependencies]\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', ' ', '=']).next());
    names
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// The words in backticks that can be nothing but the name of a test: `of_at_least_four_words`.
fn named_tests(document: &str) -> BTreeSet<&str> {
    let quoted = document.split('`').skip(1).step_by(2);
    quoted
        .filter(|word| word.matches('_').count() >= 3)
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect()
}

#[test]
fn every_test_that_a_document_names_exists() {
    let mut functions = BTreeSet::new();
    for folder in ["apps", "crates", "tests", "xtask"] {
        for (_, text) in sources(folder) {
            for rest in text.split("fn ").skip(1) {
                let end = rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
                functions.insert(rest[..end.unwrap_or(rest.len())].to_owned());
            }
        }
    }
    for document in [ARCHITECTURE, PORTABILITY] {
        let named = named_tests(document);
        assert!(named.len() >= 20, "only {} are named", named.len());
        for test in named {
            assert!(functions.contains(test), "there is no test `{test}`");
        }
    }
}

#[test]
fn the_architecture_page_is_short() {
    let lines = ARCHITECTURE.lines().count();
    assert!(lines <= 200, "{lines} lines");
}

#[test]
fn crates_depend_downwards_only() {
    let crates: BTreeSet<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let known: BTreeSet<_> = MAY_DEPEND_ON.map(|(name, _)| name.to_owned()).into();
    assert_eq!(crates, known);
    for (name, allowed) in MAY_DEPEND_ON {
        for dependency in dependencies(name) {
            if dependency.starts_with("shelfmark") {
                assert!(allowed.contains(&&*dependency), "{name} on {dependency}");
            }
        }
    }
}

#[test]
fn only_engines_know_drivers() {
    for (name, _) in MAY_DEPEND_ON {
        let is_engine = ["shelfmark-sqlite", "shelfmark-postgres", "shelfmark-kv"].contains(&name);
        let drivers = dependencies(name);
        let knows = drivers.iter().any(|one| DRIVERS.contains(&one.as_str()));
        assert_eq!(knows, is_engine, "{name}: {drivers:?}");
    }
}

#[test]
fn the_environment_is_read_in_config_alone() {
    for (path, text) in sources("crates") {
        let path = path.to_string_lossy().replace('\\', "/");
        // Macros run while compiling, where cargo says so where the package is.
        let may = path.contains("/shelfmark-core/src/config/") || path.contains("-macros/");
        let reads = path.contains("/src/") && text.contains("env::var");
        assert!(may || !reads, "{path}");
    }
}

#[test]
fn sql_of_the_catalogue_stands_in_its_repositories() {
    for (path, text) in sources("apps/catalog/src") {
        // A test may break the schema to see what the catalogue makes of it.
        if path.ends_with("tests.rs") {
            continue;
        }
        let is_repository = path.parent().unwrap().ends_with("repositories");
        let has_sql = ["sql!(", "#[query", "#[exec"]
            .iter()
            .any(|sign| text.contains(sign));
        assert!(is_repository || !has_sql, "{}", path.display());
    }
}
