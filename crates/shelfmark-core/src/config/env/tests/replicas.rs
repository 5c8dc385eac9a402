//! The replicas: which are read, and what is said of wrong ones.

use std::time::Duration;

use super::*;

const PRIMARY: (&str, &str) = ("DATABASE_URL", "postgres://app:one@db1/films");

fn refused_replicas(urls: &str) -> String {
    refused(&[PRIMARY, ("DATABASE_REPLICA_URLS", urls)])
}

#[test]
fn replicas_are_read_in_their_order() {
    let urls = "postgres://app:t%2Cwo@db2/films, postgresql://[::1]:5433/films?sslmode=require,\
                postgres:///films?host=/run/postgresql";
    let vars = [
        PRIMARY,
        ("PGUSER", "reader"),
        ("DATABASE_REPLICA_URLS", urls),
        ("DATABASE_REPLICA_MAX_LAG", "2m"),
    ];
    let config = config(&vars).unwrap();
    let hosts: Vec<_> = config.replicas.iter().map(|one| &one.hosts).collect();
    assert_eq!(
        hosts,
        [
            &vec![("db2".to_owned(), 5432)],
            &vec![("::1".to_owned(), 5433)],
            &vec![("/run/postgresql".to_owned(), 5432)],
        ]
    );
    assert_eq!(config.replicas[0].password, Some(Secret::new("t,wo")));
    assert_eq!(config.replicas[1].user, "reader");
    assert_eq!(config.replica_max_lag, Duration::from_secs(120));
    assert!(config.check().is_ok());
}

#[test]
fn without_the_variable_there_are_no_replicas() {
    let config = config(&[PRIMARY, ("DATABASE_REPLICA_URLS", " ")]).unwrap();
    assert!(config.replicas.is_empty());
    assert_eq!(config.replica_max_lag, Duration::from_secs(10));
}

#[test]
fn a_wrong_entry_is_told_by_its_number_and_never_shown() {
    let example = "for example DATABASE_REPLICA_URLS=postgres://user:password@replica1/app,\
                   postgres://user:password@replica2/app";
    let good = "postgres://app:secret@db2/films";
    for (urls, what) in [
        (format!("{good},"), "entry 2 is empty"),
        (
            format!("{good},postgres://app:sec,ret@db3/films"),
            "entry 3 is no URL; in one with several hosts, each replica gets a URL of its own, and a comma in a \
             password is written as %2C",
        ),
        (
            format!("{good},sqlite://secret.db"),
            "entry 2 names no PostgreSQL server, and only those can be replicas",
        ),
        (
            format!("postgres://app:secret@db2:port/films,{good}"),
            "entry 1: the port",
        ),
        (
            "postgres://app:secret@/films?host=a%2Cb".to_owned(),
            "entry 1: a replica is one server; several are given as several URLs, each with one host",
        ),
    ] {
        let told = refused_replicas(&urls);
        assert!(told.contains("DATABASE_REPLICA_URLS: entry"), "{told}");
        assert!(told.contains(what), "{told}");
        assert!(told.contains(example), "{told}");
        assert!(!told.contains("sec"), "{told}");
    }
}

#[test]
fn other_databases_have_no_replicas() {
    for url in ["memory:", "sqlite://app.db"] {
        let told = refused(&[
            ("DATABASE_URL", url),
            ("DATABASE_REPLICA_URLS", "postgres://app:secret@db2/films"),
        ]);
        assert_eq!(
            told,
            "DATABASE_REPLICA_URLS: only a PostgreSQL database has replicas, and the database is another one"
        );
        let made = DatabaseConfig::from_url(url)
            .unwrap()
            .with_replica_url("postgres://app:secret@db2/films")
            .unwrap();
        assert_eq!(
            made.check().unwrap_err().to_string(),
            "invalid configuration: replicas: only a PostgreSQL database has replicas, and the database is another one"
        );
    }
}

#[test]
fn replicas_made_in_code_are_checked() {
    let config = DatabaseConfig::from_url(PRIMARY.1).unwrap();
    let refused = config
        .clone()
        .with_replica_url("sqlite://secret.db")
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
    assert!(!refused.to_string().contains("secret"), "{refused}");
    let mut several = config
        .with_replica_url("postgres://app:secret@db2,db3/films")
        .unwrap()
        .with_replica_max_lag(Duration::from_millis(999));
    for _ in 0..16 {
        several
            .replicas
            .push(PostgresTarget::new("db", 1, "a", "b"));
    }
    assert_eq!(
        several.check().unwrap_err().to_string(),
        "invalid configuration, 3 problems:\n  \
         replica_max_lag: 999ms is not between 1s and 24h\n  \
         replicas: there are more than 16\n  \
         replicas[0].hosts: a replica is one server; several are given as several URLs, each with one host"
    );
}

#[test]
fn the_lag_has_bounds() {
    assert_eq!(
        refused(&[PRIMARY, ("DATABASE_REPLICA_MAX_LAG", "10ms")]),
        "DATABASE_REPLICA_MAX_LAG: \"10ms\" is less than 1s; for example DATABASE_REPLICA_MAX_LAG=10s"
    );
}
