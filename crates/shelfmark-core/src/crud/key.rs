//! The key of an entity: whether arguments are it, and keys of several columns as one value.

use std::collections::HashMap;

use crate::entity::{Entity, RowValues};
use crate::repeated;
use crate::row::ColumnSpec;
use crate::value::key::Key;
use crate::value::{Param, Type, ValueError, ValueRef};

/// Whether `names` are the key of `E`, for a check while compiling: a key of one column goes under any name, a
/// composite key under its columns' names in their order.
#[must_use]
pub const fn is_key<E: Entity>(names: &[&str]) -> bool {
    let key = E::KEY;
    if key.len() != names.len() {
        return false;
    }
    if key.len() == 1 {
        return true;
    }
    let mut nth = 0;
    while nth < key.len() {
        if !same(nth_of(key, nth), nth_of(names, nth)) {
            return false;
        }
        nth += 1;
    }
    true
}

/// Whether `name` is one of `names`, while compiling.
pub(crate) const fn contains(names: &[&str], name: &str) -> bool {
    let mut nth = 0;
    while nth < names.len() {
        if same(nth_of(names, nth), name) {
            return true;
        }
        nth += 1;
    }
    false
}

#[expect(
    clippy::indexing_slicing,
    reason = "iterators are not const; the caller stays below the length"
)]
const fn nth_of<'n>(names: &'n [&'n str], nth: usize) -> &'n str {
    names[nth]
}

#[expect(
    clippy::indexing_slicing,
    reason = "iterators are not const; the loop stays below the length"
)]
pub(crate) const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The columns of the key, in order.
pub(crate) fn columns<E: Entity>() -> Vec<ColumnSpec> {
    E::KEY
        .iter()
        .filter_map(|name| E::COLUMNS.iter().find(|column| column.name == *name))
        .copied()
        .collect()
}

/// Where the key's columns stand among those of the entity.
pub(crate) fn positions<E: Entity>() -> Vec<usize> {
    E::KEY
        .iter()
        .filter_map(|name| E::COLUMNS.iter().position(|column| column.name == *name))
        .collect()
}

/// Puts `rows` into the order of `keys`; a row whose key is not among them, because the database takes other texts for
/// equal, comes last.
pub(crate) fn in_order_of<E: Entity>(keys: &[Vec<ValueRef<'_>>], rows: Vec<E>) -> Vec<E> {
    let all: Vec<usize> = (0..E::KEY.len()).collect();
    let mut order: HashMap<Vec<Key<'_>>, usize> = HashMap::with_capacity(keys.len());
    for (nth, key) in keys.iter().enumerate() {
        if let Some(key) = repeated::key(key, &all) {
            // A key may come twice; its row stands where it came first.
            order.entry(key).or_insert(nth);
        }
    }
    let positions = positions::<E>();
    let mut placed: Vec<(usize, E)> = rows
        .into_iter()
        .map(|row| {
            let place = {
                let mut values = RowValues::default();
                row.encode_row(&mut values);
                values
                    .finish()
                    .ok()
                    .and_then(|values| order.get(&repeated::key(&values, &positions)?).copied())
            };
            (place.unwrap_or(usize::MAX), row)
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, row)| row).collect()
}

/// A key of several columns: a tuple of what its columns hold, in their order.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key of several columns",
    note = "use a tuple with a value for each column of the key, in their order, such as `&[(String, i64)]`"
)]
pub trait CompositeKey: Sync {
    /// The types of its columns.
    const TYPES: &'static [Type];

    /// Its values, or the position of the one that cannot be sent and why.
    ///
    /// # Errors
    /// As [`Param::encode_param`].
    fn encode_key(&self) -> Result<Vec<ValueRef<'_>>, (usize, ValueError)>;
}

macro_rules! composite_key {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Param),+> CompositeKey for ($($name,)+) {
            const TYPES: &'static [Type] = &[$($name::TYPE),+];
            fn encode_key(&self) -> Result<Vec<ValueRef<'_>>, (usize, ValueError)> {
                Ok(vec![$(self.$index.encode_param().map_err(|error| ($index, error))?),+])
            }
        }
    };
}
composite_key!(A 0, B 1);
composite_key!(A 0, B 1, C 2);
composite_key!(A 0, B 1, C 2, D 3);
composite_key!(A 0, B 1, C 2, D 3, E 4);
composite_key!(A 0, B 1, C 2, D 3, E 4, F 5);
