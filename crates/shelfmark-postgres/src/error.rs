//! From the server's codes and the driver's errors to [`Error`].
//!
//! What a server says about data (classes 22 and 23, and whatever a function raises) may contain values, so it goes
//! to `with_server_message` only. What it says about the text of a statement (classes 0A, 25 and 42) is shown.

use std::error::Error as StdError;
use std::io;

use shelfmark_core::sql::default_constraint_name;
use shelfmark_core::{Error, ErrorKind};
use tokio_postgres::error::{DbError, ErrorPosition, Severity};

use crate::connection::Connection;

/// A statement whose plan no longer fits: the routine that says so, which is not translated as its message is.
const STALE_PLAN_ROUTINE: &str = "RevalidateCachedQuery";

/// What became of a connection whose call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// The answer has ended; the connection takes the next statement.
    Usable,
    /// The connection is gone, or in a state that nobody knows.
    Lost,
}

/// What became of the statement of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing of it happened: it never left, or the server refused it before running it.
    NotRun,
    /// It failed, or nobody knows.
    Other,
    /// It ran, and some of its rows have been handed on.
    Answered,
}

/// A call that failed, and what may be done about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) link: Link,
    pub(crate) fate: Fate,
}

impl Failure {
    /// Refused by us, before anything was sent.
    pub(crate) fn unsent(error: Error) -> Self {
        Failure {
            error,
            link: Link::Usable,
            fate: Fate::NotRun,
        }
    }

    /// A statement could not be prepared; it has not run, however that ended.
    pub(crate) fn unprepared(error: tokio_postgres::Error, connection: &Connection) -> Self {
        let failure = Failure::from_driver(error, false, connection);
        Failure {
            // A server that answered has refused for good; one that is gone may be asked again.
            fate: match failure.link {
                Link::Usable => Fate::Other,
                Link::Lost => Fate::NotRun,
            },
            ..failure
        }
    }

    /// What the driver answered to a statement, of which bytes were `sent` or not.
    pub(crate) fn from_driver(
        error: tokio_postgres::Error,
        sent: bool,
        connection: &Connection,
    ) -> Self {
        if let Some(said) = error.as_db_error() {
            let ends_session = matches!(
                said.parsed_severity(),
                Some(Severity::Fatal | Severity::Panic)
            );
            return Failure {
                error: if ends_session {
                    lost(sent, Some(said.code().code().to_owned()))
                } else {
                    from_server(said)
                },
                link: if ends_session {
                    Link::Lost
                } else {
                    Link::Usable
                },
                fate: Fate::Other,
            };
        }
        let is_closed = error.is_closed();
        let error = match error.into_source() {
            // The driver has no other error without a cause for what is sent here.
            None if !is_closed => Error::new(ErrorKind::Unsupported).with_detail(
                "the server answered with something else than rows; COPY cannot be sent as a statement",
            ),
            None => lost(sent, connection.farewell().map(str::to_owned)),
            Some(source) => match source.downcast::<io::Error>() {
                Ok(source) => lost(sent, None).with_source(source),
                Err(_) => lost(sent, None),
            },
        };
        Failure {
            error,
            link: Link::Lost,
            fate: if sent { Fate::Other } else { Fate::NotRun },
        }
    }
}

/// A connection that went away.
pub(crate) fn lost(sent: bool, code: Option<String>) -> Error {
    let error = Error::new(ErrorKind::Connection).with_detail(if sent {
        "the connection was lost while the statement ran; it may or may not have been done"
    } else {
        "the connection was lost before the statement was sent"
    });
    match code {
        Some(code) => error.with_code(code),
        None => error,
    }
}

/// Whether the server refused to run a prepared statement because the schema has changed since, or because it no
/// longer has the statement. Nothing was run.
pub(crate) fn is_stale(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|said| {
        said.code().code() == "26000"
            || (said.code().code() == "0A000" && said.routine() == Some(STALE_PLAN_ROUTINE))
    })
}

/// What the server said of a statement.
pub(crate) fn from_server(said: &DbError) -> Error {
    let code = said.code().code();
    let (kind, detail) = classify(code, said);
    let mut error = Error::new(kind)
        .with_code(code.to_owned())
        .with_server_message(words(said));
    if let Some(detail) = detail {
        error = error.with_detail(detail);
    }
    match (kind, said.constraint(), said.table(), said.column()) {
        (_, Some(constraint), _, _) => error.with_constraint(constraint.to_owned()),
        // Before PostgreSQL 18 this constraint has no name; the name is the one 18 gives.
        (ErrorKind::NotNull, None, Some(table), Some(column)) => {
            error.with_constraint(default_constraint_name(table, &[column], "not_null"))
        }
        _ => error,
    }
}

fn classify(code: &str, said: &DbError) -> (ErrorKind, Option<String>) {
    let text = |text: &str| Some(text.to_owned());
    match code {
        // An exclusion constraint is a unique constraint under another operator than `=`.
        "23505" | "23P01" => (ErrorKind::Unique, None),
        "23503" | "23001" => (ErrorKind::ForeignKey, None),
        "23502" => (ErrorKind::NotNull, None),
        "23514" | "44000" => (ErrorKind::Check, None),
        "40001" => (ErrorKind::Serialization, None),
        "40P01" => (ErrorKind::Deadlock, None),
        "55P03" => (
            ErrorKind::Timeout,
            text("a lock was not free in the time that the statement waits for it"),
        ),
        "57014" => (
            ErrorKind::Timeout,
            text("the server stopped the statement: it was cancelled or ran too long"),
        ),
        "25P02" => (ErrorKind::TransactionAborted, None),
        "25006" => (
            ErrorKind::Unsupported,
            text("the transaction or the server is read-only"),
        ),
        "53300" => (
            ErrorKind::Connection,
            text("the server has too many connections"),
        ),
        "26000" | "42P05" => (
            ErrorKind::Other,
            Some(format!(
                "{}; behind PgBouncer with pool_mode=transaction set DATABASE_POOLER=transaction",
                said.message()
            )),
        ),
        "53100" => (ErrorKind::Other, text("the server's disk is full")),
        "53200" => (ErrorKind::Other, text("the server is out of memory")),
        "25P03" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "40003" => (
            ErrorKind::Connection,
            text("the server ended the connection"),
        ),
        "3D000" => (
            ErrorKind::InvalidConfig,
            text("the database does not exist"),
        ),
        _ => match code.get(..2) {
            Some("08") => (ErrorKind::Connection, None),
            Some("22") => (
                ErrorKind::InvalidInput,
                Some(format!("the database refused a value: {}", condition(code))),
            ),
            Some("28") => (
                ErrorKind::InvalidConfig,
                text("the server does not let this user in"),
            ),
            Some("0A" | "25" | "42") => (ErrorKind::Other, Some(about_the_text(said))),
            _ => (ErrorKind::Other, None),
        },
    }
}

/// What the server said of the text of a statement, with the place.
fn about_the_text(said: &DbError) -> String {
    match said.position() {
        Some(ErrorPosition::Original(character)) => {
            format!("{} (at character {character})", said.message())
        }
        _ => said.message().to_owned(),
    }
}

/// All the server said, for [`Error::server_message`].
fn words(said: &DbError) -> String {
    let mut words = said.message().to_owned();
    for (label, more) in [("detail", said.detail()), ("hint", said.hint())] {
        if let Some(more) = more {
            words.push_str(&format!("; {label}: {more}"));
        }
    }
    words
}

/// What a code of class 22 means, in words without the value.
fn condition(code: &str) -> &'static str {
    match code {
        "22001" => "a text is too long for its column",
        "22003" => "a number is out of range",
        "22004" => "a NULL where a value is needed",
        "22007" => "a text is no date or time",
        "22008" => "a date or time is out of range",
        "22011" | "22013" | "22014" | "22016" | "22023" | "2201E" | "2201F" | "2201G" => {
            "an argument of a function is out of range"
        }
        "22012" => "a division by zero",
        "22021" | "22P05" => "a character that the encoding does not have",
        "22025" | "22019" | "2200B" => "an escape sequence that is not valid",
        "22026" => "a text of the wrong length",
        "22030" | "22032" | "22033" | "22034" | "22035" | "22038" | "2203A" | "2203F" => {
            "a JSON value that is not valid here"
        }
        "2201B" => "a regular expression that is not valid",
        "2201W" => "a LIMIT below zero",
        "2201X" => "an OFFSET below zero",
        "2202E" => "an array subscript out of range",
        "22P02" => "a text that is no value of the type",
        "22P03" => "a binary value that is not valid",
        _ => "it is not valid here",
    }
}

/// An answer that did not come in time; the statement is being stopped.
pub(crate) fn deadline(limit: std::time::Duration, reads: bool) -> Error {
    let doubt = if reads {
        ""
    } else {
        "; it may have been done at the last moment"
    };
    Error::new(ErrorKind::Timeout).with_detail(format!(
        "the statement took longer than {}ms and was stopped{doubt}",
        limit.as_millis()
    ))
}

/// What callers get once the database was closed.
pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Connection).with_detail("the database was closed")
}

/// The driver's cause as an input or output error, if it is one.
pub(crate) fn io_cause(error: &tokio_postgres::Error) -> Option<&io::Error> {
    error.source().and_then(|cause| cause.downcast_ref())
}
