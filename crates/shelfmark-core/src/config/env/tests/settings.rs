//! The settings, their bounds and the page that documents them.

use std::time::Duration;

use super::super::super::{Misuse, Pooler};
use super::super::{family, settings};
use super::*;

#[test]
fn every_setting_is_read() {
    let config = config(&[
        ("DATABASE_URL", "memory:"),
        ("DATABASE_POOL_MIN", "2"),
        ("DATABASE_POOL_MAX", " 20 "),
        ("DATABASE_MAX_OVERFLOW", "3"),
        ("DATABASE_ACQUIRE_TIMEOUT", "250ms"),
        ("DATABASE_STATEMENT_TIMEOUT", "1.5s"),
        ("DATABASE_TRANSACTION_TIMEOUT", "2m"),
        ("DATABASE_MAX_LIFETIME", "1h"),
        ("DATABASE_IDLE_TIMEOUT", "90"),
        ("DATABASE_PRE_PING", "TRUE"),
        ("DATABASE_LANES", "0"),
        ("DATABASE_SLOW", "1s"),
        ("DATABASE_ECHO", "on"),
        ("DATABASE_MISUSE", "error"),
        ("DATABASE_CACHE_NOTIFY", "off"),
    ])
    .unwrap();
    let pool = config.pool;
    assert_eq!((pool.min, pool.max, pool.max_overflow), (2, 20, 3));
    assert_eq!(pool.acquire_timeout, Duration::from_millis(250));
    assert_eq!(pool.max_lifetime, Duration::from_secs(3600));
    assert_eq!(pool.idle_timeout, Duration::from_secs(90));
    assert!(pool.pre_ping);
    assert_eq!(pool.lanes, Some(0));
    assert_eq!(config.statement_timeout, Duration::from_millis(1500));
    assert_eq!(config.transaction_timeout, Duration::from_secs(120));
    assert_eq!(config.slow, Some(Duration::from_secs(1)));
    assert!(config.echo);
    assert_eq!(config.misuse, Misuse::Error);
    assert!(!config.cache_notify);
}

#[test]
fn a_pooler_and_the_way_past_it_are_of_a_server_alone() {
    let pooler = [
        ("DATABASE_POOLER", "Transaction"),
        ("DATABASE_DIRECT_URL", "postgres://app:secret@db:5432/films"),
    ];
    let behind = [
        &[("DATABASE_URL", "postgres://app@pooler:6432/films")][..],
        &pooler,
    ]
    .concat();
    let Target::Postgres(target) = config(&behind).unwrap().target else {
        panic!("no server");
    };
    assert_eq!(target.pooler, Pooler::Transaction);
    let direct = target.direct.unwrap();
    assert_eq!(direct.hosts, [("db".to_owned(), 5432)]);
    assert_eq!(direct.password, Some(Secret::new("secret")));
    let beside = [&[("DATABASE_URL", "memory:")][..], &pooler].concat();
    assert_eq!(config(&beside).unwrap().target, Target::Memory);
}

#[test]
fn what_is_not_set_keeps_its_default() {
    let read = config(&[("DATABASE_URL", "sqlite://app.db")]).unwrap();
    let default = DatabaseConfig::from_url("sqlite://app.db").unwrap();
    assert_eq!(format!("{read:?}"), format!("{default:?}"));
    assert_eq!(read.pool.max, 4);
}

#[test]
fn slow_can_be_switched_off() {
    for value in ["off", "OFF"] {
        let vars = [("DATABASE_URL", "memory:"), ("DATABASE_SLOW", value)];
        assert_eq!(config(&vars).unwrap().slow, None);
    }
}

#[test]
fn a_wrong_number_is_refused_with_its_problem_and_an_example() {
    for (value, what) in [
        ("ten", "\"ten\" is not a number"),
        ("0", "\"0\" is less than 1"),
        ("-5", "\"-5\" is negative"),
        ("2.5", "\"2.5\" is not a whole number"),
        ("10001", "\"10001\" is more than 10000"),
        (
            "99999999999999999999999",
            "\"99999999999999999999999\" is more than 10000",
        ),
        ("postgres://u:hunter2@db", "its value is not a number"),
    ] {
        assert_eq!(
            refused_setting("DATABASE_POOL_MAX", value),
            format!("DATABASE_POOL_MAX: {what}; for example DATABASE_POOL_MAX=10")
        );
    }
    assert_eq!(
        refused_setting("DATABASE_POOL_MIN", "two"),
        "DATABASE_POOL_MIN: \"two\" is not a number; for example DATABASE_POOL_MIN=2"
    );
    assert_eq!(
        refused_setting("DATABASE_MAX_OVERFLOW", "-1"),
        "DATABASE_MAX_OVERFLOW: \"-1\" is negative; for example DATABASE_MAX_OVERFLOW=5"
    );
}

#[test]
fn a_wrong_duration_is_refused_with_its_problem_and_an_example() {
    for (name, value, text) in [
        (
            "DATABASE_ACQUIRE_TIMEOUT",
            "5 minutes",
            "\"5 minutes\" is not a duration in ms, s, m or h (a plain number is seconds); for example \
             DATABASE_ACQUIRE_TIMEOUT=5s",
        ),
        (
            "DATABASE_ACQUIRE_TIMEOUT",
            "0",
            "\"0\" is less than 1ms; for example DATABASE_ACQUIRE_TIMEOUT=5s",
        ),
        (
            "DATABASE_ACQUIRE_TIMEOUT",
            "2h",
            "\"2h\" is more than 1h; for example DATABASE_ACQUIRE_TIMEOUT=5s",
        ),
        (
            "DATABASE_STATEMENT_TIMEOUT",
            "-1s",
            "\"-1s\" is negative; for example DATABASE_STATEMENT_TIMEOUT=30s",
        ),
        (
            "DATABASE_TRANSACTION_TIMEOUT",
            "99999999999999999999h",
            "\"99999999999999999999h\" is more than 168h; for example DATABASE_TRANSACTION_TIMEOUT=60s",
        ),
        (
            "DATABASE_MAX_LIFETIME",
            "500ms",
            "\"500ms\" is less than 1s; for example DATABASE_MAX_LIFETIME=30m",
        ),
        (
            "DATABASE_IDLE_TIMEOUT",
            "10000h",
            "\"10000h\" is more than 720h; for example DATABASE_IDLE_TIMEOUT=10m",
        ),
        (
            "DATABASE_SLOW",
            "0",
            "\"0\" calls every statement slow; write off, or DATABASE_ECHO=true to log them all; for example \
             DATABASE_SLOW=off",
        ),
        (
            "DATABASE_SLOW",
            "never",
            "\"never\" is not a duration in ms, s, m or h (a plain number is seconds); for example \
             DATABASE_SLOW=500ms",
        ),
    ] {
        assert_eq!(refused_setting(name, value), format!("{name}: {text}"));
    }
}

#[test]
fn a_wrong_switch_is_refused_with_its_problem_and_an_example() {
    for (name, value, text) in [
        (
            "DATABASE_PRE_PING",
            "2",
            "\"2\" is neither true nor false; for example DATABASE_PRE_PING=true",
        ),
        (
            "DATABASE_ECHO",
            "debug",
            "\"debug\" is neither true nor false; for example DATABASE_ECHO=true",
        ),
        (
            "DATABASE_MISUSE",
            "off",
            "\"off\" is neither warn nor error; for example DATABASE_MISUSE=error",
        ),
        (
            "DATABASE_POOLER",
            "statement",
            "\"statement\" is no mode of a pooler: none, session or transaction; for example \
             DATABASE_POOLER=transaction",
        ),
        (
            "DATABASE_DIRECT_URL",
            "memory:",
            "is no URL of a PostgreSQL server; for example \
             DATABASE_DIRECT_URL=postgres://user:password@host:5432/name",
        ),
    ] {
        assert_eq!(refused_setting(name, value), format!("{name}: {text}"));
    }
}

#[test]
fn the_minimum_may_not_exceed_the_maximum() {
    assert_eq!(
        refused_setting("DATABASE_POOL_MIN", "5"),
        "DATABASE_POOL_MIN: 5 is more than the default maximum, 4; for example DATABASE_POOL_MIN=4"
    );
    assert_eq!(
        refused(&[
            ("DATABASE_URL", "memory:"),
            ("DATABASE_POOL_MIN", "5"),
            ("DATABASE_POOL_MAX", "3")
        ]),
        "DATABASE_POOL_MIN: 5 is more than DATABASE_POOL_MAX, 3; for example DATABASE_POOL_MIN=3"
    );
    // A maximum that cannot be read is one problem, not two.
    assert_eq!(
        refused(&[
            ("DATABASE_URL", "memory:"),
            ("DATABASE_POOL_MIN", "50"),
            ("DATABASE_POOL_MAX", "x")
        ]),
        "DATABASE_POOL_MAX: \"x\" is not a number; for example DATABASE_POOL_MAX=10"
    );
}

#[test]
fn a_setting_that_would_be_ignored_is_refused() {
    assert_eq!(
        refused_setting("DATABASE_POOL_MX", "5"),
        "DATABASE_POOL_MX: is no setting; did you mean DATABASE_POOL_MAX?"
    );
    assert_eq!(
        refused_setting("DATABASE_STATEMENT_TIMEOUTS", "5"),
        "DATABASE_STATEMENT_TIMEOUTS: is no setting; did you mean DATABASE_STATEMENT_TIMEOUT?"
    );
    assert_eq!(
        refused_setting("DATABASE_POOL_SIZE", "5"),
        "DATABASE_POOL_SIZE: is no setting; those of the pool are DATABASE_POOL_MIN, DATABASE_POOL_MAX, \
         DATABASE_MAX_OVERFLOW, DATABASE_ACQUIRE_TIMEOUT, DATABASE_MAX_LIFETIME, DATABASE_IDLE_TIMEOUT and \
         DATABASE_PRE_PING"
    );
    // Others' variables are theirs.
    for name in [
        "DATABASE_HOST",
        "DATABASE_NAME",
        "DATABASE_USER",
        "TEST_DATABASE_URL",
        "POOL_MAX",
    ] {
        assert!(
            config(&[("DATABASE_URL", "memory:"), (name, "x")]).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    assert_eq!(
        refused(&[
            ("DATABASE_URL", "postgres://app:hunter2@db:x/films"),
            ("DATABASE_POOL_MAX", "ten"),
            ("DATABASE_SLOW", "slow"),
        ]),
        "invalid configuration, 3 problems:\n  \
         DATABASE_URL: the port of host 1 is not a number from 1 to 65535; if it is a password, the host is missing \
         after it; for example DATABASE_URL=postgres://user:password@localhost:5432/app\n  \
         DATABASE_POOL_MAX: \"ten\" is not a number; for example DATABASE_POOL_MAX=10\n  \
         DATABASE_SLOW: \"slow\" is not a duration in ms, s, m or h (a plain number is seconds); for example \
         DATABASE_SLOW=500ms"
    );
}

#[test]
fn every_variable_stands_in_the_documentation() {
    let page = include_str!("../../variables.md");
    for name in settings::NAMES {
        assert!(page.contains(&format!("\n| `{name}` |")), "{name}");
    }
    let named = page
        .split('`')
        .filter(|word| word.starts_with("DATABASE_") && !word.ends_with('_'));
    for name in named {
        assert!(
            name == family::URL || settings::NAMES.contains(&name),
            "{name}"
        );
    }
    for (name, _) in [DB, POSTGRES, LIBPQ].concat() {
        assert!(
            page.contains(&format!("`{name}`")) && family::is_member(name),
            "{name}"
        );
    }
}

#[test]
fn a_configuration_made_in_code_is_checked_too() {
    let config = DatabaseConfig::from_url("postgres://app@db/films").unwrap();
    assert!(config.check().is_ok());
    let config = config
        .with_pool_max(5)
        .with_acquire_timeout(Duration::from_secs(1))
        .with_statement_timeout(Duration::from_secs(2))
        .with_transaction_timeout(Duration::from_secs(3))
        .with_misuse(Misuse::Error)
        .with_slow(None)
        .with_echo(true);
    assert!(config.check().is_ok());
    assert_eq!((config.pool.max, config.slow, config.echo), (5, None, true));
    let mut config = config
        .with_pool_max(0)
        .with_acquire_timeout(Duration::ZERO)
        .with_statement_timeout(Duration::MAX)
        .with_slow(Some(Duration::ZERO));
    config.pool.min = 1;
    if let Target::Postgres(target) = &mut config.target {
        target.hosts.clear();
        target.connect_timeout = Duration::ZERO;
    }
    assert_eq!(
        config.check().unwrap_err().to_string(),
        "invalid configuration, 7 problems:\n  \
         pool.max: 0 is not between 1 and 10000\n  \
         pool.min: 1 is more than pool.max, 0\n  \
         pool.acquire_timeout: 0ns is not between 1ms and 1h\n  \
         statement_timeout: 18446744073709551615.999999999s is not between 1ms and 168h\n  \
         slow: 0ns is not between 1ms and 1h\n  \
         target.connect_timeout: 0ns is not between 1ms and 1h\n  \
         target.hosts: there is none"
    );
}
