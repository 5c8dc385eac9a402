//! Which database the variables name.

use std::time::Duration;

use super::super::super::SslMode;
use super::*;

#[test]
fn each_family_names_a_database() {
    assert_eq!(
        postgres(DB),
        target("db1", 6001, "user1", "films1", "password1")
    );
    assert_eq!(
        postgres(POSTGRES),
        target("db2", 6002, "user2", "films2", "password2")
    );
    assert_eq!(
        postgres(LIBPQ),
        target("db3", 6003, "user3", "films3", "password3")
    );
}

#[test]
fn the_first_family_wins_whole() {
    let url = [("DATABASE_URL", "sqlite://app.db")];
    let all = [&url, DB, POSTGRES, LIBPQ].concat();
    assert_eq!(config(&all).unwrap().target.to_string(), "sqlite://app.db");
    assert_eq!(
        postgres(&[DB, POSTGRES, LIBPQ].concat()),
        target("db1", 6001, "user1", "films1", "password1")
    );
    assert_eq!(
        postgres(&[POSTGRES, LIBPQ].concat()),
        target("db2", 6002, "user2", "films2", "password2")
    );
}

#[test]
fn a_password_is_never_sent_to_the_server_of_another_family() {
    let without = [
        ("DB_HOST", "db1"),
        ("DB_NAME", "films1"),
        ("DB_USER", "user1"),
    ];
    let target = postgres(&[&without, POSTGRES, LIBPQ].concat());
    assert_eq!(target, PostgresTarget::new("db1", 5432, "user1", "films1"));
    let url = [("DATABASE_URL", "postgres://db/films")];
    let target = postgres(&[&url, LIBPQ].concat());
    assert_eq!(target, PostgresTarget::new("db", 5432, "user3", "films"));
}

#[test]
fn a_family_without_host_and_database_does_not_count() {
    let rest = [
        ("DB_PORT", "1"),
        ("DB_USER", "u"),
        ("DB_PASSWORD", "p"),
        ("POSTGRES_DB", "d"),
    ];
    assert_eq!(
        postgres(&[&rest, LIBPQ].concat()),
        target("db3", 6003, "user3", "films3", "password3")
    );
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let vars = [
        ("DATABASE_URL", ""),
        ("DB_HOST", " "),
        ("PGHOST", "db"),
        ("PGPORT", ""),
        ("PGUSER", ""),
        ("USER", "me"),
        ("PGPASSWORD", ""),
        ("DATABASE_POOL_MAX", ""),
        ("DATABASE_POOL_SIZE", ""),
    ];
    let config = config(&vars).unwrap();
    assert_eq!(
        config.target,
        Target::Postgres(PostgresTarget::new("db", 5432, "me", "me"))
    );
    assert_eq!(config.pool.max, 10);
}

#[test]
fn a_password_is_taken_to_the_letter() {
    for password in [
        "007e1",
        "1e3",
        "true",
        "null",
        " p ",
        "p@ss/w:rd%41",
        "'q'",
        "ünï",
    ] {
        let vars = [
            ("DB_HOST", "h"),
            ("DB_NAME", "d"),
            ("DB_USER", "u"),
            ("DB_PASSWORD", password),
        ];
        assert_eq!(postgres(&vars).password, Some(Secret::new(password)));
        let vars = [("PGHOST", "h"), ("PGUSER", "u"), ("PGPASSWORD", password)];
        assert_eq!(postgres(&vars).password, Some(Secret::new(password)));
    }
}

#[test]
fn a_missing_member_is_named() {
    assert_eq!(
        refused(&[("DB_HOST", "db")]),
        "invalid configuration, 2 problems:\n  \
         DB_NAME: is not set, but DB_HOST is; for example DB_NAME=app\n  \
         DB_USER: is not set, but DB_HOST is; for example DB_USER=app"
    );
    assert_eq!(
        refused(&[("APPLICATION_DB", "films"), ("POSTGRES_USER", "app")]),
        "POSTGRES_HOSTNAME: is not set, but APPLICATION_DB is; for example POSTGRES_HOSTNAME=localhost"
    );
    assert_eq!(
        refused(&[("PGDATABASE", "films")]),
        "PGUSER: is not set, and neither is USER; for example PGUSER=app"
    );
}

#[test]
fn libpqs_family_has_defaults_and_more_members() {
    assert_eq!(
        postgres(&[("PGDATABASE", "films"), ("USER", "me")]),
        PostgresTarget::new("localhost", 5432, "me", "films")
    );
    let mut expected = PostgresTarget::new("/run/pg", 5432, "me", "me");
    expected.ssl_mode = SslMode::VerifyCa;
    expected.ssl_root_cert = Some("/etc/ca.pem".into());
    expected.application_name = "catalog".to_owned();
    expected.connect_timeout = Duration::from_secs(3);
    expected.options = Some("-c a=b".to_owned());
    let vars = [
        ("PGHOST", "/run/pg"),
        ("PGUSER", "me"),
        ("PGSSLMODE", "verify-ca"),
        ("PGSSLROOTCERT", "/etc/ca.pem"),
        ("PGAPPNAME", "catalog"),
        ("PGCONNECT_TIMEOUT", "3"),
        ("PGOPTIONS", "-c a=b"),
    ];
    assert_eq!(postgres(&vars), expected);
    let vars = [("PGHOST", "a,::1"), ("PGPORT", "1,2"), ("PGUSER", "me")];
    let hosts = [("a".to_owned(), 1), ("::1".to_owned(), 2)];
    assert_eq!(postgres(&vars).hosts, hosts);
}

#[test]
fn wrong_parts_are_refused_without_what_may_be_secret() {
    assert_eq!(
        refused(&[
            ("DB_HOST", "postgres://u:hunter2@db/films"),
            ("DB_PORT", "u:hunter2@db"),
            ("DB_NAME", "films"),
            ("DB_USER", "app"),
        ]),
        "invalid configuration, 2 problems:\n  \
         DB_HOST: host 1 contains a character that no name of a host has; a port belongs in DB_PORT; for example \
         DB_HOST=localhost\n  \
         DB_PORT: its value is not a number from 1 to 65535; for example DB_PORT=5432"
    );
    assert_eq!(
        refused(&[
            ("PGHOST", "a,,b"),
            ("PGPORT", "five"),
            ("PGUSER", "me"),
            ("PGSSLMODE", "yes"),
            ("PGCONNECT_TIMEOUT", "0"),
        ]),
        "invalid configuration, 4 problems:\n  \
         PGHOST: host 2 of its list is empty; for example PGHOST=localhost\n  \
         PGPORT: \"five\" is not a number from 1 to 65535; for example PGPORT=5432\n  \
         PGSSLMODE: \"yes\" is none of disable, prefer, require, verify-ca and verify-full; for example \
         PGSSLMODE=require\n  \
         PGCONNECT_TIMEOUT: \"0\" is not a number of whole seconds from 1 to 3600; for example PGCONNECT_TIMEOUT=10"
    );
    assert_eq!(
        refused(&[("PGHOST", "a,b,c"), ("PGPORT", "1,2"), ("PGUSER", "me")]),
        "PGPORT: there are 2 ports for 3 hosts; give one for each, or one for all; for example PGPORT=5432"
    );
    assert_eq!(
        refused(&[("PGHOST", "[db]"), ("PGUSER", "me")]),
        "PGHOST: host 1 has square brackets, but no IPv6 address in them; for example PGHOST=localhost"
    );
}

#[test]
fn a_wrong_url_is_refused_by_the_name_of_its_variable() {
    assert_eq!(
        refused(&[("DATABASE_URL", "postgres://app:hunter2@db:x/films")]),
        "DATABASE_URL: the port of host 1 is not a number from 1 to 65535; if it is a password, the host is missing \
         after it; for example DATABASE_URL=postgres://user:password@localhost:5432/app"
    );
    assert_eq!(
        refused(&[("DATABASE_URL", "postgres://db/films")]),
        "DATABASE_URL: it names no user, and neither PGUSER nor USER does; write the user before the host; for \
         example DATABASE_URL=postgres://user:password@localhost:5432/app"
    );
}

#[test]
fn without_any_variable_the_error_says_what_to_set() {
    assert_eq!(
        refused(&[("DB_PASSWORD", "hunter2"), ("USER", "me")]),
        "DATABASE_URL: no database is named; set DATABASE_URL=sqlite://app.db, \
         DATABASE_URL=postgres://user:password@localhost:5432/app or DATABASE_URL=memory:, or the parts DB_HOST, \
         DB_PORT, DB_NAME, DB_USER and DB_PASSWORD"
    );
}

#[test]
fn a_slip_in_the_name_of_the_url_is_not_a_reason_for_the_default() {
    for name in ["DATABASE_URI", "DATABSE_URL", "database_url", "DATABASEURL"] {
        let vars = source(&[(name, "postgres://app:hunter2@db/films")]);
        for default in [None, Some("memory:")] {
            assert_eq!(
                build(&vars, default).unwrap_err().to_string(),
                format!(
                    "invalid configuration: {name}: is not read; did you mean DATABASE_URL?; for example \
                     DATABASE_URL=sqlite://app.db"
                )
            );
        }
    }
    // Beside a database that is named, it is somebody else's variable.
    let vars = [("DATABASE_URI", "mysql://x"), ("DATABASE_URL", "memory:")];
    assert_eq!(config(&vars).unwrap().target, Target::Memory);
}

#[test]
fn the_default_is_taken_when_nothing_names_a_database() {
    let vars = source(&[("DATABASE_POOL_MAX", "7"), ("DB_PASSWORD", "p")]);
    let config = build(&vars, Some("sqlite://data/catalog.db")).unwrap();
    assert_eq!(config.target.to_string(), "sqlite://data/catalog.db");
    assert_eq!(config.pool.max, 7);
    let config = build(
        &source(&[("DATABASE_URL", "memory:")]),
        Some("sqlite://app.db"),
    )
    .unwrap();
    assert_eq!(config.target, Target::Memory);
    let error = build(&source(&[("DATABASE_URL", "x")]), Some("memory:")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert_eq!(
        build(&source(&[]), Some("app.db")).unwrap_err().to_string(),
        "invalid configuration: the default URL: it is not a URL; write sqlite:// before a file's path, or memory: or \
         a postgres:// URL; for example sqlite://app.db"
    );
}

#[test]
fn an_unreadable_value_is_refused_by_its_variable() {
    for name in [
        "DATABASE_URL",
        "DB_PASSWORD",
        "DB_HOST",
        "DATABASE_POOL_MAX",
    ] {
        let mut vars = source(if name == "DATABASE_POOL_MAX" {
            &[("DATABASE_URL", "memory:")]
        } else {
            DB
        });
        vars.add_unreadable(name);
        assert_eq!(
            build(&vars, Some("memory:")).unwrap_err().to_string(),
            format!("invalid configuration: {name}: its value is not UTF-8")
        );
    }
    assert_eq!(
        refused(&[
            ("DB_HOST", "h"),
            ("DB_NAME", "d"),
            ("DB_USER", "u"),
            ("DB_PASSWORD", "hunter\0")
        ]),
        "DB_PASSWORD: its value contains a NUL character"
    );
}
