//! The text of written SQL for one engine, and how names and positions are written.

use std::fmt::Write as _;

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::row::ColumnSpec;
use crate::slots::Slot;

/// A piece of written SQL, as the macros hand it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as written.
    Text(&'static str),
    /// The parameter at this position, from zero.
    Param(usize),
    /// `IN (:list)`: membership in the list at this position.
    List {
        /// The position, from zero.
        index: usize,
        /// Whether `NOT IN` was written.
        negated: bool,
    },
    /// `{*}` or `{alias.*}`: the columns of the return type.
    Columns {
        /// The table or alias in front of each column.
        alias: Option<&'static str>,
    },
    /// Another slot, such as `{filters}` or `{alias.sort}`; what it becomes depends on the call.
    Slot {
        /// Which.
        slot: Slot,
        /// The table or alias in front of each column.
        alias: Option<&'static str>,
    },
}

/// Writes the text of `parts` for `dialect`; `columns` are those of the return type.
///
/// # Errors
/// [`ErrorKind::Unsupported`] when `{*}` stands in a statement whose return type has no named columns.
pub fn written(dialect: Dialect, parts: &[Part], columns: &[ColumnSpec]) -> Result<String> {
    let mut sql = String::new();
    for part in parts {
        part_text(&mut sql, dialect, part, columns)?;
    }
    Ok(sql)
}

/// Writes one part that depends on no call.
///
/// # Errors
/// As [`written`].
pub(crate) fn part_text(
    sql: &mut String,
    dialect: Dialect,
    part: &Part,
    columns: &[ColumnSpec],
) -> Result<()> {
    match *part {
        Part::Text(text) => sql.push_str(text),
        Part::Param(index) => placeholder(sql, dialect, index),
        Part::List { index, negated } => member_of(sql, dialect, index, negated),
        Part::Columns { alias } => {
            if columns.is_empty() || columns.iter().any(|column| column.name.is_empty()) {
                return Err(Error::new(ErrorKind::Unsupported).with_detail(
                    "`{*}` needs a return type with named columns: an entity or a #[derive(FromRow)] struct",
                ));
            }
            for (position, column) in columns.iter().enumerate() {
                if position > 0 {
                    sql.push_str(", ");
                }
                if let Some(alias) = alias {
                    sql.push_str(alias);
                    sql.push('.');
                }
                quoted(sql, column.name);
            }
        }
        Part::Slot { .. } => {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("a slot is filled by a call of the method it stands on"));
        }
    }
    Ok(())
}

/// `= ANY($1)` on PostgreSQL; on SQLite the list is a table-valued function. One value, whatever the length.
pub(crate) fn member_of(sql: &mut String, dialect: Dialect, index: usize, negated: bool) {
    match dialect {
        Dialect::Postgres => {
            sql.push_str(if negated { "<> ALL(" } else { "= ANY(" });
            placeholder(sql, dialect, index);
            sql.push(')');
        }
        Dialect::Sqlite => {
            sql.push_str(if negated {
                "NOT IN rarray("
            } else {
                "IN rarray("
            });
            placeholder(sql, dialect, index);
            sql.push(')');
        }
    }
}

pub(crate) fn placeholder(sql: &mut String, dialect: Dialect, index: usize) {
    let sign = match dialect {
        Dialect::Sqlite => '?',
        Dialect::Postgres => '$',
    };
    // Writing to a String cannot fail.
    let _ = write!(sql, "{sign}{}", index + 1);
}

/// Writes a name in double quotes, each part of `schema.table` by itself.
pub(crate) fn quoted(sql: &mut String, name: &str) {
    for (position, part) in name.split('.').enumerate() {
        if position > 0 {
            sql.push('.');
        }
        sql.push('"');
        sql.push_str(&part.replace('"', "\"\""));
        sql.push('"');
    }
}
