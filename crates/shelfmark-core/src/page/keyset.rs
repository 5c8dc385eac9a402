//! Pages cut by key: the ORDER BY, the condition that enters it at a cursor, and the cursors of a page's ends.
//!
//! The condition is a comparison of rows, `(a, b) > ($1, $2)`, where all directions are the same, which an index on the
//! columns answers by one search. Mixed directions are written out, with a first bound on the leading column so that an
//! index on it is still entered at the right place (<https://use-the-index-luke.com/no-offset>).

use super::sort::Direction;
use super::sort_by::{SortColumn, SortText};
use super::{Cursor, Slice};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{close, fragments_text};
use crate::render::{placeholder, quoted};
use crate::row::{ColumnSpec, Flow, FromRow, RawRow, Row, RowSink, column_map};
use crate::value::{ValueRef, any};

/// One key of an order, its column resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    /// The name of the key, or of the column where it is only there to tell rows apart.
    pub(crate) name: &'static str,
    pub(crate) column: SortColumn,
    pub(crate) direction: Direction,
}

impl Term {
    /// The direction when the list is read from its end.
    fn direction(&self, backwards: bool) -> Direction {
        match (self.direction, backwards) {
            (Direction::Ascending, false) | (Direction::Descending, true) => Direction::Ascending,
            _ => Direction::Descending,
        }
    }

    fn text(&self, sql: &mut String, dialect: Dialect, alias: Option<&str>) {
        let written = match (self.column.text, dialect) {
            (SortText::Column, _) => {
                if let Some(alias) = alias {
                    sql.push_str(alias);
                    sql.push('.');
                }
                quoted(sql, self.column.column.name);
                return;
            }
            (SortText::Written { sqlite, .. }, Dialect::Sqlite) => sqlite,
            (SortText::Written { postgres, .. }, Dialect::Postgres) => postgres,
        };
        sql.push('(');
        fragments_text(sql, dialect, written, alias, 0);
        close(sql);
    }
}

/// Adds the columns of `tie_breaker` that do not stand in the order yet, in the direction of its last key, so that an
/// index on all of them serves the order from either end.
pub(crate) fn with_tie_breaker(mut terms: Vec<Term>, tie_breaker: &[ColumnSpec]) -> Vec<Term> {
    let direction = terms
        .last()
        .map_or(Direction::Ascending, |last| last.direction);
    for column in tie_breaker {
        let there = terms.iter().any(|term| {
            matches!(term.column.text, SortText::Column) && term.column.column.name == column.name
        });
        if !there {
            terms.push(Term {
                name: column.name,
                column: SortColumn {
                    text: SortText::Column,
                    column: *column,
                },
                direction,
            });
        }
    }
    terms
}

/// What stands behind ORDER BY.
pub(crate) fn order_text(
    sql: &mut String,
    dialect: Dialect,
    terms: &[Term],
    alias: Option<&str>,
    backwards: bool,
) {
    for (nth, term) in terms.iter().enumerate() {
        if nth > 0 {
            sql.push_str(", ");
        }
        term.text(sql, dialect, alias);
        if term.direction(backwards) == Direction::Descending {
            sql.push_str(" DESC");
        }
    }
}

/// The condition of the rows behind the place whose values stand from `position` on, seen in the direction of reading.
pub(crate) fn behind_text(
    dialect: Dialect,
    terms: &[Term],
    alias: Option<&str>,
    backwards: bool,
    position: usize,
) -> String {
    let mut sql = String::new();
    let directions = || terms.iter().map(|term| term.direction(backwards));
    let uniform = directions().all(|direction| Some(direction) == directions().next());
    if !uniform {
        // The leading column bounds the rows by itself, which an index on it can use.
        let first = terms.get(..1).unwrap_or_default();
        compared(&mut sql, dialect, first, alias, backwards, position, true);
        sql.push_str(" AND ");
        mixed(&mut sql, dialect, terms, alias, backwards, position);
        return sql;
    }
    if let [_] = terms {
        compared(&mut sql, dialect, terms, alias, backwards, position, false);
        return sql;
    }
    sql.push('(');
    for (nth, term) in terms.iter().enumerate() {
        if nth > 0 {
            sql.push_str(", ");
        }
        term.text(&mut sql, dialect, alias);
    }
    let descending = directions().next() == Some(Direction::Descending);
    sql.push_str(if descending { ") < (" } else { ") > (" });
    for nth in 0..terms.len() {
        if nth > 0 {
            sql.push_str(", ");
        }
        placeholder(&mut sql, dialect, position + nth);
    }
    sql.push(')');
    sql
}

/// `a > $1`, with `or_equal` `a >= $1`, of the first of `terms`.
fn compared(
    sql: &mut String,
    dialect: Dialect,
    terms: &[Term],
    alias: Option<&str>,
    backwards: bool,
    position: usize,
    or_equal: bool,
) {
    let Some(term) = terms.first() else { return };
    term.text(sql, dialect, alias);
    let descending = term.direction(backwards) == Direction::Descending;
    sql.push_str(match (descending, or_equal) {
        (false, false) => " > ",
        (false, true) => " >= ",
        (true, false) => " < ",
        (true, true) => " <= ",
    });
    placeholder(sql, dialect, position);
}

/// `(a > $1 OR (a = $1 AND (b < $2 OR (b = $2 AND c > $3))))`
fn mixed(
    sql: &mut String,
    dialect: Dialect,
    terms: &[Term],
    alias: Option<&str>,
    backwards: bool,
    position: usize,
) {
    sql.push('(');
    compared(sql, dialect, terms, alias, backwards, position, false);
    if let [first, rest @ ..] = terms
        && !rest.is_empty()
    {
        sql.push_str(" OR (");
        first.text(sql, dialect, alias);
        sql.push_str(" = ");
        placeholder(sql, dialect, position);
        sql.push_str(" AND ");
        mixed(sql, dialect, rest, alias, backwards, position + 1);
        sql.push(')');
    }
    sql.push(')');
}

/// The values of a cursor, as parameters for the columns of `terms`.
///
/// # Errors
/// `InvalidCursor` when it belongs to something else.
pub(crate) fn place(
    cursor: &Cursor,
    binding: &str,
    terms: &[Term],
) -> Result<Vec<ValueRef<'static>>> {
    let keys = cursor.decode(binding)?;
    let values: Option<Vec<_>> = keys
        .iter()
        .zip(terms)
        .map(|(key, term)| any::from_json(term.column.column.ty, key))
        .collect();
    values
        .filter(|values| values.len() == terms.len() && keys.len() == terms.len())
        .ok_or_else(|| {
            // The binding fits, so it is one of ours, from a time when a column had another type.
            Error::new(ErrorKind::InvalidCursor).with_detail(
                "the cursor does not fit the columns of the sort; start again without a cursor",
            )
        })
}

/// How a page is cut.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) limit: u16,
    /// Whether it was read from its end.
    pub(crate) backwards: bool,
    pub(crate) binding: String,
    /// The place where it began, if it began at a cursor: then there are rows on its other side.
    pub(crate) place: Option<Vec<ValueRef<'static>>>,
    /// The columns of the order.
    pub(crate) keys: Vec<ColumnSpec>,
}

/// Collects the rows of a page, and the keys of its two ends.
pub(crate) struct PageCollector<T> {
    pub(crate) rows: Vec<T>,
    map: Vec<usize>,
    keys: Vec<ColumnSpec>,
    /// Where in the result the columns of the order are.
    key_columns: Vec<usize>,
    limit: usize,
    /// The place where the page begins, which no row of it can have.
    place: Option<Vec<ValueRef<'static>>>,
    first: Option<Vec<ValueRef<'static>>>,
    last: Option<Vec<ValueRef<'static>>>,
    /// Whether there was a row too many.
    more: bool,
}

impl<T: FromRow> PageCollector<T> {
    pub(crate) fn new(
        limit: u16,
        keys: Vec<ColumnSpec>,
        place: Option<Vec<ValueRef<'static>>>,
    ) -> Box<Self> {
        Box::new(PageCollector {
            place,
            rows: Vec::new(),
            map: Vec::new(),
            keys,
            key_columns: Vec::new(),
            limit: usize::from(limit),
            first: None,
            last: None,
            more: false,
        })
    }

    fn key_of(&self, row: &dyn RawRow) -> Result<Vec<ValueRef<'static>>> {
        let key = |(column, spec): (&usize, &ColumnSpec)| {
            let value = row
                .value(*column)
                .and_then(|value| any::decode(spec.ty, value))
                .map_err(|error| {
                    Error::new(ErrorKind::Decode)
                        .with_detail(format!("column `{}`: {error}", spec.name))
                })?;
            if value == ValueRef::Null {
                return Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
                    "the page is sorted by `{}`, which is NULL in a row; pages are cut by columns that are never NULL",
                    spec.name
                )));
            }
            Ok(value)
        };
        self.key_columns.iter().zip(&self.keys).map(key).collect()
    }
}

impl<T: FromRow> RowSink for PageCollector<T> {
    fn start(&mut self, columns: &[&str]) -> Result<()> {
        self.map = column_map(T::COLUMNS, columns)?;
        let place = |key: &ColumnSpec| {
            columns
                .iter()
                .position(|column| column.eq_ignore_ascii_case(key.name))
                .ok_or_else(|| missing(key.name))
        };
        self.key_columns = self.keys.iter().map(place).collect::<Result<_>>()?;
        Ok(())
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        if self.rows.len() >= self.limit {
            self.more = true;
            return Ok(Flow::Enough);
        }
        let key = self.key_of(row)?;
        if self.place.as_ref() == Some(&key) {
            return Err(without_effect());
        }
        self.rows.push(T::from_row(&Row::new(row, &self.map))?);
        if self.first.is_none() {
            self.first = Some(key.clone());
        }
        self.last = Some(key);
        Ok(Flow::More)
    }

    fn held(&self) -> usize {
        self.rows.len()
    }

    fn next_batch(&self) -> Box<dyn RowSink> {
        let mut next = PageCollector::<T>::new(0, self.keys.clone(), self.place.clone());
        next.limit = self.limit;
        next.map.clone_from(&self.map);
        next.key_columns.clone_from(&self.key_columns);
        next
    }

    fn restart(&mut self) -> bool {
        self.rows.clear();
        self.map.clear();
        self.key_columns.clear();
        (self.first, self.last) = (None, None);
        self.more = false;
        true
    }
}

/// Otherwise the same page would come again and again.
fn without_effect() -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(
        "the condition of the cursor does not bound the rows of the result, as in the ON of an outer join or in one part of \
         a UNION: write `{after}` where it does",
    )
}

fn missing(key: &str) -> Error {
    Error::new(ErrorKind::Decode).with_detail(format!(
        "the page is sorted by `{key}`, which the result lacks; add it to the SELECT"
    ))
}

impl Cut {
    /// The rows in the list's order with the cursors of the pages around them.
    ///
    /// # Errors
    /// Key values that are too long for a cursor.
    pub(crate) fn slice<T>(&self, collected: PageCollector<T>) -> Result<Slice<T>> {
        let PageCollector {
            rows: mut items,
            mut first,
            mut last,
            more,
            ..
        } = collected;
        // What is beyond the end of reading, and what was there before its beginning.
        let (mut beyond, mut before) = (more, self.place.is_some());
        if self.backwards {
            items.reverse();
            std::mem::swap(&mut first, &mut last);
            std::mem::swap(&mut beyond, &mut before);
        }
        let cursor = |there: bool, end: Option<Vec<ValueRef<'static>>>| match end {
            Some(end) if there => {
                let keys: Vec<_> = end.iter().map(any::to_json).collect();
                Cursor::encode(&self.binding, &keys).map(Some)
            }
            _ => Ok(None),
        };
        Ok(Slice {
            items,
            next: cursor(beyond, last)?,
            prev: cursor(before, first)?,
        })
    }
}
