//! The file `.env`.

use std::fs;

use tempfile::TempDir;

use super::super::super::problems::Problems;
use super::super::dotenv;
use super::*;

/// A folder with a `.env` file in it.
pub(super) fn folder(text: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), text).unwrap();
    folder
}

pub(super) fn read_file(folder: &TempDir, vars: &[(&str, &str)]) -> Result<DatabaseConfig, String> {
    let mut source = source(vars);
    let mut problems = Problems::default();
    dotenv::add_from(folder.path(), &mut source, &mut problems);
    let shown = |error: crate::error::Error| {
        let path = folder.path().display().to_string();
        error.to_string().replace(&path, "FOLDER")
    };
    problems.into_result().map_err(shown)?;
    build(&source, None).map_err(shown)
}

#[test]
fn the_file_is_read_as_people_write_it() {
    let folder = folder(
        "\u{feff}# the database\r\n\r\nexport DB_HOST=db\r\nDB_NAME = \"films\" # here\nDB_USER='app'\n\
         DB_PASSWORD='p$s #\"1'\nDATABASE_POOL_MAX=8   \nOTHER=pa$$\nDATABASE_ECHO=true ",
    );
    let config = read_file(&folder, &[]).unwrap();
    assert_eq!(
        config.target,
        Target::Postgres(target("db", 5432, "app", "films", "p$s #\"1"))
    );
    assert_eq!(config.pool.max, 8);
    assert!(config.echo);
}

#[test]
fn the_nearest_file_above_is_read() {
    let folder = folder("DATABASE_URL=memory:");
    let below = folder.path().join("a/b");
    // A folder of that name is passed by.
    fs::create_dir_all(below.join(".env")).unwrap();
    let mut source = Source::default();
    let mut problems = Problems::default();
    dotenv::add_from(&below, &mut source, &mut problems);
    assert!(problems.is_empty());
    assert!(source.has("DATABASE_URL"));
}

#[test]
fn a_malformed_line_is_named_without_its_text() {
    let folder = folder(
        "A=1\n\n# it's\nDATABASE_URL hunter2\nB=2\nDB_PASSWORD=hunter2 x\nC='a\nb'\nD=\"hunter2\n\n",
    );
    assert_eq!(
        read_file(&folder, &[]).unwrap_err(),
        "invalid configuration, 3 problems:\n  \
         FOLDER/.env line 4: is not of the form NAME=value; a value with spaces, quotation marks, \\ or $ stands in \
         single quotes; for example NAME='a value'\n  \
         FOLDER/.env line 6: is not of the form NAME=value; a value with spaces, quotation marks, \\ or $ stands in \
         single quotes; for example NAME='a value'\n  \
         FOLDER/.env line 9: is not of the form NAME=value; a value with spaces, quotation marks, \\ or $ stands in \
         single quotes; for example NAME='a value'"
    );
}

#[test]
fn a_dollar_does_not_vanish_from_a_password() {
    let line = "a $ in DB_PASSWORD would be replaced by nothing; write the value in single quotes, or ${OTHER} for a \
                variable that stands above";
    for value in [
        "hunter$2",
        "\"hunter$2 x\"",
        "hunter2$",
        "${hunter2}",
        "a\\\\$b",
        "$hunter2 # x",
    ] {
        assert_eq!(
            read_file(&folder(format!("# $5\n# $6\nDB_PASSWORD={value}\n")), &[]).unwrap_err(),
            format!("invalid configuration: FOLDER/.env line 3: {line}"),
            "{value}"
        );
    }
    for (value, expected) in [
        ("'hunter$2'", "hunter$2"),
        ("hunter\\$2", "hunter$2"),
        ("\"hunter\\$2\"", "hunter$2"),
        ("hunter${FILMS_KEY}", "hunter3"),
        ("hunter2 # $5", "hunter2"),
    ] {
        let file = format!("FILMS_KEY=3\nDB_HOST=h\nDB_NAME=d\nDB_USER=u\nDB_PASSWORD={value}\n");
        assert_eq!(
            read_file(&folder(file), &[]).unwrap().target,
            Target::Postgres(target("h", 5432, "u", "d", expected)),
            "{value}"
        );
    }
}

#[test]
fn a_file_that_is_not_text_is_refused_by_its_line() {
    let folder = folder(b"A=1\nB=\xff\n");
    assert_eq!(
        read_file(&folder, &[]).unwrap_err(),
        "invalid configuration: FOLDER/.env line 2: is not UTF-8"
    );
}

#[test]
fn a_line_longer_than_any_buffer_is_one_line() {
    let long = "x".repeat(100_000);
    let folder = folder(format!("A={long}\nDATABASE_URL\n"));
    assert!(
        read_file(&folder, &[])
            .unwrap_err()
            .contains("FOLDER/.env line 2: ")
    );
}

#[test]
fn a_wrong_value_is_named_with_its_file_and_line() {
    let folder = folder(
        "# the database\nDATABASE_URL=memory:\n\nexport DATABASE_POOL_MAX=many\nDATABASE_ECHO='per\nhaps'\nDATABASE_SLOW=1s\n",
    );
    let told = read_file(&folder, &[("DATABASE_SLOW", "late")]).unwrap_err();
    let told: Vec<&str> = told.lines().map(str::trim).collect();
    let [count, first, second, third] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(count, "invalid configuration, 3 problems:");
    for (line, beginning) in [
        (first, "DATABASE_POOL_MAX (FOLDER/.env line 4): \"many\""),
        // The process has another value than the file, and it is that one that is wrong.
        (second, "DATABASE_SLOW: \"late\""),
        (third, "DATABASE_ECHO (FOLDER/.env line 5): "),
    ] {
        assert!(line.starts_with(beginning), "{line}");
    }
}

#[test]
fn the_process_wins_over_the_file_even_with_an_empty_variable() {
    let folder =
        folder("DATABASE_URL=sqlite://file.db\nDATABASE_POOL_MAX=8\nDATABASE_POOL_MAX=9\n");
    let config = read_file(&folder, &[("DATABASE_URL", "memory:")]).unwrap();
    assert_eq!(config.target, Target::Memory);
    assert_eq!(config.pool.max, 8);
    let config = read_file(&folder, &[("DATABASE_POOL_MAX", "")]).unwrap();
    assert_eq!(config.target.to_string(), "sqlite://file.db");
    assert_eq!(config.pool.max, 4);
}
