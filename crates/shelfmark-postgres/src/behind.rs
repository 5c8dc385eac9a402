//! Behind a pooler that lends the server's connection for one transaction at a time, such as PgBouncer with
//! `pool_mode=transaction`.
//!
//! What a session keeps is nobody's there, so no statement has a name that outlives a transaction: a statement is
//! parsed, bound and run in one request, with the types of its parameters. Those are learned once for each text and
//! connection, by preparing it inside of a transaction, where the pooler lends one connection, and taking the name away
//! before the end. The driver names what it prepares by a counter of its own, so two clients that left a name behind
//! would meet it as their own.

use std::sync::{Mutex, PoisonError};

use futures_util::future::join;
use shelfmark_core::sql::{Token, TokenKind, tokenize};
use shelfmark_core::{Error, ErrorKind};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type as PgType;
use tokio_postgres::{SimpleQueryMessage, Statement};

use crate::connection::Connection;
use crate::error::{Failure, Fate, Link};

/// What the driver has prepared by itself since the transaction began; a statement of our own is closed by then. Those
/// that were made by `PREPARE` are known already.
/// Only names that the driver gives: a pooler that keeps prepared statements itself (PgBouncer from 1.21 on, with
/// `max_prepared_statements`) has names of its own on the server, which are not ours to take away.
const LOOKUPS: &str = "SELECT name, statement FROM pg_catalog.pg_prepared_statements \
     WHERE NOT from_sql AND prepare_time >= pg_catalog.now() AND name ~ '^s[0-9]+$'";

/// A name that is taken, or gone.
const NAME_TAKEN: &str = "42P05";
const NAME_GONE: &str = "26000";

/// What a connection knows that stands before such a pooler.
#[derive(Debug)]
pub(crate) struct Behind {
    /// The server's own deadline of a statement, which only a transaction can have.
    limit_ms: u128,
    /// The statements by which the driver looks up types, with their names. It believes them to be prepared.
    lookups: Mutex<Vec<Lookup>>,
    /// Held by who learns: several statements of a transaction may be under way at once.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Lookup {
    name: String,
    sql: String,
}

impl Behind {
    pub(crate) fn new(limit_ms: u128) -> Self {
        Behind {
            limit_ms,
            lookups: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Bounds the statements of the transaction that is open.
    pub(crate) fn limit(&self) -> String {
        format!("SET LOCAL statement_timeout = {}", self.limit_ms)
    }

    fn lookups(&self) -> std::sync::MutexGuard<'_, Vec<Lookup>> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a statement failed because what is known of its types is no longer so. It has not run.
    pub(crate) fn is_outdated(error: &tokio_postgres::Error) -> bool {
        error.as_db_error().is_some_and(|said| {
            matches!(
                said.code().code(),
                "42804" | "42846" | "42883" | "42725" | "42704" | "42P18"
            ) || (said.code().code() == "XX000"
                && said.message().starts_with("cache lookup failed for type"))
        })
    }

    /// Whether the driver met a type that it had to look up while a statement ran: the statements for that are not on
    /// the connection that the pooler had lent.
    pub(crate) fn is_astray(error: &tokio_postgres::Error) -> bool {
        error
            .code()
            .is_some_and(|code| matches!(code.code(), NAME_TAKEN | NAME_GONE))
    }
}

/// Prepares `sql` with these types, hands what the server says of it to `read`, and leaves nothing behind.
///
/// # Cancel safety
/// Dropped, it closes the connection, and with it the pooler closes the server's, which has a name on it.
pub(crate) async fn learn<T>(
    connection: &Connection,
    behind: &Behind,
    sql: &str,
    types: &[PgType],
    in_transaction: bool,
    read: impl FnOnce(&Statement) -> T,
) -> Result<T, Failure> {
    let _turn = behind.turn.lock().await;
    let client = connection.client();
    let mut unfinished = Unfinished {
        connection,
        ended: false,
    };
    let (begin, keep, undo) = match in_transaction {
        false => ("BEGIN READ ONLY", "ROLLBACK", "ROLLBACK"),
        true => (
            "SAVEPOINT shelfmark_learn",
            "RELEASE SAVEPOINT shelfmark_learn",
            "ROLLBACK TO SAVEPOINT shelfmark_learn; RELEASE SAVEPOINT shelfmark_learn",
        ),
    };
    let known = behind.lookups().clone();
    let mut first = begin.to_owned();
    for Lookup { name, sql } in &known {
        first.push_str(&format!("; PREPARE {name} AS {sql}"));
    }
    // Polled in this order, so sent in this order, without a wait between.
    let (begun, prepared) = join(
        client.batch_execute(&first),
        client.prepare_typed(sql, types),
    )
    .await;
    if let Err(error) = begun {
        // In a transaction that has failed the server makes no name; what it was undone to is its user's matter.
        if in_transaction && error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) {
            unfinished.ended = true;
            return Err(Failure::unprepared(error, connection));
        }
        return Err(unfinished.give_up(error));
    }
    let answer = match prepared {
        Ok(statement) => {
            let columns = statement.columns().iter().map(|column| column.type_());
            let mut seen = statement.params().iter().chain(columns);
            let is_unusual = seen.any(|ty| PgType::from_oid(ty.oid()).is_none());
            let answer = read(&statement);
            // The name is taken away by what this sends, before anything that follows.
            drop(statement);
            if is_unusual {
                note_lookups(connection, behind)
                    .await
                    .map_err(|error| unfinished.give_up(error))?;
            }
            Ok(answer)
        }
        // Nobody knows which names are there.
        Err(error) if Behind::is_astray(&error) => return Err(unfinished.give_up(error)),
        Err(error) => Err(Failure::unprepared(error, connection)),
    };
    if answer
        .as_ref()
        .err()
        .is_some_and(|failure| failure.link == Link::Lost)
    {
        return answer;
    }
    let mut last = if answer.is_ok() { keep } else { undo }.to_owned();
    for Lookup { name, .. } in behind.lookups().iter() {
        last.push_str(&format!("; DEALLOCATE {name}"));
    }
    client
        .batch_execute(&last)
        .await
        .map_err(|error| unfinished.give_up(error))?;
    unfinished.ended = true;
    answer
}

/// Remembers the statements that the driver has prepared in this transaction, to look up types.
async fn note_lookups(
    connection: &Connection,
    behind: &Behind,
) -> Result<(), tokio_postgres::Error> {
    let answers = connection.client().simple_query(LOOKUPS).await?;
    let mut lookups = behind.lookups();
    for answer in &answers {
        if let SimpleQueryMessage::Row(row) = answer
            && let (Ok(Some(name)), Ok(Some(sql))) = (row.try_get(0), row.try_get(1))
        {
            lookups.push(Lookup {
                name: format!("\"{}\"", name.replace('"', "\"\"")),
                sql: sql.to_owned(),
            });
        }
    }
    Ok(())
}

/// A connection that has names on the server. Dropped before they are gone, it is closed.
struct Unfinished<'c> {
    connection: &'c Connection,
    ended: bool,
}

impl Unfinished<'_> {
    /// The connection cannot be used again; nothing has run on it.
    fn give_up(&self, error: tokio_postgres::Error) -> Failure {
        Failure {
            link: Link::Lost,
            fate: Fate::NotRun,
            ..Failure::from_driver(error, false, self.connection)
        }
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.kill();
        }
    }
}

/// Why a statement that changes its session is refused.
pub(crate) fn refused(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(format!(
        "{what} belongs to a session, which nobody has behind a pooler in transaction mode; write SET LOCAL, \
         pg_advisory_xact_lock or ON COMMIT DROP in a transaction instead, or leave DATABASE_POOLER unset and connect \
         without the pooler"
    ))
}

/// What in `sql` needs a session of its own beyond the end of its transaction, if anything does.
pub(crate) fn needs_session(sql: &str) -> Option<&'static str> {
    let tokens = tokenize(sql).unwrap_or_default();
    let tokens: Vec<&Token> = tokens
        .iter()
        .filter(|token| !token.is_trivia() && token.kind != TokenKind::Semicolon)
        .collect();
    let is = |at: usize, word: &str| {
        let token: Option<&&Token> = tokens.get(at);
        token.is_some_and(|token| token.is_word(sql, word))
    };
    let any = |at: usize, words: &[&str]| words.iter().any(|word| is(at, word));
    if is(0, "set") && !any(1, &["local", "constraints", "transaction"]) {
        return Some("SET");
    }
    for (word, name) in [
        ("reset", "RESET"),
        ("discard", "DISCARD"),
        ("listen", "LISTEN"),
        ("unlisten", "UNLISTEN"),
        ("prepare", "PREPARE"),
        ("deallocate", "DEALLOCATE"),
        ("load", "LOAD"),
    ] {
        if is(0, word) {
            return Some(name);
        }
    }
    let ends_with_transaction =
        (0..tokens.len()).any(|at| is(at, "on") && is(at + 1, "commit") && is(at + 2, "drop"));
    // `INSERT INTO temp` names a table.
    let makes = |at: usize| {
        is(at, "create")
            || (is(at, "into") && !at.checked_sub(1).is_some_and(|at| is(at, "insert")))
    };
    let temporary = |at: usize| any(at, &["temp", "temporary"]);
    for (at, token) in tokens.iter().enumerate() {
        if makes(at) && (temporary(at + 1) || temporary(at + 2)) && !ends_with_transaction {
            return Some("a temporary table");
        }
        let text = sql.get(token.start..token.end).unwrap_or_default();
        let name = text.to_ascii_lowercase();
        if name.starts_with("pg_advisory_") || name.starts_with("pg_try_advisory_") {
            if !name.contains("_xact_") {
                return Some("an advisory lock");
            }
        } else if name == "set_config" && !is_local(sql, tokens.get(at + 1..).unwrap_or_default()) {
            return Some("set_config");
        }
    }
    None
}

/// Whether the arguments that begin here end in `true`.
fn is_local(sql: &str, tokens: &[&Token]) -> bool {
    let mut depth = 0;
    let mut last = None;
    for token in tokens {
        match sql.get(token.start..token.end) {
            Some("(") => depth += 1,
            Some(")") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        last = Some(token);
    }
    last.is_some_and(|token| token.is_word(sql, "true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outlives_its_transaction_is_told_from_what_does_not() {
        for sql in [
            "SET work_mem = '1MB'",
            "set session authorization x",
            "RESET ALL",
            "LISTEN shows",
            "CREATE TEMP TABLE t (id int)",
            "SELECT 1 AS id INTO TEMPORARY t",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_try_advisory_lock_shared($1)",
            "SELECT set_config('a.b', $1, false)",
        ] {
            assert!(needs_session(sql).is_some(), "{sql}");
        }
        for sql in [
            "SET LOCAL work_mem = '1MB'",
            "SET TRANSACTION READ ONLY",
            "CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1",
            "SELECT pg_advisory_xact_lock(1)",
            "SELECT pg_catalog.set_config('a.b', (SELECT $1), true)",
            "INSERT INTO temp VALUES (1)",
            "DO $$ BEGIN END $$",
            "CALL refresh()",
        ] {
            assert_eq!(needs_session(sql), None, "{sql}");
        }
    }
}
