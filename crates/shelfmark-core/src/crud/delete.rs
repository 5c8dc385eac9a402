//! `#[delete]`, `#[delete_many]` and `#[restore]`: rows that go, by their keys, and come back.

use super::key::{self, CompositeKey};
use super::managed::{Added, Role};
use super::many::{self, Rows};
use super::text::{Deleted, Returning, Text};
use crate::channel::Demand;
use crate::dialect::Dialect;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Args, Handle, call};
use crate::repeated;
use crate::row::ColumnSpec;
use crate::statement::Statement;
use crate::value::{Param, ParamSpec, Type, ValueRef};

/// What becomes of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They get the time of their deletion where the entity has `#[deleted_at]`, and go where it has not.
    Delete,
    /// They go, deleted before or not.
    Hard,
    /// They are there again.
    Restore,
}

impl Way {
    /// Whether the rows stay in the table.
    fn keeps<E: Entity>(self) -> bool {
        self == Way::Restore || (self == Way::Delete && E::MANAGED.deleted_at.is_some())
    }

    fn added<E: Entity>(self) -> Added {
        let mut added = Added::none();
        if self == Way::Delete {
            added = added.and(Role::DeletedAt, E::MANAGED.deleted_at);
        }
        if self.keeps::<E>() {
            added = added.and(Role::UpdatedAt, E::MANAGED.updated_at);
        }
        added.and(Role::Tenant, E::MANAGED.tenant)
    }

    /// `DELETE FROM "t"`, or `UPDATE "t" SET "deleted_at" = …`. PostgreSQL's rows of keys, if there are any, stand in
    /// between.
    fn begin<E: Entity>(self, text: &mut Text, keys: &[Type]) {
        let rows = text.many_at_once();
        let alias = |text: &mut Text| {
            if rows {
                text.push(" AS this").aliased("this");
            }
        };
        if !self.keeps::<E>() {
            text.push("DELETE FROM ").name(E::TABLE);
            alias(text);
            if rows {
                text.push(" USING ").unnested(keys, false);
            }
            return;
        }
        text.push("UPDATE ").name(E::TABLE);
        alias(text);
        text.push(" SET ");
        if let Some(deleted_at) = E::MANAGED.deleted_at {
            text.name(deleted_at.name).push(" = ");
            if self == Way::Delete {
                text.added(Role::DeletedAt);
            } else {
                text.push("NULL");
            }
        }
        text.next_version::<E>(", ").touched::<E>(", ");
        if rows {
            text.push(" FROM ").unnested(keys, false);
        }
    }

    fn end<E: Entity>(self, text: &mut Text, gives: Returning) {
        let deleted = match self {
            Way::Delete => Deleted::Hidden,
            Way::Hard => Deleted::Seen,
            Way::Restore => Deleted::Only,
        };
        text.visible::<E>(" AND ", deleted).returning::<E>(gives);
    }
}

/// The text of `#[delete]` and `#[restore]`: the key's columns, then what the library adds.
#[must_use]
pub fn text<E: Entity>(dialect: Dialect, way: Way, gives: Returning) -> String {
    let mut text = Text::new(dialect, E::KEY.len(), way.added::<E>());
    way.begin::<E>(&mut text, &[]);
    text.push(" WHERE ").key_equals::<E>(|nth, _| nth);
    way.end::<E>(&mut text, gives);
    text.finish()
}

/// The text of `#[delete_many]` for a key of one column: one list of any length.
#[must_use]
pub fn listed_text<E: Entity>(dialect: Dialect, way: Way, gives: Returning) -> String {
    let mut text = Text::new(dialect, 1, way.added::<E>());
    way.begin::<E>(&mut text, &[]);
    text.push(" WHERE ").names(E::KEY.iter().copied());
    text.push(match dialect {
        Dialect::Postgres => " = ANY(",
        Dialect::Sqlite => " IN rarray(",
    });
    text.given(0).push(")");
    way.end::<E>(&mut text, gives);
    text.finish()
}

/// The text of `#[delete_many]` for a key of several columns.
#[must_use]
pub fn many_text<E: Entity, K: CompositeKey>(
    dialect: Dialect,
    way: Way,
    gives: Returning,
) -> String {
    let added = way.added::<E>();
    let types: Vec<Type> = K::TYPES
        .iter()
        .copied()
        .chain(added.columns().map(|column| column.ty))
        .collect();
    let mut text = Text::new(dialect, K::TYPES.len(), added).of_many();
    way.begin::<E>(&mut text, &types);
    text.push(" WHERE ").key_equals::<E>(|nth, _| nth);
    way.end::<E>(&mut text, gives);
    text.finish()
}

/// The parameters of the first two texts, of which `given` are the key's, or the list.
#[must_use]
pub fn params<E: Entity>(way: Way, given: Vec<ParamSpec>) -> Vec<ParamSpec> {
    way.added::<E>().params(given)
}

/// The parameters of [`many_text`].
#[must_use]
pub fn many_params<E: Entity, K: CompositeKey>(way: Way) -> Vec<ParamSpec> {
    let given = E::KEY.iter().zip(K::TYPES).map(|(name, ty)| ParamSpec {
        name,
        ty: *ty,
        list: false,
    });
    way.added::<E>().params(given)
}

/// The values for a call on `handle`, of which `key` are the key's, or the list.
#[must_use]
pub fn args<'a, E: Entity>(handle: &'a Handle, way: Way, key: Args<'a>) -> Args<'a> {
    way.added::<E>().bound(handle, key)
}

/// Runs `#[delete_many]` for a key of one column; the number of rows that there were.
///
/// # Errors
/// What the statement's execution fails with.
pub async fn listed_count<E: Entity, K: Param + ?Sized>(
    handle: &Handle,
    statement: &'static Statement,
    way: Way,
    name: &'static str,
    keys: &K,
) -> Result<u64> {
    let listed = listed(statement, keys)?;
    if listed.is_empty() {
        return Ok(0);
    }
    let given = Args::with_capacity(1).bind(name, keys);
    call::execute(handle, statement, args::<E>(handle, way, given)).await
}

/// Runs `#[delete_many]` for a key of one column, of which every row has to be there.
///
/// # Errors
/// `NotFound` where one is not there, and nothing is deleted then; as [`listed_count`].
pub async fn listed_found<E: Entity, K: Param + ?Sized>(
    handle: &Handle,
    statement: &'static Statement,
    way: Way,
    name: &'static str,
    keys: &K,
) -> Result<()> {
    let listed = listed(statement, keys)?;
    if listed.is_empty() {
        return Ok(());
    }
    let demand = Demand {
        rows: distinct(&listed),
        kind: ErrorKind::NotFound,
        constraint: None,
    };
    let given = Args::with_capacity(1).bind(name, keys);
    let args = args::<E>(handle, way, given);
    call::execute_demanding(handle, statement, args, demand)
        .await
        .map(drop)
}

/// Runs `#[delete_many]` for a key of one column; the rows that there were, in the order of the keys.
///
/// # Errors
/// As [`listed_count`].
pub async fn listed_rows<E: Entity, K: Param + ?Sized>(
    handle: &Handle,
    statement: &'static Statement,
    way: Way,
    name: &'static str,
    keys: &K,
) -> Result<Vec<E>> {
    let listed = listed(statement, keys)?;
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let given = Args::with_capacity(1).bind(name, keys);
    let gone = call::fetch_all(handle, statement, args::<E>(handle, way, given)).await?;
    Ok(key::in_order_of(&listed, gone))
}

/// Each key of the list by itself.
fn listed<'a, K: Param + ?Sized>(
    statement: &Statement,
    keys: &'a K,
) -> Result<Vec<Vec<ValueRef<'a>>>> {
    match keys.encode_param() {
        Ok(ValueRef::List(_, values)) => Ok(values.into_iter().map(|value| vec![value]).collect()),
        Ok(value) => Ok(vec![vec![value]]),
        Err(error) => Err(Error::new(ErrorKind::Encode)
            .with_method(statement.method)
            .with_detail(format!("the keys: {error}"))),
    }
}

fn distinct(keys: &[Vec<ValueRef<'_>>]) -> u64 {
    let columns = keys.first().map_or(0, Vec::len);
    let all: Vec<usize> = (0..columns).collect();
    let distinct: std::collections::HashSet<_> = keys
        .iter()
        .filter_map(|key| repeated::key(key, &all))
        .collect();
    u64::try_from(distinct.len()).unwrap_or(u64::MAX)
}

/// Runs `#[delete_many]` for a key of several columns; the number of rows that there were.
///
/// # Errors
/// What the statement's execution fails with; an unsendable value names its row and column.
pub async fn many_count<E: Entity, K: CompositeKey>(
    handle: &Handle,
    statement: &'static Statement,
    way: Way,
    keys: &[K],
) -> Result<u64> {
    let (rows, _) = rows::<E, K>(handle, statement, way, keys)?;
    many::execute(handle, statement, rows, None).await
}

/// Runs `#[delete_many]` for a key of several columns, of which every row has to be there.
///
/// # Errors
/// `NotFound` where one is not there, and nothing is deleted then; as [`many_count`].
pub async fn many_found<E: Entity, K: CompositeKey>(
    handle: &Handle,
    statement: &'static Statement,
    way: Way,
    keys: &[K],
) -> Result<()> {
    let (rows, keys) = rows::<E, K>(handle, statement, way, keys)?;
    let demand = Demand {
        rows: distinct(&keys),
        kind: ErrorKind::NotFound,
        constraint: None,
    };
    many::execute(handle, statement, rows, Some(demand))
        .await
        .map(drop)
}

/// Runs `#[delete_many]` for a key of several columns; the rows that there were, in the order of the keys.
///
/// # Errors
/// As [`many_count`].
pub async fn many_rows<E: Entity, K: CompositeKey>(
    handle: &Handle,
    statement: &'static Statement,
    way: Way,
    keys: &[K],
) -> Result<Vec<E>> {
    let (rows, keys) = rows::<E, K>(handle, statement, way, keys)?;
    let gone = many::fetch(handle, statement, rows, None).await?;
    Ok(key::in_order_of(&keys, gone))
}

type Keys<'a> = Vec<Vec<ValueRef<'a>>>;

fn rows<'a, E: Entity, K: CompositeKey>(
    handle: &'a Handle,
    statement: &Statement,
    way: Way,
    keys: &'a [K],
) -> Result<(Rows<'a>, Keys<'a>)> {
    let encoded = keys.iter().enumerate().map(|(nth, key)| {
        key.encode_key().map_err(|(column, error)| {
            let column = E::KEY.get(column).copied().unwrap_or_default();
            Error::new(ErrorKind::Encode)
                .with_method(statement.method)
                .with_detail(format!("row {nth}, column `{column}`: {error}"))
        })
    });
    let keys: Keys<'a> = encoded.collect::<Result<_>>()?;
    let mut values = keys.clone();
    let added = way.added::<E>();
    if !values.is_empty() {
        let more = added.values(handle);
        let more = more.map_err(|error| error.with_method(statement.method))?;
        for row in &mut values {
            row.extend(more.iter().cloned());
        }
    }
    let given = E::KEY.iter().zip(K::TYPES).map(|(name, ty)| ColumnSpec {
        name,
        ty: *ty,
        nullable: false,
    });
    let columns = given.chain(added.columns()).collect();
    Ok((Rows { columns, values }, keys))
}
