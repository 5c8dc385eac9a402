//! What a table is to Rust: its columns, its key, its constraints.

use std::fmt;
use std::marker::PhantomData;

use crate::crud::Managed;
use crate::error::Result;
use crate::row::{ColumnSpec, FromRow};
use crate::value::{ValueError, ValueRef};

/// A type that is one row of one table. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    note = "add #[derive(Entity)] and #[entity(table = \"…\")] to it"
)]
pub trait Entity: FromRow + Sync {
    /// The table's name.
    const TABLE: &'static str;
    /// The names of the key's columns, in order.
    const KEY: &'static [&'static str];
    /// Whether the database gives the key (an identity column), so that inserts leave it out.
    const GENERATED: bool;
    /// The columns that generated statements keep by themselves.
    const MANAGED: Managed = Managed::NONE;

    /// The values of all columns, in the order of `COLUMNS`.
    ///
    /// # Errors
    /// A value that cannot be sent; the column is named by the caller.
    fn encode_row<'a>(&'a self, row: &mut RowValues<'a>);
}

/// A type that a new row is made from: what a caller may set. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which entity it inserts",
    note = "add #[derive(Insert)] and #[insert(Entity)] to it"
)]
pub trait Insertable: Send + Sync {
    /// The entity whose table it goes to.
    type Entity: Entity;
    /// The columns it sets.
    const COLUMNS: &'static [ColumnSpec];

    /// The values, in the order of `COLUMNS`.
    fn encode_row<'a>(&'a self, row: &mut RowValues<'a>);
}

/// Collects the values of one row; keeps the first refusal.
#[derive(Debug, Default)]
pub struct RowValues<'a> {
    values: Vec<ValueRef<'a>>,
    refused: Option<(&'static str, ValueError)>,
}

impl<'a> RowValues<'a> {
    /// Adds the value of `column`.
    pub fn push(&mut self, column: &'static str, value: Result<ValueRef<'a>, ValueError>) {
        match value {
            Ok(value) => self.values.push(value),
            Err(error) => {
                self.values.push(ValueRef::Null);
                self.refused.get_or_insert((column, error));
            }
        }
    }

    /// Keeps the values for which `wanted`, asked once for each in their order, says so.
    pub(crate) fn keep(&mut self, mut wanted: impl FnMut() -> bool) {
        self.values.retain(|_| wanted());
    }

    /// The values, or the column that was refused and why.
    ///
    /// # Errors
    /// The first refusal.
    pub fn finish(self) -> Result<Vec<ValueRef<'a>>, (&'static str, ValueError)> {
        match self.refused {
            Some(refused) => Err(refused),
            None => Ok(self.values),
        }
    }
}

/// A typed column of an entity, such as `Show::TITLE`.
pub struct Column<E, T> {
    name: &'static str,
    types: PhantomData<fn() -> (E, T)>,
}

impl<E, T> Column<E, T> {
    /// The column called `name`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Column {
            name,
            types: PhantomData,
        }
    }

    /// The column's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<E, T> Clone for Column<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E, T> Copy for Column<E, T> {}
impl<E, T> fmt::Debug for Column<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Column").field(&self.name).finish()
    }
}

/// The name of a constraint, such as `Show::UNIQUE_TITLE`; the same on every engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Constraint(&'static str);

impl Constraint {
    /// The constraint called `name`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Constraint(name)
    }

    /// The constraint's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}
