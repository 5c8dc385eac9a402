//! Statements with slots: `{filters}`, `{after}`, `{sort}`, `{page}` and `{tenant}` in written SQL.
//!
//! What can stand in the slots is declared ([`Slots`]); a call brings which of it does (`brought`). Together they have
//! one text for each combination that occurs (`text`), and `samples` are the texts that `verify` prepares.

mod brought;
mod paged;
mod prepare;
mod samples;
mod text;

use crate::dialect::Dialect;
use crate::entity::Entity;
use crate::error::Result;
use crate::filter::{Condition, Test, fragments_text};
use crate::page::{SortBy, SortColumn, SortText};
use crate::render::Part;
use crate::row::ColumnSpec;
use crate::texts::Texts;

pub(crate) use brought::Brought;
pub use paged::{fetch_page, fetch_slice};
pub(crate) use prepare::{Wanted, prepare};
pub(crate) use samples::samples;

/// A slot besides `{*}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `{filters}`: the conditions that are there, or TRUE.
    Filters,
    /// `{after}`: the condition of the rows behind a cursor, or TRUE. Where it is not written it is part of `{filters}`.
    After,
    /// `{sort}`: the keys of the order, the tie-breaker last.
    Sort,
    /// `{page}`: `LIMIT`, and `OFFSET` where pages have numbers.
    Page,
    /// `{tenant}`: the tenant of the handle, as a parameter.
    Tenant,
}

/// What can stand in the slots of a statement.
#[derive(Debug)]
pub struct Slots {
    /// The written SQL.
    pub parts: fn(Dialect) -> Result<&'static [Part]>,
    /// What `{*}` becomes.
    pub columns: fn() -> &'static [ColumnSpec],
    /// The conditions of the filter type; none without `{filters}`.
    pub conditions: fn() -> &'static [Condition],
    /// The keys of the sort type, if there is `{sort}`.
    pub sorts: Option<fn() -> Sorts>,
    /// Whether pages are cut by key, if there is `{page}`.
    pub keyset: Option<bool>,
    /// Whether the answer holds cursors, so that the result must have the columns of the sort.
    pub cursors: bool,
    /// Whether the answer has the number of all rows.
    pub counted: bool,
    /// The tenant's column, if there is `{tenant}`.
    pub tenant: Option<fn() -> Option<ColumnSpec>>,
    /// The texts that calls needed so far.
    pub texts: Texts,
}

impl Slots {
    /// The SQL that was written by hand for what stands in the slots: that of filters and of sort keys.
    #[must_use]
    pub fn written(&self, dialect: Dialect) -> Vec<String> {
        let of_filters = (self.conditions)().iter().map(|condition| condition.test);
        let of_filters = of_filters.filter_map(|test| match test {
            Test::Written {
                sqlite, postgres, ..
            } => Some((sqlite, postgres)),
            Test::Column { .. } => None,
        });
        let sorts = self.sorts.map(|sorts| sorts().keys).unwrap_or_default();
        let of_sorts = sorts.iter().filter_map(|(_, column)| match column.text {
            SortText::Written { sqlite, postgres } => Some((sqlite, postgres)),
            SortText::Column => None,
        });
        of_filters
            .chain(of_sorts)
            .map(|(sqlite, postgres)| {
                let written = match dialect {
                    Dialect::Sqlite => sqlite,
                    Dialect::Postgres => postgres,
                };
                let mut text = String::new();
                fragments_text(&mut text, dialect, written, None, 0);
                text
            })
            .collect()
    }
}

/// The keys that a statement can be sorted by.
#[derive(Clone, Debug)]
pub struct Sorts {
    /// Each with its name.
    pub keys: Vec<(&'static str, SortColumn)>,
    /// What tells rows apart that are equal in them.
    pub tie_breaker: Vec<ColumnSpec>,
}

/// The keys of a sort type.
#[must_use]
pub fn sorts_of<K: SortBy>() -> Sorts {
    let named = |name: &&'static str| K::from_name(name).map(|key| (*name, key.column()));
    Sorts {
        keys: K::names().iter().filter_map(named).collect(),
        tie_breaker: K::tie_breaker(),
    }
}

/// The text with nothing in the slots that can be left out, for a statement with that many arguments.
///
/// # Errors
/// `Unsupported` where the declaration has no text for the engine.
pub fn bare(slots: &Slots, arguments: usize, dialect: Dialect) -> Result<String> {
    samples::bare(slots, arguments, dialect)
}

/// The columns of an entity's key, which tell rows apart that are equal in all keys of an order.
#[must_use]
pub fn key_of<E: Entity>() -> Vec<ColumnSpec> {
    let of = |name: &&str| E::COLUMNS.iter().find(|column| column.name == *name);
    E::KEY.iter().filter_map(of).copied().collect()
}

/// The column of an entity that says whose row it is, if it has one.
#[must_use]
pub fn tenant_of<E: Entity>() -> Option<ColumnSpec> {
    E::MANAGED.tenant
}

/// The key of `R`, if it is an entity: [`KNOWN`](KeyOf::KNOWN) then is the constant of the type itself, which goes before
/// that of [`WithoutKey`].
#[doc(hidden)]
#[derive(Debug)]
pub struct KeyOf<R>(std::marker::PhantomData<R>);

impl<E: Entity> KeyOf<E> {
    /// An entity has a key.
    pub const KNOWN: bool = true;

    /// Its columns.
    #[must_use]
    pub fn columns() -> Vec<ColumnSpec> {
        key_of::<E>()
    }
}

/// What stands for [`KeyOf`] on rows that are no entity.
#[doc(hidden)]
pub trait WithoutKey {
    /// No key is known.
    const KNOWN: bool = false;

    /// None.
    #[must_use]
    fn columns() -> Vec<ColumnSpec> {
        Vec::new()
    }
}

impl<R> WithoutKey for KeyOf<R> {}
