//! `from_env` in a process of its own, for the environment belongs to the whole process.
// A variable that is not UTF-8 can be made from bytes on Unix alone.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use shelfmark_core::config::DatabaseConfig;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Stands before the answer of the child among what the test harness prints.
const MARK: &str = "answer: ";

#[test]
#[ignore = "the other tests run it, each in an environment of its own"]
fn child() {
    let config = match std::env::args().any(|argument| argument == "with-default") {
        true => DatabaseConfig::from_env_or("sqlite://data/catalog.db"),
        false => DatabaseConfig::from_env(),
    };
    let answer = match config {
        Ok(config) => format!("{} {}", config.target, config.pool.max),
        Err(error) => error.to_string(),
    };
    println!("\n{MARK}{}", answer.replace('\n', "\\n"));
}

/// What `from_env` answers in `folder` with `vars` alone.
fn ask(folder: &Path, vars: &[(&str, &OsStr)], with_default: bool) -> Result<String> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .envs(vars.iter().copied())
        .current_dir(folder);
    if with_default {
        // The harness takes it for one more name to match.
        command.arg("with-default");
    }
    let output = String::from_utf8(command.output()?.stdout)?;
    let answer = output.lines().find_map(|line| line.strip_prefix(MARK));
    Ok(answer.ok_or(output.clone())?.to_owned())
}

#[test]
fn the_environment_of_the_process_is_read() -> Result {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join(".env"), "")?;
    let vars = [
        ("DATABASE_URL", OsStr::new("postgres://db/films")),
        ("USER", OsStr::new("me")),
        ("DATABASE_POOL_MAX", OsStr::new("7")),
    ];
    assert_eq!(
        ask(folder.path(), &vars, false)?,
        "postgres://db:5432/films 7"
    );
    Ok(())
}

#[test]
fn the_file_in_a_folder_above_fills_in_what_the_process_leaves_out() -> Result {
    let folder = tempfile::tempdir()?;
    fs::write(
        folder.path().join(".env"),
        "DATABASE_URL=sqlite://file.db\nDATABASE_POOL_MAX=9\n",
    )?;
    let below = folder.path().join("below");
    fs::create_dir(&below)?;
    assert_eq!(ask(&below, &[], true)?, "sqlite://file.db 9");
    let vars = [("DATABASE_URL", OsStr::new("memory:"))];
    assert_eq!(ask(&below, &vars, false)?, "memory: 9");
    Ok(())
}

#[test]
fn the_default_is_opened_when_nothing_is_named() -> Result {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join(".env"), "OTHER=1\n")?;
    assert_eq!(ask(folder.path(), &[], true)?, "sqlite://data/catalog.db 4");
    let answer = ask(folder.path(), &[], false)?;
    assert!(
        answer.starts_with("invalid configuration: DATABASE_URL: no database is named; set "),
        "{answer}"
    );
    Ok(())
}

#[test]
fn a_value_that_is_not_utf8_is_refused_by_its_variable() -> Result {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join(".env"), "")?;
    let vars = [("DATABASE_URL", OsStr::from_bytes(b"sqlite://\xff.db"))];
    assert_eq!(
        ask(folder.path(), &vars, true)?,
        "invalid configuration: DATABASE_URL: its value is not UTF-8"
    );
    Ok(())
}

#[test]
fn a_malformed_file_is_named_with_its_line() -> Result {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join(".env"), "A=1\nDB_PASSWORD hunter2\n")?;
    let answer = ask(folder.path(), &[], true)?;
    assert!(answer.contains("/.env line 2: is not of the form NAME=value"));
    assert!(!answer.contains("hunter2"), "{answer}");
    Ok(())
}
