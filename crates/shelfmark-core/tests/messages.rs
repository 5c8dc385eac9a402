//! What the library says when something goes wrong. A message is part of the product: whoever changes one, changes it
//! here.
//!
//! The messages of the configuration are held beside its code, where every one of them can be caused.

use std::error::Error as _;
use std::time::Duration;

use insta::assert_snapshot;
use shelfmark_core::config::{DatabaseConfig, Target};
use shelfmark_core::pool::{Holders, PoolStatus};
use shelfmark_core::{Constraint, Error, ErrorKind};

const KINDS: &[ErrorKind] = &[
    ErrorKind::NotFound,
    ErrorKind::TooManyRows,
    ErrorKind::Unique,
    ErrorKind::ForeignKey,
    ErrorKind::NotNull,
    ErrorKind::Check,
    ErrorKind::Stale,
    ErrorKind::Serialization,
    ErrorKind::Deadlock,
    ErrorKind::Timeout,
    ErrorKind::PoolExhausted,
    ErrorKind::Connection,
    ErrorKind::CommitUnknown,
    ErrorKind::Decode,
    ErrorKind::Encode,
    ErrorKind::InvalidInput,
    ErrorKind::InvalidCursor,
    ErrorKind::InvalidConfig,
    ErrorKind::Unsupported,
    ErrorKind::TransactionAborted,
    ErrorKind::TransactionClosed,
    ErrorKind::NotImplemented,
    ErrorKind::Migration,
    ErrorKind::Verification,
    ErrorKind::Other,
];

/// A row as the server quotes it, with a value that nobody else may read.
const ROW: &str = "Key (email)=(ada@example.org) already exists.";

#[test]
fn every_kind_has_a_sentence() {
    let sentences: Vec<String> = KINDS
        .iter()
        .map(|kind| format!("{kind:?}: {}", Error::new(*kind)))
        .collect();
    assert_snapshot!(sentences.join("\n"), @r"
    NotFound: no row found
    TooManyRows: more than one row found where one was expected
    Unique: unique violation
    ForeignKey: foreign key violation
    NotNull: not-null violation
    Check: check violation
    Stale: the row was changed or deleted since it was read
    Serialization: serialization failure
    Deadlock: deadlock
    Timeout: timed out
    PoolExhausted: no connection became free in time
    Connection: the database cannot be reached
    CommitUnknown: the answer to COMMIT was lost; the transaction may or may not be committed
    Decode: a value of the result does not fit
    Encode: a parameter cannot be sent
    InvalidInput: the database refused a value
    InvalidCursor: invalid cursor
    InvalidConfig: invalid configuration
    Unsupported: not supported by this engine
    TransactionAborted: the transaction was aborted by an earlier failure and can only be rolled back
    TransactionClosed: the transaction's scope has ended
    NotImplemented: not implemented by this fake
    Migration: migration failed
    Verification: statements do not fit the schema
    Other: the database refused the statement
    ");
}

#[test]
fn a_sentence_is_lower_case_and_has_no_full_stop() {
    for kind in KINDS {
        let text = Error::new(*kind).to_string();
        assert!(text.starts_with(char::is_lowercase), "{text}");
        assert!(!text.ends_with('.'), "{text}");
    }
}

#[test]
fn the_method_comes_first_and_the_first_name_stays() {
    let error = Error::new(ErrorKind::NotFound)
        .with_method("Shows::get")
        .with_method("Db::fetch_one");
    assert_snapshot!(error, @"Shows::get: no row found");
    assert_snapshot!(Error::not_found("Shows::get"), @"Shows::get: no row found");
    assert_snapshot!(
        Error::not_implemented("Shows::insert"),
        @"Shows::insert: not implemented by this fake"
    );
}

#[test]
fn a_violated_constraint_is_named_in_place_of_the_code() {
    let error = Error::new(ErrorKind::Unique)
        .with_method("Shows::insert")
        .with_constraint("shows_title_key")
        .with_code("23505")
        .with_server_message(ROW);
    assert_snapshot!(error, @"Shows::insert: unique violation of shows_title_key");

    let title = Constraint::new("shows_title_key");
    let error = Error::unique_violation(title);
    assert_snapshot!(error, @"unique violation of shows_title_key");
    assert!(error.violates(title));

    for (kind, name) in [
        (ErrorKind::ForeignKey, "show_genres_genre_id_fkey"),
        (ErrorKind::NotNull, "shows.title"),
        (ErrorKind::Check, "shows_release_year_check"),
    ] {
        let text = Error::new(kind).with_constraint(name).to_string();
        assert!(text.ends_with(&format!(" violation of {name}")), "{text}");
    }
}

#[test]
fn a_detail_replaces_the_sentence_and_the_code_follows() {
    let error = Error::new(ErrorKind::Other)
        .with_method("Shows::search")
        .with_detail("syntax error at character 8")
        .with_code("42601");
    assert_snapshot!(error, @"Shows::search: syntax error at character 8 (42601)");
    let error = Error::new(ErrorKind::Timeout).with_code("SQLITE_INTERRUPT");
    assert_snapshot!(error, @"timed out (SQLITE_INTERRUPT)");
}

#[test]
fn the_cause_is_the_source_and_is_not_repeated() {
    let error = Error::new(ErrorKind::Connection).with_source("connection refused");
    assert_snapshot!(error, @"the database cannot be reached");
    let source = error.source().map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("connection refused"));
}

#[test]
fn the_words_of_the_server_are_only_handed_out_when_asked() {
    let error = Error::new(ErrorKind::Unique)
        .with_method("Users::insert")
        .with_constraint("users_email_key")
        .with_detail("the row was refused")
        .with_code("23505")
        .with_server_message(ROW)
        .with_source("refused");
    assert_eq!(error.server_message(), Some(ROW));
    assert_snapshot!(error, @"Users::insert: unique violation of users_email_key");
    assert_snapshot!(
        format!("{error:?}"),
        @r#"Error { kind: Unique, method: "Users::insert", constraint: "users_email_key", detail: "the row was refused", code: "23505", source: "refused" }"#
    );
    assert!(!format!("{error:#?}").contains("ada@example.org"));
}

#[test]
fn debug_of_a_bare_error_is_its_kind() {
    assert_snapshot!(format!("{:?}", Error::new(ErrorKind::Deadlock)), @"Error { kind: Deadlock }");
}

#[test]
fn an_exhausted_pool_explains_itself() {
    let status = PoolStatus::new("PostgreSQL db:5432/films".to_owned(), 10, 10, 10, 17);
    let error = status.exhausted(Duration::from_secs(5));
    assert_eq!(error.kind(), ErrorKind::PoolExhausted);
    assert_snapshot!(
        error.with_method("Shows::insert"),
        @"Shows::insert: timed out after 5000ms waiting for a connection (max 10, in use 10, idle 0, waiting 17)"
    );
}

#[test]
fn an_exhausted_pool_names_who_held_longest() {
    let holders = Holders::default();
    let _first = holders.hold("Shows::search");
    let _second = holders.hold("Shows::insert");
    let mut held = holders.list();
    held[0].held_for = Duration::from_millis(4_210);
    let status = PoolStatus::new("SQLite app.db".to_owned(), 2, 2, 2, 1).with_holders(held);
    assert_snapshot!(
        status.exhausted(Duration::from_millis(250)),
        @"timed out after 250ms waiting for a connection (max 2, in use 2, idle 0, waiting 1); held longest: Shows::search for 4.2s"
    );
}

#[test]
fn a_close_that_cuts_calls_off_says_how_many_and_who() {
    let holders = Holders::default();
    let _first = holders.hold("Shows::search");
    let mut held = holders.list();
    held[0].held_for = Duration::from_millis(12_340);
    let status = |in_use| PoolStatus::new("SQLite app.db".to_owned(), 5, 5, in_use, 0);
    assert!(status(0).cut_off(Duration::from_secs(10)).is_ok());
    let one = status(1).with_holders(held.clone());
    assert_snapshot!(
        one.cut_off(Duration::from_secs(10)).expect_err("one was cut off"),
        @"SQLite app.db was closed, but cut off one call still running after 10000ms; running longest: Shows::search for 12.3s"
    );
    let three = status(3).with_holders(held);
    assert_snapshot!(
        three.cut_off(Duration::from_millis(200)).expect_err("three were cut off"),
        @"SQLite app.db was closed, but cut off 3 calls still running after 200ms; running longest: Shows::search for 12.3s"
    );
}

#[test]
fn a_wrong_configuration_names_variable_problem_and_example() {
    let vars = [
        ("DATABASE_URL", "postgres://app:hunter2@db:port/films"),
        ("DATABASE_POOL_MAX", "ten"),
    ];
    let error = DatabaseConfig::from_vars(vars.map(|(name, value)| (name.into(), value.into())))
        .expect_err("both are wrong");
    assert_snapshot!(error, @r#"
    invalid configuration, 2 problems:
      DATABASE_URL: the port of host 1 is not a number from 1 to 65535; if it is a password, the host is missing after it; for example DATABASE_URL=postgres://user:password@localhost:5432/app
      DATABASE_POOL_MAX: "ten" is not a number; for example DATABASE_POOL_MAX=10
    "#);
    let error = Target::parse("app.db").expect_err("a path is no URL");
    assert_snapshot!(
        error,
        @"invalid configuration: database URL: it is not a URL; write sqlite:// before a file's path, or memory: or a postgres:// URL; for example sqlite://app.db"
    );
}
