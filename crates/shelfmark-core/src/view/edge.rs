//! What an edge of a view leads to, and over which columns.

use crate::crud::{Managed, same};
use crate::entity::Entity;
use crate::row::ColumnSpec;
use crate::value::{ParamSpec, Type};

/// A table as the text of an edge needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [ColumnSpec],
    pub(crate) key: &'static [&'static str],
    pub(crate) managed: Managed,
}

impl Table {
    const fn of<E: Entity>() -> Table {
        Table {
            name: E::TABLE,
            columns: E::COLUMNS,
            key: E::KEY,
            managed: E::MANAGED,
        }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&'static ColumnSpec> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// The table between the two ends of an edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) table: Table,
    /// Its column that names the target.
    pub(crate) to: &'static str,
}

/// One edge of a view: where it begins, where it leads, in which order and how far.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Which column of the root is looked for, by its position.
    pub(crate) root: usize,
    /// The type of that column.
    pub(crate) key: Type,
    pub(crate) target: Table,
    pub(crate) link: Option<Link>,
    /// The column that the root's is compared with: of the link where there is one, else of the target.
    pub(crate) by: &'static str,
    pub(crate) order: &'static [Order],
    /// How many rows each root gets at most.
    pub(crate) limit: Option<u32>,
    /// Whether each root has at most one row by what the columns are, so that there is nothing to put in order.
    pub(crate) single: bool,
}

/// A column that the rows of an edge are put in order by.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Whose column it is.
    pub side: Side,
    /// Its name.
    pub column: &'static str,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

/// Whose column an [`Order`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The only one of the two that has a column of this name.
    Either,
    /// The target's, written `target.column`.
    Target,
    /// The link's, written `link.column`.
    Link,
}

impl Edge {
    /// From the root's column `by` to the one target whose key it holds.
    #[must_use]
    pub const fn one<R: Entity, T: Entity>(by: &'static str) -> Edge {
        let mut edge = Edge::from_root::<R, T>(by, simple_key::<T>());
        edge.single = true;
        edge
    }

    /// From the root's key to the targets that hold it in their column `by`.
    #[must_use]
    pub const fn back<R: Entity, T: Entity>(by: &'static str) -> Edge {
        Edge::from_root::<R, T>(simple_key::<R>(), by)
    }

    /// From the root's key to the rows of the link `L` that hold it in `by`, and on to the targets whose key they hold in
    /// `to`.
    #[must_use]
    pub const fn through<R: Entity, T: Entity, L: Entity>(
        by: &'static str,
        to: &'static str,
    ) -> Edge {
        let mut edge = Edge::from_root::<R, T>(simple_key::<R>(), by);
        edge.link = Some(Link {
            table: Table::of::<L>(),
            to,
        });
        edge
    }

    const fn from_root<R: Entity, T: Entity>(root: &'static str, by: &'static str) -> Edge {
        let (root, key) = match find(R::COLUMNS, root) {
            Some((position, column)) => (position, column.ty),
            // Refused while compiling by `matches`.
            None => (0, Type::I64),
        };
        Edge {
            root,
            key,
            target: Table::of::<T>(),
            link: None,
            by,
            order: &[],
            limit: None,
            single: false,
        }
    }

    /// In this order, and then in that of the target's key.
    #[must_use]
    pub const fn ordered(mut self, order: &'static [Order]) -> Edge {
        self.order = order;
        self
    }

    /// At most `limit` rows for each root, the first ones in the order.
    #[must_use]
    pub const fn limited(mut self, limit: u32) -> Edge {
        self.limit = Some(limit);
        self
    }

    /// The parameters of the statement: the keys, and whose rows may be seen.
    #[must_use]
    pub fn params(&self) -> Vec<ParamSpec> {
        let keys = ParamSpec {
            name: "keys",
            ty: self.key,
            list: true,
        };
        let tenants = self.tenants().map(|column| ParamSpec {
            name: column.name,
            ty: column.ty,
            list: false,
        });
        std::iter::once(keys).chain(tenants).collect()
    }

    /// The columns that name a tenant: that of the link, then that of the target.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = ColumnSpec> {
        let link = self.link.and_then(|link| link.table.managed.tenant);
        link.into_iter().chain(self.target.managed.tenant)
    }
}

/// The key's column; of a key of several columns the first, which [`has_simple_key`] refuses while compiling.
const fn simple_key<E: Entity>() -> &'static str {
    match E::KEY {
        [first, ..] => first,
        [] => "",
    }
}

/// Whether the key of `E` has one column, which is what an edge can go over.
#[must_use]
pub const fn has_simple_key<E: Entity>() -> bool {
    E::KEY.len() == 1
}

/// Whether `column` of `E` may be NULL.
#[must_use]
pub const fn is_nullable<E: Entity>(column: &str) -> bool {
    match find(E::COLUMNS, column) {
        Some((_, column)) => column.nullable,
        None => false,
    }
}

/// Whether `column` of `E` holds what the key of `T` holds.
#[must_use]
pub const fn matches<E: Entity, T: Entity>(column: &str) -> bool {
    match (
        find(E::COLUMNS, column),
        find(T::COLUMNS, simple_key::<T>()),
    ) {
        (Some((_, column)), Some((_, key))) => column.ty as u8 == key.ty as u8,
        _ => false,
    }
}

/// How many of the tables that `side` allows have `column`: a name of an order must be that of exactly one.
#[must_use]
pub const fn sides(target: &[ColumnSpec], link: &[ColumnSpec], side: Side, column: &str) -> usize {
    let target = find(target, column).is_some() && !matches!(side, Side::Link);
    let link = find(link, column).is_some() && !matches!(side, Side::Target);
    target as usize + link as usize
}

/// The longest way so far, or the one over an edge to what has a way of `below`.
#[must_use]
pub const fn deeper(longest: usize, below: usize) -> usize {
    if below < longest { longest } else { below + 1 }
}

const fn find(columns: &[ColumnSpec], name: &str) -> Option<(usize, ColumnSpec)> {
    let (mut rest, mut position) = (columns, 0);
    while let [first, others @ ..] = rest {
        if same(first.name, name) {
            return Some((position, *first));
        }
        rest = others;
        position += 1;
    }
    None
}
