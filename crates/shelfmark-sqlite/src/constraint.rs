//! Which constraint refused a row, by the name PostgreSQL would give it.
//!
//! SQLite names columns for a unique violation, the text of the expression for a check, and nothing at all for a
//! foreign key. The names are found in the schema, on the connection where the statement failed. Where they cannot be
//! found the error stays without one; looking never makes matters worse.

use std::time::{Duration, Instant};

use rusqlite::OptionalExtension as _;
use shelfmark_core::sql::{
    ConstraintKind, TableConstraint, constraint_names, default_constraint_name, target_table,
};
use shelfmark_core::{Error, ErrorKind};

use crate::bind::Ready;
use crate::connection::Connection;
use crate::foreign_key;

/// How long the search for a name may take.
pub(crate) const SEARCH_BUDGET: Duration = Duration::from_millis(250);

/// A statement that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) sql: &'a str,
    pub(crate) values: &'a [Ready],
    /// How long it ran until it failed.
    pub(crate) took: Duration,
}

/// Adds the name of the constraint that `attempt` violated, if it violated one.
pub(crate) fn name(connection: &Connection, error: Error, attempt: Attempt<'_>) -> Error {
    let message = error.server_message().unwrap_or_default();
    let found = match error.kind() {
        ErrorKind::Unique => bounded(connection, || unique(connection, &error, message)),
        ErrorKind::NotNull => bounded(connection, || not_null(connection, message)),
        ErrorKind::Check => bounded(connection, || check(connection, message, attempt.sql)),
        ErrorKind::ForeignKey => foreign_key::violated_by(connection, attempt),
        _ => None,
    };
    with_name(error, found)
}

/// Adds the name of the constraint that was violated when the transaction should have been committed.
pub(crate) fn name_at_commit(connection: &Connection, error: Error) -> Error {
    let found = match error.kind() {
        ErrorKind::ForeignKey => {
            bounded(connection, || foreign_key::violated_at_commit(connection))
        }
        _ => None,
    };
    with_name(error, found)
}

fn with_name(error: Error, name: Option<String>) -> Error {
    match name {
        Some(name) => error.with_constraint(name),
        None => error,
    }
}

/// Searches for no longer than the budget. What is searched only reads, so its interruption undoes nothing.
pub(crate) fn bounded<T>(connection: &Connection, search: impl FnOnce() -> Option<T>) -> Option<T> {
    let _bound = connection.signals().bound(Instant::now(), SEARCH_BUDGET);
    search()
}

/// The constraints in the text of a table's definition.
pub(crate) fn of_table(connection: &Connection, table: &str) -> Vec<TableConstraint> {
    let sql: rusqlite::Result<Option<String>> = connection
        .raw()
        .query_row(
            "SELECT sql FROM temp.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE
             UNION ALL
             SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
            [table],
            |row| row.get(0),
        )
        .optional();
    match sql {
        Ok(Some(sql)) => constraint_names(&sql),
        _ => Vec::new(),
    }
}

/// `UNIQUE constraint failed: t.a, t.b`, or `…: index 'name'` for an index on expressions.
fn unique(connection: &Connection, error: &Error, message: &str) -> Option<String> {
    let what = message.strip_prefix("UNIQUE constraint failed: ")?;
    if let Some(index) = what
        .strip_prefix("index '")
        .and_then(|rest| rest.strip_suffix('\''))
    {
        return Some(index.to_owned());
    }
    let (table, columns) = table_and_columns(connection, what)?;
    let of_kind = |kind| {
        of_table(connection, &table)
            .into_iter()
            .find(|one| one.kind == kind && same_columns(&one.columns, &columns))
            .map(|one| one.name)
    };
    if error.code() == Some("SQLITE_CONSTRAINT_PRIMARYKEY") {
        return of_kind(ConstraintKind::PrimaryKey);
    }
    unique_index(connection, &table, &columns).or_else(|| of_kind(ConstraintKind::Unique))
}

/// The `CREATE UNIQUE INDEX` on exactly these columns.
fn unique_index(connection: &Connection, table: &str, columns: &[String]) -> Option<String> {
    let mut statement = connection
        .raw()
        .prepare(
            "SELECT list.name, info.name
             FROM pragma_index_list(?1) AS list, pragma_index_info(list.name) AS info
             WHERE list.\"unique\" AND list.origin = 'c'
             ORDER BY list.seq, info.seqno",
        )
        .ok()?;
    let mut rows = statement.query([table]).ok()?;
    let mut indexes: Vec<(String, Vec<String>)> = Vec::new();
    while let Some(row) = rows.next().ok()? {
        let index: String = row.get(0).ok()?;
        // An expression has no name, and no column is called like this.
        let column: String = row.get::<_, Option<String>>(1).ok()?.unwrap_or_default();
        match indexes.last_mut() {
            Some((last, columns)) if *last == index => columns.push(column),
            _ => indexes.push((index, vec![column])),
        }
    }
    indexes
        .into_iter()
        .find_map(|(index, of_index)| same_columns(&of_index, columns).then_some(index))
}

/// `NOT NULL constraint failed: t.a`.
fn not_null(connection: &Connection, message: &str) -> Option<String> {
    let what = message.strip_prefix("NOT NULL constraint failed: ")?;
    let (table, columns) = table_and_columns(connection, what)?;
    let table = table.to_ascii_lowercase();
    let columns: Vec<String> = columns
        .iter()
        .map(|column| column.to_ascii_lowercase())
        .collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    Some(default_constraint_name(&table, &columns, "not_null"))
}

/// `CHECK constraint failed: name-or-expression`, which does not say of which table.
fn check(connection: &Connection, message: &str, sql: &str) -> Option<String> {
    let reported = message.strip_prefix("CHECK constraint failed: ")?;
    let among = |table: &str| {
        of_table(connection, table).into_iter().find_map(|one| {
            (one.kind == ConstraintKind::Check && one.reported.as_deref() == Some(reported))
                .then_some(one.name)
        })
    };
    if let Some(name) = target_table(sql).and_then(|table| among(&table)) {
        return Some(name);
    }
    // A trigger wrote to another table.
    let mut names = tables(connection)?
        .iter()
        .filter_map(|table| among(table))
        .collect::<Vec<_>>();
    names.dedup();
    match names.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// The names of all tables.
fn tables(connection: &Connection) -> Option<Vec<String>> {
    let mut statement = connection
        .raw()
        .prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table'")
        .ok()?;
    let names = statement.query_map([], |row| row.get(0)).ok()?;
    names.collect::<rusqlite::Result<_>>().ok()
}

/// Whether two lists of names are the same, as SQLite compares names.
pub(crate) fn same_columns(left: &[String], right: &[String]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| left.eq_ignore_ascii_case(right))
}

/// Takes `t.a, t.b` apart. A name may have a dot in it, so the table is the one that exists.
fn table_and_columns(connection: &Connection, what: &str) -> Option<(String, Vec<String>)> {
    let parts: Vec<&str> = what.split(", ").collect();
    let first = parts.first()?;
    first
        .match_indices('.')
        .filter_map(|(at, _)| {
            let table = first.get(..at)?;
            let columns: Option<Vec<String>> = parts
                .iter()
                .map(|part| Some(part.strip_prefix(table)?.strip_prefix('.')?.to_owned()))
                .collect();
            Some((table.to_owned(), columns?))
        })
        .find(|(table, _)| is_table(connection, table))
}

fn is_table(connection: &Connection, name: &str) -> bool {
    connection
        .raw()
        .query_row("SELECT 1 FROM pragma_table_info(?1)", [name], |_| Ok(()))
        .is_ok()
}
