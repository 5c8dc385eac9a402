//! From a driver's row to a Rust type, without a copy in between.

use std::any::Any;

use crate::error::{Error, ErrorKind, Result};
use crate::value::{Type, Value, ValueError, ValueRef};

/// Name and type of one column that a Rust type reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// The column's name; empty where a scalar or tuple reads by position.
    pub name: &'static str,
    /// The logical type.
    pub ty: Type,
    /// Whether the Rust type can hold NULL.
    pub nullable: bool,
}

impl ColumnSpec {
    /// The specification of a column that holds a `T`.
    #[must_use]
    pub const fn of<T: Value>(name: &'static str) -> Self {
        ColumnSpec {
            name,
            ty: T::TYPE,
            nullable: T::NULLABLE,
        }
    }
}

/// The column called `name` among `columns`, for a check while compiling.
///
/// # Panics
/// While compiling, with `message`, when there is none; the macros call it in constants only.
#[doc(hidden)]
#[must_use]
#[expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "evaluated while compiling: the panic is the compile error, and the loop stays below the length"
)]
pub const fn column_called(
    columns: &'static [ColumnSpec],
    name: &str,
    message: &'static str,
) -> ColumnSpec {
    let mut nth = 0;
    while nth < columns.len() {
        if crate::crud::same(columns[nth].name, name) {
            return columns[nth];
        }
        nth += 1;
    }
    panic!("{}", message)
}

/// A driver's row, while it is valid.
pub trait RawRow {
    /// The value of the column at `index`, which is below the number of names given to [`RowSink::start`].
    ///
    /// # Errors
    /// A value that the engine cannot represent at all, such as a type it does not know.
    fn value(&self, index: usize) -> Result<ValueRef<'_>, ValueError>;
}

/// A row as a [`FromRow`] type sees it: fields in the order of its `COLUMNS`.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    raw: &'r dyn RawRow,
    /// For each field the index of its column; empty when they are the same.
    map: &'r [usize],
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").finish_non_exhaustive()
    }
}

impl<'r> Row<'r> {
    /// A view of `raw` in which field `i` is column `map[i]`, or column `i` when `map` is empty.
    #[must_use]
    pub fn new(raw: &'r dyn RawRow, map: &'r [usize]) -> Self {
        Row { raw, map }
    }

    /// Decodes field `field`; `name` is used in the error only.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] naming the column.
    pub fn get<T: Value>(&self, field: usize, name: &str) -> Result<T> {
        let column = self.map.get(field).copied().unwrap_or(field);
        self.raw
            .value(column)
            .and_then(T::decode)
            .map_err(|error| decode_error(field, name, &error))
    }
}

#[cold]
fn decode_error(field: usize, name: &str, error: &ValueError) -> Error {
    let detail = if name.is_empty() {
        format!("column {}: {error}", field + 1)
    } else {
        format!("column `{name}`: {error}")
    };
    Error::new(ErrorKind::Decode).with_detail(detail)
}

/// A type that a row of a result becomes.
///
/// Derive it for a struct whose fields carry the names of the columns, in any order. Scalars and tuples of scalars
/// read by position.
#[diagnostic::on_unimplemented(
    message = "a row cannot become `{Self}`",
    note = "use #[derive(Entity)] or #[derive(FromRow)] on the struct, a column type, or a tuple of column types",
    note = "a #[derive(View)] is not streamed: collect its roots in chunks, and give each chunk to `load`"
)]
pub trait FromRow: Sized + Send + 'static {
    /// The columns it reads, which `{*}` becomes.
    const COLUMNS: &'static [ColumnSpec];

    /// Builds the value.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] naming the column that does not fit.
    fn from_row(row: &Row<'_>) -> Result<Self>;

    /// Builds the value, or `None` for the NULL of a scalar: `max(x)` over no rows is `None`, not an error.
    ///
    /// # Errors
    /// As [`from_row`](FromRow::from_row).
    fn from_nullable_row(row: &Row<'_>) -> Result<Option<Self>> {
        Self::from_row(row).map(Some)
    }
}

/// Makes a column type readable as a whole row of one column.
#[doc(hidden)]
#[macro_export]
macro_rules! __scalar_from_row {
    ($([$($generics:tt)*] $ty:ty),* $(,)?) => {$(
        impl<$($generics)*> $crate::FromRow for $ty {
            const COLUMNS: &'static [$crate::ColumnSpec] =
                &[$crate::ColumnSpec::of::<$ty>("")];
            fn from_row(row: &$crate::Row<'_>) -> $crate::Result<Self> {
                row.get::<$ty>(0, "")
            }
            fn from_nullable_row(row: &$crate::Row<'_>) -> $crate::Result<Option<Self>> {
                row.get::<Option<$ty>>(0, "")
            }
        }
    )*};
}

__scalar_from_row!(
    [] bool, [] i16, [] i32, [] i64, [] f32, [] f64, [] String, [] Vec<u8>,
    [] uuid::Uuid, [] rust_decimal::Decimal, [] jiff::Timestamp, [] jiff::civil::Date,
    [] jiff::civil::Time, [] serde_json::Value,
    [T: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static] crate::value::Json<T>,
    [T: Value] Option<T>,
);

macro_rules! tuple_from_row {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Value),+> FromRow for ($($name,)+) {
            const COLUMNS: &'static [ColumnSpec] = &[$(ColumnSpec::of::<$name>("")),+];
            fn from_row(row: &Row<'_>) -> Result<Self> {
                Ok(($(row.get::<$name>($index, "")?,)+))
            }
        }
    };
}
tuple_from_row!(A 0);
tuple_from_row!(A 0, B 1);
tuple_from_row!(A 0, B 1, C 2);
tuple_from_row!(A 0, B 1, C 2, D 3);
tuple_from_row!(A 0, B 1, C 2, D 3, E 4);
tuple_from_row!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple_from_row!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple_from_row!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

/// For each of `specs` the index of its column among `names`; empty when the order is the same.
///
/// # Errors
/// [`ErrorKind::Decode`] naming the columns that the result lacks, or the number of columns when types read by
/// position.
pub fn column_map(specs: &[ColumnSpec], names: &[&str]) -> Result<Vec<usize>> {
    let positional = specs.iter().all(|spec| spec.name.is_empty());
    if positional {
        if specs.len() == names.len() {
            return Ok(Vec::new());
        }
        return Err(Error::new(ErrorKind::Decode).with_detail(format!(
            "the result has {} columns, but the return type reads {} by position",
            names.len(),
            specs.len()
        )));
    }
    if specs.len() <= names.len()
        && specs
            .iter()
            .zip(names)
            .all(|(spec, name)| spec.name.eq_ignore_ascii_case(name))
    {
        return Ok(Vec::new());
    }
    let mut missing = Vec::new();
    let mut map = Vec::with_capacity(specs.len());
    for spec in specs {
        match names
            .iter()
            .position(|name| spec.name.eq_ignore_ascii_case(name))
        {
            Some(index) => map.push(index),
            None => missing.push(spec.name),
        }
    }
    if missing.is_empty() {
        return Ok(map);
    }
    Err(Error::new(ErrorKind::Decode).with_detail(format!(
        "the result has no column {}; its columns are {}",
        list(&missing),
        list(names)
    )))
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Whether a sink wants the rows that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Give the next row.
    More,
    /// The engine may stop reading a query; a statement that writes is still run to its end.
    Enough,
}

/// Receives the rows of one result where the driver runs, and is handed back when the result ends.
pub trait RowSink: Any + Send {
    /// The columns that it wants, if it knows them beforehand. It need not be told of columns that begin with these, in
    /// this order.
    fn wanted(&self) -> Option<&'static [ColumnSpec]> {
        None
    }

    /// Called once, before the first row, also when there is none.
    ///
    /// # Errors
    /// Columns that the type does not find.
    fn start(&mut self, columns: &[&str]) -> Result<()>;

    /// Called for each row.
    ///
    /// # Errors
    /// A value that does not fit, or more rows than allowed.
    fn row(&mut self, row: &dyn RawRow) -> Result<Flow>;

    /// How many rows it holds; a streaming engine hands it on when that reaches its batch size.
    fn held(&self) -> usize;

    /// An empty sink for the next batch of the same result.
    fn next_batch(&self) -> Box<dyn RowSink>;

    /// Forgets the columns and all rows, so that the same result can be given once more from its start, and says whether
    /// it could. An engine asks before it tries a statement that it may have to run again.
    fn restart(&mut self) -> bool {
        false
    }
}

/// The sink that collects decoded rows.
pub(crate) struct Collector<T> {
    pub(crate) rows: Vec<T>,
    map: Vec<usize>,
    /// After this many rows the rest is not wanted.
    limit: usize,
    /// Whether the NULL of a scalar counts as no row.
    nullable: bool,
    /// How many rows there were, those of NULL included.
    pub(crate) seen: usize,
}

impl<T: FromRow> Collector<T> {
    pub(crate) fn new(limit: usize, nullable: bool) -> Box<Self> {
        Box::new(Collector::unboxed(limit, nullable))
    }

    /// The same, for who may have its answer on the spot.
    pub(crate) fn unboxed(limit: usize, nullable: bool) -> Self {
        Collector {
            rows: Vec::new(),
            map: Vec::new(),
            limit,
            nullable,
            seen: 0,
        }
    }
}

impl<T: FromRow> RowSink for Collector<T> {
    fn wanted(&self) -> Option<&'static [ColumnSpec]> {
        Some(T::COLUMNS)
    }

    fn start(&mut self, columns: &[&str]) -> Result<()> {
        self.map = column_map(T::COLUMNS, columns)?;
        Ok(())
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        if self.seen >= self.limit {
            return Ok(Flow::Enough);
        }
        self.seen += 1;
        let row = Row::new(row, &self.map);
        if self.nullable {
            self.rows.extend(T::from_nullable_row(&row)?);
        } else {
            self.rows.push(T::from_row(&row)?);
        }
        Ok(if self.seen >= self.limit {
            Flow::Enough
        } else {
            Flow::More
        })
    }

    fn held(&self) -> usize {
        self.rows.len()
    }

    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(Collector::<T> {
            rows: Vec::new(),
            map: self.map.clone(),
            limit: usize::MAX,
            nullable: self.nullable,
            seen: 0,
        })
    }

    fn restart(&mut self) -> bool {
        self.rows.clear();
        self.map.clear();
        self.seen = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(i64);

    impl RawRow for One {
        fn value(&self, _: usize) -> Result<ValueRef<'_>, ValueError> {
            Ok(ValueRef::I64(self.0))
        }
    }

    #[test]
    fn a_sink_that_starts_over_keeps_its_limit_and_no_row() -> Result<()> {
        let mut sink = Collector::<i64>::new(2, false);
        sink.start(&["a"])?;
        assert_eq!(sink.row(&One(1))?, Flow::More);
        assert_eq!(sink.row(&One(2))?, Flow::Enough);
        assert!(sink.restart());
        assert_eq!(sink.held(), 0);
        sink.start(&["a"])?;
        assert_eq!(sink.row(&One(3))?, Flow::More);
        assert_eq!(sink.row(&One(4))?, Flow::Enough);
        assert_eq!(sink.row(&One(5))?, Flow::Enough);
        assert_eq!((sink.rows, sink.seen), (vec![3, 4], 2));
        Ok(())
    }
}
