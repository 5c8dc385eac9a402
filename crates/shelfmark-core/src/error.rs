//! The one error type: opaque, one word wide, asked through predicates.
//!
//! No bound value ever enters an error. What a server said in its own words may contain values, so it is kept
//! out of `Display` and `Debug` and only handed out by [`Error::server_message`].

use std::borrow::Cow;
use std::fmt;

use crate::entity::Constraint;

/// A result whose error is [`Error`] unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong with a call, a transaction or a setting.
///
/// Ask [`kind`](Error::kind) or a predicate; never match on the text.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    method: Option<Cow<'static, str>>,
    constraint: Option<Cow<'static, str>>,
    detail: Option<Cow<'static, str>>,
    code: Option<Cow<'static, str>>,
    server_message: Option<Box<str>>,
    retryable: bool,
    source: Option<Source>,
}

/// The class of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// One row was expected and none was there.
    NotFound,
    /// One row was expected and more were there.
    TooManyRows,
    /// A unique constraint or primary key refused the row.
    Unique,
    /// A foreign key refused the row.
    ForeignKey,
    /// A column that must have a value got none.
    NotNull,
    /// A check constraint refused the row.
    Check,
    /// The row was changed by somebody else since it was read.
    Stale,
    /// Concurrent transactions could not be put in an order; running again can succeed.
    Serialization,
    /// Transactions waited for each other and this one was chosen to end.
    Deadlock,
    /// A deadline passed; the work was stopped.
    Timeout,
    /// No connection became free in time.
    PoolExhausted,
    /// The database cannot be reached, or went away.
    Connection,
    /// The answer to COMMIT was lost; the transaction may or may not have been committed.
    CommitUnknown,
    /// A value of the result does not fit the Rust type.
    ///
    /// Of a writing statement: it was done. Outside of a transaction it is committed, inside it is kept.
    Decode,
    /// A value of a parameter cannot be sent.
    Encode,
    /// The database refused a value or an argument.
    InvalidInput,
    /// A page cursor is damaged or belongs to another query.
    InvalidCursor,
    /// A setting is missing or wrong.
    InvalidConfig,
    /// The engine cannot do this, and nothing was sent.
    Unsupported,
    /// An earlier statement of this transaction failed; only a rollback is possible.
    TransactionAborted,
    /// The transaction's scope has ended.
    TransactionClosed,
    /// A fake did not implement this method.
    NotImplemented,
    /// A migration failed, or the applied ones differ from the program's.
    Migration,
    /// Statements of the program do not fit the schema.
    Verification,
    /// The database refused the statement for another reason, such as a syntax error.
    Other,
}

impl ErrorKind {
    fn sentence(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "no row found",
            ErrorKind::TooManyRows => "more than one row found where one was expected",
            ErrorKind::Unique => "unique violation",
            ErrorKind::ForeignKey => "foreign key violation",
            ErrorKind::NotNull => "not-null violation",
            ErrorKind::Check => "check violation",
            ErrorKind::Stale => "the row was changed or deleted since it was read",
            ErrorKind::Serialization => "serialization failure",
            ErrorKind::Deadlock => "deadlock",
            ErrorKind::Timeout => "timed out",
            ErrorKind::PoolExhausted => "no connection became free in time",
            ErrorKind::Connection => "the database cannot be reached",
            ErrorKind::CommitUnknown => {
                "the answer to COMMIT was lost; the transaction may or may not be committed"
            }
            ErrorKind::Decode => "a value of the result does not fit",
            ErrorKind::Encode => "a parameter cannot be sent",
            ErrorKind::InvalidInput => "the database refused a value",
            ErrorKind::InvalidCursor => "invalid cursor",
            ErrorKind::InvalidConfig => "invalid configuration",
            ErrorKind::Unsupported => "not supported by this engine",
            ErrorKind::TransactionAborted => {
                "the transaction was aborted by an earlier failure and can only be rolled back"
            }
            ErrorKind::TransactionClosed => "the transaction's scope has ended",
            ErrorKind::NotImplemented => "not implemented by this fake",
            ErrorKind::Migration => "migration failed",
            ErrorKind::Verification => "statements do not fit the schema",
            ErrorKind::Other => "the database refused the statement",
        }
    }
}

impl Error {
    /// Makes an error of `kind`. Fakes and engines use it; more is added with the `with_` methods.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Error(Box::new(Inner {
            kind,
            method: None,
            constraint: None,
            detail: None,
            code: None,
            server_message: None,
            retryable: false,
            source: None,
        }))
    }

    /// What a fake answers when a row is not there.
    #[must_use]
    pub fn not_found(method: &'static str) -> Self {
        Error::new(ErrorKind::NotFound).with_method(method)
    }

    /// What a fake answers when `constraint` is violated.
    #[must_use]
    pub fn unique_violation(constraint: Constraint) -> Self {
        Error::new(ErrorKind::Unique).with_constraint(constraint.name())
    }

    /// What a method answers that its fake did not implement.
    #[must_use]
    pub fn not_implemented(method: &'static str) -> Self {
        Error::new(ErrorKind::NotImplemented).with_method(method)
    }

    /// Names the method (`Shows::insert`) or call site; the first name given stays.
    #[must_use]
    pub fn with_method(mut self, method: impl Into<Cow<'static, str>>) -> Self {
        self.0.method.get_or_insert(method.into());
        self
    }

    /// Names the violated constraint.
    #[must_use]
    pub fn with_constraint(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.constraint = Some(name.into());
        self
    }

    /// Says more than the kind does. Must never contain a bound value.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds the database's own code: an SQLSTATE, or the name of an SQLite result code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Keeps the server's own words. They may contain values and are never printed by this type.
    #[must_use]
    pub fn with_server_message(mut self, message: impl Into<Box<str>>) -> Self {
        self.0.server_message = Some(message.into());
        self
    }

    /// Marks a failure after which the same transaction may be run again.
    #[must_use]
    pub fn with_retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Adds the cause. Its text must be free of bound values.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The class of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether one row was expected and none was there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether a unique constraint or primary key refused the row.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        self.kind() == ErrorKind::Unique
    }

    /// Whether a foreign key refused the row.
    #[must_use]
    pub fn is_foreign_key_violation(&self) -> bool {
        self.kind() == ErrorKind::ForeignKey
    }

    /// Whether running the same transaction again can succeed: it lost a race, and nothing of it was kept.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Serialization | ErrorKind::Deadlock) || self.0.retryable
    }

    /// Whether a deadline passed, be it while waiting for a connection or for an answer.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind(), ErrorKind::Timeout | ErrorKind::PoolExhausted)
    }

    /// Whether the database is away or overloaded, so that the same call may succeed later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Connection | ErrorKind::PoolExhausted
        )
    }

    /// The violated constraint by the name PostgreSQL's rule gives it, on every engine.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// Whether the error is a violation of `constraint`.
    #[must_use]
    pub fn violates(&self, constraint: Constraint) -> bool {
        self.constraint() == Some(constraint.name())
    }

    /// The method or call site that failed, such as `Shows::insert`.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.0.method.as_deref()
    }

    /// More about the failure than its kind says, free of bound values.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The database's own code: an SQLSTATE such as `23505`, or an SQLite code such as `SQLITE_BUSY`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The server's own words, which **may contain bound values**: do not log them where values are secret.
    #[must_use]
    pub fn server_message(&self) -> Option<&str> {
        self.0.server_message.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(method) = &inner.method {
            write!(f, "{method}: ")?;
        }
        match (&inner.constraint, &inner.detail) {
            (Some(constraint), _) => write!(f, "{} of {constraint}", inner.kind.sentence())?,
            (None, Some(detail)) => f.write_str(detail)?,
            (None, None) => f.write_str(inner.kind.sentence())?,
        }
        match &inner.code {
            Some(code) if inner.constraint.is_none() => write!(f, " ({code})"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if inner.kind == ErrorKind::Verification {
            // A list of many lines, read by the people whose `main` answers it.
            return fmt::Display::fmt(self, f);
        }
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind);
        for (name, value) in [
            ("method", &inner.method),
            ("constraint", &inner.constraint),
            ("detail", &inner.detail),
            ("code", &inner.code),
        ] {
            if let Some(value) = value {
                out.field(name, value);
            }
        }
        if let Some(source) = &inner.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}

/// Turns the violation of one named constraint into an error of the domain.
pub trait OnViolation<T> {
    /// Answers `domain()` when the error violates `constraint`, and converts any other error.
    ///
    /// # Errors
    /// The domain's error, or the converted one.
    fn on_violation<E: From<Error>>(
        self,
        constraint: Constraint,
        domain: impl FnOnce() -> E,
    ) -> Result<T, E>;
}

impl<T> OnViolation<T> for Result<T> {
    fn on_violation<E: From<Error>>(
        self,
        constraint: Constraint,
        domain: impl FnOnce() -> E,
    ) -> Result<T, E> {
        self.map_err(|error| {
            if error.violates(constraint) {
                domain()
            } else {
                error.into()
            }
        })
    }
}
