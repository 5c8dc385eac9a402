//! A statement as the program declares it: its text on each engine, its parameters, its place in the source.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::dialect::Dialect;
use crate::error::Result;
use crate::row::ColumnSpec;
use crate::slots::{self, Slots};
use crate::value::ParamSpec;

/// What a statement does to the data, which decides the connection it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads only; may run on any connection and be run again.
    Read,
    /// Writes, or locks rows.
    Write,
    /// Leaves or uses state of its session (`SET`, `LISTEN`, temporary tables); the connection is reset afterwards.
    Session,
}

/// One declared statement. The macros make one `static` of each.
pub struct Statement {
    /// `Shows::find`, or `file.rs:12` for a statement without a trait.
    pub method: &'static str,
    /// The source file of the declaration.
    pub file: &'static str,
    /// The line of the declaration.
    pub line: u32,
    /// Gives the text for an engine; `None` as columns where they are not known before the call.
    pub render: fn(Dialect) -> Result<String>,
    /// The parameters in the order of their positions.
    pub params: fn() -> Vec<ParamSpec>,
    /// The columns that the return type reads, if it reads any.
    pub columns: fn() -> Option<&'static [ColumnSpec]>,
    /// Columns the declaration promises to be never NULL, against what the schema says.
    pub not_null: &'static [&'static str],
    /// What it does to the data.
    pub access: Access,
    /// What can stand in its slots, if it has any besides `{*}`; its text then depends on the call.
    pub slots: Option<&'static Slots>,
    /// What was written by hand, if it was; `None` for what the library writes.
    pub written: Option<Written>,
    /// The texts already made, by dialect.
    pub rendered: Rendered,
}

/// SQL as it was written, and what its author says of it.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// The text for an engine, its slots and parameters as written; `None` where there is none.
    pub text: fn(Dialect) -> Option<&'static str>,
    /// Whether it is to see rows that are deleted softly.
    pub with_deleted: bool,
    /// Whether it is to see the rows of all tenants.
    pub across_tenants: bool,
}

/// A text that a statement can have, to be prepared by `verify`.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The text.
    pub sql: Arc<str>,
    /// Its parameters, in the order of their positions.
    pub specs: Vec<ParamSpec>,
    /// The columns that the result must have besides those of the return type: those that pages are cut by.
    pub keys: Vec<ColumnSpec>,
    /// Whether it only counts, so that its result is not that of the statement.
    pub counts: bool,
}

impl Statement {
    /// The text for an engine; made once.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where the declaration has no text for it.
    pub fn sql(&self, dialect: Dialect) -> Result<Arc<str>> {
        self.text(dialect).map(Arc::clone)
    }

    /// The same, not counted: a count that all threads change at each call is slower than the rest of a quick one.
    pub(crate) fn text(&self, dialect: Dialect) -> Result<&Arc<str>> {
        let cell = match dialect {
            Dialect::Sqlite => &self.rendered.sqlite,
            Dialect::Postgres => &self.rendered.postgres,
        };
        if let Some(text) = cell.get() {
            return Ok(text);
        }
        let text: Arc<str> = (self.render)(dialect)
            .map_err(|error| error.with_method(self.method))?
            .into();
        Ok(cell.get_or_init(|| text))
    }

    /// The texts that stand for all that the statement can become: its only one, or a selection where it has slots.
    ///
    /// # Errors
    /// As [`sql`](Statement::sql).
    pub fn samples(&self, dialect: Dialect) -> Result<Vec<Sample>> {
        let specs = (self.params)();
        match self.slots {
            Some(slots) => slots::samples(slots, &specs, dialect)
                .map_err(|error| error.with_method(self.method)),
            None => Ok(vec![Sample {
                sql: self.sql(dialect)?,
                specs,
                keys: Vec::new(),
                counts: false,
            }]),
        }
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("method", &self.method)
            .field("file", &self.file)
            .field("line", &self.line)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// The texts of a statement, made at its first use on each engine.
#[derive(Debug)]
pub struct Rendered {
    sqlite: OnceLock<Arc<str>>,
    postgres: OnceLock<Arc<str>>,
}

impl Rendered {
    /// Nothing made yet.
    #[must_use]
    pub const fn new() -> Self {
        Rendered {
            sqlite: OnceLock::new(),
            postgres: OnceLock::new(),
        }
    }
}

impl Default for Rendered {
    fn default() -> Self {
        Self::new()
    }
}

/// Every statement of the program, gathered at link time.
#[linkme::distributed_slice]
pub static STATEMENTS: [&'static Statement];
