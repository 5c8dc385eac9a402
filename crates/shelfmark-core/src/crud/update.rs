//! `#[update]` and `#[update_many]`: all columns of rows that are found by their keys.

use super::find;
use super::key;
use super::managed::{Added, Managed, Role, param};
use super::many::{self, Rows};
use super::text::{Deleted, Returning, Text, types};
use crate::channel::{Call, Demand};
use crate::dialect::Dialect;
use crate::entity::{Entity, RowValues};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Args, Handle, call, collected};
use crate::repeated;
use crate::row::{Collector, ColumnSpec};
use crate::statement::{Access, Statement};
use crate::value::{ParamSpec, ValueRef};

fn added<E: Entity>() -> Added {
    Added::none()
        .and(Role::UpdatedAt, E::MANAGED.updated_at)
        .and(Role::Tenant, E::MANAGED.tenant)
}

/// Whether the text takes the value that an entity has in `column`: what the library keeps is not set from it.
/// PostgreSQL refuses values that a text does not use.
fn is_used<E: Entity>(column: &ColumnSpec) -> bool {
    let managed = E::MANAGED;
    let kept = [
        managed.created_at,
        managed.updated_at,
        managed.deleted_at,
        managed.tenant,
    ];
    E::KEY.contains(&column.name) || !kept.iter().any(|kept| Managed::is(*kept, column.name))
}

/// The columns whose values the text takes, in the order of the entity's.
fn used<E: Entity>() -> Vec<ColumnSpec> {
    E::COLUMNS.iter().copied().filter(is_used::<E>).collect()
}

/// The text of `#[update]`.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for an entity that is nothing but its key.
pub fn text<E: Entity>(dialect: Dialect, gives: Returning) -> Result<String> {
    let used = used::<E>();
    let mut text = Text::new(dialect, used.len(), added::<E>());
    text.push("UPDATE ").name(E::TABLE);
    set::<E>(&mut text, &used)?;
    text.push(" WHERE ");
    matching::<E>(&mut text, &used);
    text.returning::<E>(gives);
    Ok(text.finish())
}

/// The text of `#[update_many]`: constant, whatever the number of rows.
///
/// # Errors
/// As [`text`].
pub fn many_text<E: Entity>(dialect: Dialect, gives: Returning) -> Result<String> {
    let used = used::<E>();
    let all: Vec<ColumnSpec> = used.iter().copied().chain(added::<E>().columns()).collect();
    let mut text = Text::new(dialect, used.len(), added::<E>()).of_many();
    text.push("UPDATE ").name(E::TABLE);
    if text.many_at_once() {
        text.push(" AS this").aliased("this");
    }
    set::<E>(&mut text, &used)?;
    if text.many_at_once() {
        text.push(" FROM ").unnested(&types(&all), false);
    }
    text.push(" WHERE ");
    matching::<E>(&mut text, &used);
    text.returning::<E>(gives);
    Ok(text.finish())
}

fn set<E: Entity>(text: &mut Text, used: &[ColumnSpec]) -> Result<()> {
    let taken = used.iter().enumerate().filter(|(_, column)| {
        !E::KEY.contains(&column.name) && !Managed::is(E::MANAGED.version, column.name)
    });
    let mut lead = " SET ";
    for (index, column) in taken {
        text.push(lead).name(column.name).push(" = ").given(index);
        lead = ", ";
    }
    if E::MANAGED.version.is_some() {
        text.next_version::<E>(lead);
        lead = ", ";
    }
    if E::MANAGED.updated_at.is_some() {
        text.touched::<E>(lead);
        lead = ", ";
    }
    if lead == " SET " {
        return Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
            "{} has no column besides its key to update",
            E::TABLE
        )));
    }
    Ok(())
}

/// The row with the entity's key, as the handle may see it, in the entity's version.
fn matching<E: Entity>(text: &mut Text, used: &[ColumnSpec]) {
    let position = |name: &str| {
        let found = used.iter().position(|column| column.name == name);
        found.unwrap_or_default()
    };
    text.key_equals::<E>(|_, key| position(key));
    if let Some(version) = E::MANAGED.version {
        text.push(" AND ").column(version.name).push(" = ");
        text.given(position(version.name));
    }
    text.visible::<E>(" AND ", Deleted::Hidden);
}

/// The parameters of both texts.
#[must_use]
pub fn params<E: Entity>() -> Vec<ParamSpec> {
    added::<E>().params(used::<E>().into_iter().map(param))
}

fn args<'a, E: Entity>(handle: &'a Handle, entity: &'a E) -> Args<'a> {
    let given = Args::with_capacity(E::COLUMNS.len()).bind_row(|values| used_of(entity, values));
    added::<E>().bound(handle, given)
}

/// Of the values of `entity` those that the text takes.
fn used_of<'a, E: Entity>(entity: &'a E, values: &mut RowValues<'a>) {
    entity.encode_row(values);
    let mut columns = E::COLUMNS.iter();
    values.keep(|| columns.next().is_some_and(is_used::<E>));
}

/// Runs `#[update]` and gives the row as it is stored.
///
/// # Errors
/// `NotFound` where it is not there, `Stale` where it has another version than `entity`, and what the statement's
/// execution fails with.
pub async fn one<E: Entity>(
    handle: &Handle,
    statement: &'static Statement,
    entity: &E,
) -> Result<E> {
    optional(handle, statement, entity)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::NotFound).with_method(statement.method))
}

/// Runs `#[update]` and gives the row as it is stored, if it is there.
///
/// # Errors
/// As [`one`], without `NotFound`.
pub async fn optional<E: Entity>(
    handle: &Handle,
    statement: &'static Statement,
    entity: &E,
) -> Result<Option<E>> {
    let stored = call::fetch_optional(handle, statement, args(handle, entity)).await?;
    if stored.is_none() {
        refuse_stale::<E>(handle, statement, || key_of(entity)).await?;
    }
    Ok(stored)
}

/// Runs `#[update]` and gives the number of rows written: one or none.
///
/// # Errors
/// As [`one`], without `NotFound`.
pub async fn count<E: Entity>(
    handle: &Handle,
    statement: &'static Statement,
    entity: &E,
) -> Result<u64> {
    let written = call::execute(handle, statement, args(handle, entity)).await?;
    if written == 0 {
        refuse_stale::<E>(handle, statement, || key_of(entity)).await?;
    }
    Ok(written)
}

fn key_of<E: Entity>(entity: &E) -> Vec<ValueRef<'_>> {
    let mut values = RowValues::default();
    entity.encode_row(&mut values);
    let mut names = E::COLUMNS.iter().map(|column| column.name);
    values.keep(|| names.next().is_some_and(|name| E::KEY.contains(&name)));
    // What could not be sent was refused before the statement ran.
    let values = values.finish().unwrap_or_default();
    let kept = E::COLUMNS.iter().map(|column| column.name);
    let kept: Vec<&str> = kept.filter(|name| E::KEY.contains(name)).collect();
    let in_order = E::KEY.iter().filter_map(|name| {
        let at = kept.iter().position(|kept| kept == name)?;
        values.get(at).cloned()
    });
    in_order.collect()
}

/// Answers `Stale` when the row is there after all: so it was its version that kept a statement from touching it.
pub(super) async fn refuse_stale<'a, E: Entity>(
    handle: &'a Handle,
    statement: &'static Statement,
    key: impl FnOnce() -> Vec<ValueRef<'a>>,
) -> Result<()> {
    if E::MANAGED.version.is_none() {
        return Ok(());
    }
    let named = |error: Error| error.with_method(statement.method);
    let tenant = Added::none().and(Role::Tenant, E::MANAGED.tenant);
    let mut params = key();
    params.extend(tenant.values(handle).map_err(named)?);
    let specs = tenant.params(key::columns::<E>().into_iter().map(param));
    let sql = find::count_text::<E>(handle.dialect()).into();
    let question = Call {
        // It only asks, whatever the statement does.
        access: Access::Read,
        ..Call::of(statement, sql, params, specs)
    };
    let sink = Collector::<i64>::new(1, false);
    let sink = handle
        .channel()
        .fetch(question, sink)
        .await
        .map_err(named)?;
    let there = collected::<Collector<i64>>(sink).map_err(named)?.rows;
    if there.first().is_some_and(|rows| *rows > 0) {
        return Err(named(many::stale()));
    }
    Ok(())
}

/// All of `entities` or none; the number of rows written. What is not there is not written, unless the entity has a
/// version: then every row has to be there in the version given.
///
/// # Errors
/// `Stale` for a row that is lost, `InvalidInput` for a key that comes twice, and what the statement's execution fails
/// with.
pub async fn many_count<E: Entity>(
    handle: &Handle,
    statement: &'static Statement,
    entities: &[E],
) -> Result<u64> {
    let rows = rows(handle, statement, entities)?;
    let demand = E::MANAGED.version.map(|_| lost::<E>(&rows));
    many::execute(handle, statement, rows, demand).await
}

/// All of `entities`, each of which has to be there.
///
/// # Errors
/// `NotFound` for a row that is not there, and as [`many_count`].
pub async fn many_found<E: Entity>(
    handle: &Handle,
    statement: &'static Statement,
    entities: &[E],
) -> Result<()> {
    let rows = rows(handle, statement, entities)?;
    let demand = Some(lost::<E>(&rows));
    many::execute(handle, statement, rows, demand)
        .await
        .map(drop)
}

/// As [`many_found`], and gives the rows as they are stored, in the order given.
///
/// # Errors
/// As [`many_found`].
pub async fn many_rows<E: Entity>(
    handle: &Handle,
    statement: &'static Statement,
    entities: &[E],
) -> Result<Vec<E>> {
    let rows = rows(handle, statement, entities)?;
    let demand = Some(lost::<E>(&rows));
    let stored = many::fetch(handle, statement, rows, demand).await?;
    let keys: Vec<Vec<ValueRef<'_>>> = entities.iter().map(key_of).collect();
    Ok(key::in_order_of(&keys, stored))
}

fn lost<E: Entity>(rows: &Rows<'_>) -> Demand {
    Demand {
        rows: rows.count(),
        kind: match E::MANAGED.version {
            Some(_) => ErrorKind::Stale,
            None => ErrorKind::NotFound,
        },
        constraint: None,
    }
}

fn rows<'a, E: Entity>(
    handle: &'a Handle,
    statement: &Statement,
    entities: &'a [E],
) -> Result<Rows<'a>> {
    let named = |error: Error| error.with_method(statement.method);
    let mut columns = used::<E>();
    let given = entities
        .iter()
        .enumerate()
        .map(|(nth, entity)| many::encoded(statement, nth, |values| used_of(entity, values)));
    let mut values: Vec<Vec<ValueRef<'a>>> = given.collect::<Result<_>>()?;
    if let Some((first, again)) = repeated::first_repeat(&columns, E::KEY, &values) {
        return Err(named(Error::new(ErrorKind::InvalidInput).with_detail(
            format!("row {again} has the key of row {first}: give each row once"),
        )));
    }
    if !values.is_empty() {
        let added = added::<E>().values(handle).map_err(named)?;
        for row in &mut values {
            row.extend(added.iter().cloned());
        }
    }
    columns.extend(added::<E>().columns());
    Ok(Rows { columns, values })
}
