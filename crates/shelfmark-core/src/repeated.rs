//! Rows of one call that are meant for the same row of the table: in an upsert the last one wins, an update refuses them.
//!
//! SQLite would take such rows one after the other, PostgreSQL refuses them; so they are found before anything is sent.

use std::collections::{HashMap, HashSet};

use crate::row::ColumnSpec;
use crate::value::ValueRef;
use crate::value::key::Key;

/// Leaves out each of `rows` that a later one with the same values in the columns `on` replaces. The others keep their
/// order.
///
/// Where a column of `on` is not among `columns` the database gives its value, which cannot be foreseen, and all rows
/// stay.
pub(crate) fn leave_out(columns: &[ColumnSpec], on: &[&str], rows: &mut Vec<Vec<ValueRef<'_>>>) {
    let positions = on
        .iter()
        .map(|name| columns.iter().position(|column| column.name == *name));
    let Some(positions) = positions.collect::<Option<Vec<usize>>>() else {
        return;
    };
    let mut replaced: Vec<bool> = {
        let mut seen = HashSet::with_capacity(rows.len());
        let replaced = rows.iter().rev().map(|row| match key(row, &positions) {
            Some(key) => !seen.insert(key),
            None => false,
        });
        replaced.collect()
    };
    // Its end is the first row.
    rows.retain(|_| !replaced.pop().unwrap_or_default());
}

/// The first two of `rows` that have the same values in the columns `on`.
pub(crate) fn first_repeat(
    columns: &[ColumnSpec],
    on: &[&str],
    rows: &[Vec<ValueRef<'_>>],
) -> Option<(usize, usize)> {
    let positions = on
        .iter()
        .map(|name| columns.iter().position(|column| column.name == *name))
        .collect::<Option<Vec<usize>>>()?;
    let mut seen = HashMap::with_capacity(rows.len());
    rows.iter().enumerate().find_map(|(nth, row)| {
        let first = seen.insert(key(row, &positions)?, nth)?;
        Some((first, nth))
    })
}

/// The values at `positions`; `None` with a NULL among them, which is never the same as another.
pub(crate) fn key<'v>(row: &'v [ValueRef<'_>], positions: &[usize]) -> Option<Vec<Key<'v>>> {
    positions
        .iter()
        .map(|position| Key::of(row.get(*position)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    const COLUMNS: &[ColumnSpec] = &[
        ColumnSpec::of::<Option<String>>("a"),
        ColumnSpec::of::<Option<i64>>("b"),
    ];

    fn left(on: &[&str], rows: &[(Option<&'static str>, i64)]) -> Vec<i64> {
        let mut rows: Vec<Vec<ValueRef<'_>>> = rows
            .iter()
            .map(|(a, b)| {
                let a = a.map_or(ValueRef::Null, |a| ValueRef::Text(a.into()));
                vec![a, ValueRef::I64(*b)]
            })
            .collect();
        leave_out(COLUMNS, on, &mut rows);
        rows.iter()
            .map(|row| match row[1] {
                ValueRef::I64(b) => b,
                _ => panic!("b is an integer"),
            })
            .collect()
    }

    #[test]
    fn the_last_of_each_key_stays_in_its_place() {
        let rows = [
            (Some("x"), 1),
            (Some("y"), 2),
            (Some("x"), 3),
            (Some("z"), 4),
            (Some("y"), 5),
        ];
        assert_eq!(left(&["a"], &rows), [3, 4, 5]);
        assert_eq!(left(&["a", "b"], &rows), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn nulls_are_never_the_same() {
        assert_eq!(left(&["a"], &[(None, 1), (None, 2)]), [1, 2]);
    }

    #[test]
    fn a_key_that_the_database_gives_repeats_nothing() {
        assert_eq!(left(&["id"], &[(Some("x"), 1), (Some("x"), 2)]), [1, 2]);
    }

    #[test]
    fn numbers_that_are_equal_are_the_same_key() {
        let columns = &[ColumnSpec::of::<Decimal>("amount")];
        let mut rows = vec![
            vec![ValueRef::Decimal(Decimal::new(10, 1))],
            vec![ValueRef::Decimal(Decimal::new(100, 2))],
        ];
        leave_out(columns, &["amount"], &mut rows);
        assert_eq!(rows, [[ValueRef::Decimal(Decimal::new(100, 2))]]);
    }
}
