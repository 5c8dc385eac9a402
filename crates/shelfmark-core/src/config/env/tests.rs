//! What the tests of the variables share: sources without a process environment.

mod families;
mod file;
mod replicas;
mod secrets;
mod settings;

use super::super::{DatabaseConfig, PostgresTarget, Secret, Target};
use super::build;
use super::source::Source;
use crate::error::{ErrorKind, Result};

fn source(vars: &[(&str, &str)]) -> Source {
    Source::from_pairs(
        vars.iter()
            .map(|(name, value)| (name.to_string(), value.to_string())),
    )
}

fn config(vars: &[(&str, &str)]) -> Result<DatabaseConfig> {
    build(&source(vars), None)
}

fn postgres(vars: &[(&str, &str)]) -> PostgresTarget {
    match config(vars).map(|config| config.target) {
        Ok(Target::Postgres(target)) => target,
        other => panic!("{other:?}"),
    }
}

/// The text of the error after its beginning, which every one of them has.
fn refused(vars: &[(&str, &str)]) -> String {
    let error = config(vars).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let text = error.to_string();
    match text.strip_prefix("invalid configuration: ") {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// The same for one setting beside a database.
fn refused_setting(name: &str, value: &str) -> String {
    refused(&[("DATABASE_URL", "memory:"), (name, value)])
}

const DB: &[(&str, &str)] = &[
    ("DB_HOST", "db1"),
    ("DB_PORT", "6001"),
    ("DB_NAME", "films1"),
    ("DB_USER", "user1"),
    ("DB_PASSWORD", "password1"),
];

const POSTGRES: &[(&str, &str)] = &[
    ("POSTGRES_HOSTNAME", "db2"),
    ("POSTGRES_PORT", "6002"),
    ("APPLICATION_DB", "films2"),
    ("POSTGRES_USER", "user2"),
    ("POSTGRES_PASSWORD", "password2"),
];

const LIBPQ: &[(&str, &str)] = &[
    ("PGHOST", "db3"),
    ("PGPORT", "6003"),
    ("PGDATABASE", "films3"),
    ("PGUSER", "user3"),
    ("PGPASSWORD", "password3"),
];

fn target(host: &str, port: u16, user: &str, database: &str, password: &str) -> PostgresTarget {
    let mut target = PostgresTarget::new(host, port, user, database);
    target.password = Some(Secret::new(password));
    target
}
