//! SQLite's failures in the words and classes of Shelfmark.
//!
//! What SQLite says while it prepares a statement speaks of the text alone and is shown. What it says while a
//! statement runs may contain values, so it is kept where only `server_message` gives it out.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::ffi;
use shelfmark_core::{Error, ErrorKind};

use crate::site::{Place, closed};

/// What was being done when SQLite failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A statement's text was being read.
    Prepare,
    /// A statement was running.
    Run,
}

/// What else is known where a failure is explained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'c> {
    pub(crate) place: &'c Place,
    pub(crate) step: Step,
    /// Whether the connection may only read.
    pub(crate) reads_only: bool,
    /// How long SQLite waited for a lock.
    pub(crate) waited: Duration,
    /// Whether the database is being closed.
    pub(crate) closing: bool,
}

/// Explains a failure.
pub(crate) fn explain(failure: rusqlite::Error, at: Circumstances<'_>) -> Error {
    let (code, message) = match failure {
        rusqlite::Error::SqliteFailure(error, message) => (error.extended_code, message),
        rusqlite::Error::SqlInputError { error, msg, .. } => (error.extended_code, Some(msg)),
        rusqlite::Error::MultipleStatement => {
            return Error::new(ErrorKind::Unsupported).with_detail(
                "the text has more than one statement; send them one by one, in a transaction if they belong together",
            );
        }
        other => return Error::new(ErrorKind::Other).with_detail(other.to_string()),
    };
    if at.closing && primary(code) == ffi::SQLITE_INTERRUPT {
        return closed().with_code(code_name(code));
    }
    let error = classify(code, message.as_deref(), at).with_code(code_name(code));
    match message {
        Some(message) => error.with_server_message(message),
        None => error,
    }
}

fn primary(code: i32) -> i32 {
    code & 0xff
}

fn classify(code: i32, message: Option<&str>, at: Circumstances<'_>) -> Error {
    match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => return Error::new(ErrorKind::Unique),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return Error::new(ErrorKind::ForeignKey),
        ffi::SQLITE_CONSTRAINT_NOTNULL => return Error::new(ErrorKind::NotNull),
        ffi::SQLITE_CONSTRAINT_CHECK => return Error::new(ErrorKind::Check),
        // Names the types and the column, never the value.
        ffi::SQLITE_CONSTRAINT_DATATYPE => {
            return with_message(
                ErrorKind::InvalidInput,
                "a value has the wrong type",
                message,
            );
        }
        // ON DELETE RESTRICT is a trigger inside.
        ffi::SQLITE_CONSTRAINT_TRIGGER if message == Some("FOREIGN KEY constraint failed") => {
            return Error::new(ErrorKind::ForeignKey);
        }
        ffi::SQLITE_CONSTRAINT_TRIGGER => {
            return Error::new(ErrorKind::Other).with_detail("a trigger refused the statement");
        }
        // Only a script can begin like this; what this crate begins takes the write lock first.
        ffi::SQLITE_BUSY_SNAPSHOT => {
            return Error::new(ErrorKind::Serialization).with_detail(
                "the transaction read before another process wrote, so it can no longer write; begin it with BEGIN IMMEDIATE",
            );
        }
        ffi::SQLITE_READONLY_DBMOVED => {
            return Error::new(ErrorKind::Connection).with_detail(format!(
                "{} was moved or deleted while it was open; open the database again",
                at.place
            ));
        }
        _ => {}
    }
    match primary(code) {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => {
            Error::new(ErrorKind::Timeout)
                .with_detail(format!(
                    "timed out after {}ms waiting for a lock on {}, which another process holds",
                    at.waited.as_millis(),
                    at.place
                ))
                .with_retryable()
        }
        ffi::SQLITE_INTERRUPT => Error::new(ErrorKind::Timeout)
            .with_detail("the statement was stopped before its end"),
        ffi::SQLITE_MISMATCH | ffi::SQLITE_TOOBIG => {
            with_message(ErrorKind::InvalidInput, "the value was refused", message)
        }
        ffi::SQLITE_RANGE => with_message(ErrorKind::Encode, "no such parameter", message),
        ffi::SQLITE_READONLY if at.reads_only => Error::new(ErrorKind::Unsupported).with_detail(
            "the statement writes, but it was declared to read, or its transaction is read-only",
        ),
        ffi::SQLITE_READONLY => Error::new(ErrorKind::Connection).with_detail(format!(
            "{} cannot be written: the file or its folder is read-only",
            at.place
        )),
        ffi::SQLITE_FULL => Error::new(ErrorKind::Connection).with_detail(format!(
            "the disk of {} is full; nothing of the statement was kept",
            at.place
        )),
        ffi::SQLITE_IOERR => Error::new(ErrorKind::Connection)
            .with_detail(format!("the disk of {} failed", at.place)),
        ffi::SQLITE_CANTOPEN => Error::new(ErrorKind::Connection).with_detail(format!(
            "cannot open {}: the file, its folder or its write-ahead log is missing or not accessible",
            at.place
        )),
        ffi::SQLITE_NOTADB => Error::new(ErrorKind::InvalidConfig)
            .with_detail(format!("{} is not an SQLite database", at.place)),
        ffi::SQLITE_CORRUPT => Error::new(ErrorKind::Other).with_detail(format!(
            "{} is damaged; restore it from a backup",
            at.place
        )),
        ffi::SQLITE_NOMEM => Error::new(ErrorKind::Other).with_detail("SQLite ran out of memory"),
        _ if at.step == Step::Prepare => {
            with_message(ErrorKind::Other, "the statement cannot be prepared", message)
        }
        _ => Error::new(ErrorKind::Other),
    }
}

fn with_message(kind: ErrorKind, otherwise: &'static str, message: Option<&str>) -> Error {
    let error = Error::new(kind);
    match message {
        Some(message) => error.with_detail(message.to_owned()),
        None => error.with_detail(otherwise),
    }
}

/// Explains why the file at `path` cannot be opened, better than SQLite's "unable to open database file" does.
pub(crate) fn unopenable(path: &Path, error: Error) -> Error {
    if path.is_dir() {
        return Error::new(ErrorKind::InvalidConfig).with_detail(format!(
            "{} is a folder; give the path of a file",
            path.display()
        ));
    }
    let asked = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path);
    match asked {
        Err(reason) => Error::new(ErrorKind::Connection)
            .with_detail(format!(
                "cannot open {}: {}",
                path.display(),
                io_reason(&reason)
            ))
            .with_code(error.code().unwrap_or("SQLITE_CANTOPEN").to_owned()),
        Ok(_) => error,
    }
}

/// Says why the folder of a database cannot be made.
pub(crate) fn folder_refused(folder: &Path, reason: &io::Error) -> Error {
    Error::new(ErrorKind::InvalidConfig).with_detail(format!(
        "cannot create the folder {}: {}",
        folder.display(),
        io_reason(reason)
    ))
}

/// The reason without the number that the standard library adds.
pub(crate) fn io_reason(reason: &io::Error) -> String {
    reason.kind().to_string()
}

/// The name of an SQLite result code.
pub(crate) fn code_name(code: i32) -> &'static str {
    let known = |code: i32| {
        NAMES
            .iter()
            .find_map(|(number, name)| (*number == code).then_some(*name))
    };
    known(code)
        .or_else(|| known(primary(code)))
        .unwrap_or("SQLITE_ERROR")
}

macro_rules! named_codes {
    ($($name:ident),* $(,)?) => {
        const NAMES: &[(i32, &str)] = &[$((ffi::$name, stringify!($name))),*];
    };
}

named_codes!(
    SQLITE_ERROR,
    SQLITE_INTERNAL,
    SQLITE_PERM,
    SQLITE_ABORT,
    SQLITE_BUSY,
    SQLITE_LOCKED,
    SQLITE_NOMEM,
    SQLITE_READONLY,
    SQLITE_INTERRUPT,
    SQLITE_IOERR,
    SQLITE_CORRUPT,
    SQLITE_NOTFOUND,
    SQLITE_FULL,
    SQLITE_CANTOPEN,
    SQLITE_PROTOCOL,
    SQLITE_SCHEMA,
    SQLITE_TOOBIG,
    SQLITE_CONSTRAINT,
    SQLITE_MISMATCH,
    SQLITE_MISUSE,
    SQLITE_NOLFS,
    SQLITE_AUTH,
    SQLITE_FORMAT,
    SQLITE_RANGE,
    SQLITE_NOTADB,
    SQLITE_ABORT_ROLLBACK,
    SQLITE_BUSY_RECOVERY,
    SQLITE_BUSY_SNAPSHOT,
    SQLITE_BUSY_TIMEOUT,
    SQLITE_LOCKED_SHAREDCACHE,
    SQLITE_LOCKED_VTAB,
    SQLITE_READONLY_RECOVERY,
    SQLITE_READONLY_CANTLOCK,
    SQLITE_READONLY_ROLLBACK,
    SQLITE_READONLY_DBMOVED,
    SQLITE_READONLY_CANTINIT,
    SQLITE_READONLY_DIRECTORY,
    SQLITE_IOERR_READ,
    SQLITE_IOERR_SHORT_READ,
    SQLITE_IOERR_WRITE,
    SQLITE_IOERR_FSYNC,
    SQLITE_IOERR_TRUNCATE,
    SQLITE_IOERR_DELETE,
    SQLITE_IOERR_LOCK,
    SQLITE_IOERR_SHMOPEN,
    SQLITE_IOERR_SHMSIZE,
    SQLITE_IOERR_SHMLOCK,
    SQLITE_IOERR_SHMMAP,
    SQLITE_IOERR_CORRUPTFS,
    SQLITE_CORRUPT_VTAB,
    SQLITE_CORRUPT_SEQUENCE,
    SQLITE_CORRUPT_INDEX,
    SQLITE_CANTOPEN_ISDIR,
    SQLITE_CANTOPEN_FULLPATH,
    SQLITE_CANTOPEN_SYMLINK,
    SQLITE_CONSTRAINT_CHECK,
    SQLITE_CONSTRAINT_FOREIGNKEY,
    SQLITE_CONSTRAINT_FUNCTION,
    SQLITE_CONSTRAINT_NOTNULL,
    SQLITE_CONSTRAINT_PRIMARYKEY,
    SQLITE_CONSTRAINT_TRIGGER,
    SQLITE_CONSTRAINT_UNIQUE,
    SQLITE_CONSTRAINT_VTAB,
    SQLITE_CONSTRAINT_ROWID,
    SQLITE_CONSTRAINT_PINNED,
    SQLITE_CONSTRAINT_DATATYPE,
);

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32, message: &str, step: Step) -> Error {
        explain(
            rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(message.to_owned())),
            Circumstances {
                place: &Place::File("/data/app.db".into()),
                step,
                reads_only: false,
                waited: Duration::from_millis(5000),
                closing: false,
            },
        )
    }

    #[test]
    fn what_sqlite_says_at_run_time_is_never_printed() {
        for (code, _) in NAMES {
            let error = failure(*code, "it was 4111-1111", Step::Run);
            let message_is_safe = [
                ffi::SQLITE_CONSTRAINT_DATATYPE,
                ffi::SQLITE_MISMATCH,
                ffi::SQLITE_TOOBIG,
                ffi::SQLITE_RANGE,
            ];
            if !message_is_safe.contains(code) {
                assert!(!format!("{error} {error:?}").contains("4111"), "{error}");
            }
            assert_eq!(error.server_message(), Some("it was 4111-1111"));
        }
    }

    #[test]
    fn codes_are_named_and_unknown_ones_by_their_class() {
        assert_eq!(code_name(2067), "SQLITE_CONSTRAINT_UNIQUE");
        assert_eq!(code_name(ffi::SQLITE_IOERR_VNODE), "SQLITE_IOERR");
        assert_eq!(code_name(0x7fff_ff00), "SQLITE_ERROR");
    }

    #[test]
    fn messages_say_what_happened_and_where() {
        let of = |code, step| failure(code, "near \"FORM\": syntax error", step).to_string();
        assert_eq!(
            of(ffi::SQLITE_BUSY, Step::Run),
            "timed out after 5000ms waiting for a lock on /data/app.db, which another process holds (SQLITE_BUSY)"
        );
        assert_eq!(
            of(ffi::SQLITE_ERROR, Step::Prepare),
            "near \"FORM\": syntax error (SQLITE_ERROR)"
        );
        assert_eq!(
            of(ffi::SQLITE_ERROR, Step::Run),
            "the database refused the statement (SQLITE_ERROR)"
        );
        assert_eq!(
            of(ffi::SQLITE_FULL, Step::Run),
            "the disk of /data/app.db is full; nothing of the statement was kept (SQLITE_FULL)"
        );
        assert_eq!(
            of(ffi::SQLITE_NOTADB, Step::Run),
            "/data/app.db is not an SQLite database (SQLITE_NOTADB)"
        );
    }

    #[test]
    fn a_lock_of_another_process_is_a_timeout_worth_a_retry() {
        let error = failure(ffi::SQLITE_BUSY, "database is locked", Step::Run);
        assert!(error.is_timeout() && error.is_retryable());
        assert!(!error.to_string().contains("database is locked"));
    }
}
