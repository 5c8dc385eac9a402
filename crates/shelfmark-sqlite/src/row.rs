//! SQLite's row, read in place.

use std::borrow::Cow;

use rusqlite::types::ValueRef as Stored;
use shelfmark_core::{ColumnSpec, RawRow, Result, RowSink, ValueError, ValueRef};

/// A row while SQLite stands on it.
pub(crate) struct SqliteRow<'r, 's>(pub(crate) &'r rusqlite::Row<'s>);

impl RawRow for SqliteRow<'_, '_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        let stored = self
            .0
            .get_ref(index)
            .map_err(|_| ValueError::new("the result has no such column"))?;
        Ok(match stored {
            Stored::Null => ValueRef::Null,
            Stored::Integer(value) => ValueRef::I64(value),
            Stored::Real(value) => ValueRef::F64(value),
            Stored::Text(bytes) => ValueRef::Text(Cow::Borrowed(
                std::str::from_utf8(bytes)
                    .map_err(|_| ValueError::new("the stored text is not valid UTF-8"))?,
            )),
            Stored::Blob(bytes) => ValueRef::Bytes(Cow::Borrowed(bytes)),
        })
    }
}

/// Tells the sink the columns. Their names are certain only once the statement was stepped, because a step prepares
/// it anew after a change of the schema.
pub(crate) fn start(sink: &mut dyn RowSink, statement: &rusqlite::Statement<'_>) -> Result<()> {
    if sink
        .wanted()
        .is_some_and(|wanted| begins_with(statement, wanted))
    {
        return Ok(());
    }
    let names: Vec<&str> = statement.column_names().collect();
    sink.start(&names)
}

fn begins_with(statement: &rusqlite::Statement<'_>, wanted: &[ColumnSpec]) -> bool {
    let mut wanted = wanted.iter().enumerate();
    wanted.all(|(index, column)| {
        let name = statement.column_name(index);
        name.is_ok_and(|name| name == column.name)
    })
}
