//! Errors of the data layer as problems; the table stands in `statuses.md`.

use shelfmark_core::{Error, ErrorKind};

use super::{Chain, Problem};

const UNIQUE: &str = "a record with the same value exists already";
const FOREIGN_KEY: &str =
    "the request refers to a record that is not there, or removes one that others refer to";
const NOT_NULL: &str = "a value that every such record needs is missing";
const CHECK: &str = "a value is not among those allowed";
const STALE: &str =
    "the record was changed or deleted since it was read; read it again and repeat the change";
const REFUSED_VALUE: &str = "a value of the request cannot be stored or compared";
const LOST_RACE: &str = "the request collided with another one; send it again";
const TOO_SLOW: &str = "the database did not answer in time; try again later";
const AWAY: &str = "the database is not available now; try again later";
const COMMIT_UNKNOWN: &str = "it is not known whether the change was saved; look before sending it \
                              again, and give `incident` when you report it";

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let problem = match error.kind() {
            ErrorKind::NotFound => Problem::not_found("there is no such record"),
            ErrorKind::Unique => Problem::conflict(UNIQUE),
            ErrorKind::ForeignKey => Problem::conflict(FOREIGN_KEY),
            ErrorKind::Stale => Problem::conflict(STALE),
            ErrorKind::NotNull => Problem::unprocessable(NOT_NULL),
            ErrorKind::Check => Problem::unprocessable(CHECK),
            ErrorKind::InvalidInput | ErrorKind::Encode => Problem::bad_request(REFUSED_VALUE),
            ErrorKind::InvalidCursor => {
                Problem::parameter("after", error.detail().unwrap_or("the cursor is invalid"))
            }
            ErrorKind::Timeout => unavailable(error, TOO_SLOW),
            ErrorKind::PoolExhausted | ErrorKind::Connection => unavailable(error, AWAY),
            ErrorKind::CommitUnknown => internal(error).with_detail(COMMIT_UNKNOWN),
            _ if error.is_retryable() => unavailable(error, LOST_RACE),
            _ => internal(error),
        };
        match error.constraint() {
            Some(constraint) => problem.with("constraint", constraint),
            None => problem,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Problem::from(&error)
    }
}

fn unavailable(error: &Error, detail: &'static str) -> Problem {
    let method = error.method();
    tracing::warn!(method, kind = ?error.kind(), error = %Chain(error), "a request was turned away");
    Problem::unavailable(detail)
}

fn internal(error: &Error) -> Problem {
    let (problem, incident) = Problem::incident();
    let method = error.method();
    tracing::error!(incident, method, kind = ?error.kind(), error = %Chain(error), "a request failed");
    problem
}
