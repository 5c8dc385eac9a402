//! `#[upsert]` and `#[upsert_many]`: rows that are inserted or, where they are there, changed.

pub use super::insert::params;
use super::insert::{self, kept_by_upsert};
use super::managed::Managed;
use super::many::{self, Rows};
use super::text::{Returning, Text};
use crate::answer::Answer;
use crate::channel::Demand;
use crate::dialect::Dialect;
use crate::entity::{Entity, Insertable};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Handle, call};
use crate::repeated;
use crate::row::ColumnSpec;
use crate::sql::default_constraint_name;
use crate::statement::Statement;

/// The text of `#[upsert]`: one row, inserted or, where the columns `on` (or the key) conflict, updated.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a type without columns.
pub fn text<I: Insertable>(dialect: Dialect, on: &[&str], gives: Returning) -> Result<String> {
    let (mut text, columns) = (insert::begin::<I>(dialect), insert::columns::<I>());
    insert::with_columns(&columns, "#[upsert]")?;
    insert::into::<I>(&mut text, &columns, alias::<I>());
    insert::values_of_one(&mut text, &columns);
    on_conflict::<I>(&mut text, &columns, on, true);
    text.returning::<I::Entity>(gives);
    Ok(text.finish())
}

/// The text of `#[upsert_many]`: constant, whatever the number of rows.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a type without columns.
pub fn many_text<I: Insertable>(dialect: Dialect, on: &[&str], gives: Returning) -> Result<String> {
    let (text, columns) = (insert::begin::<I>(dialect), insert::columns::<I>());
    insert::with_columns(&columns, "#[upsert_many]")?;
    let mut text = text.of_many();
    insert::into::<I>(&mut text, &columns, alias::<I>());
    insert::values_of_many(&mut text, &columns, gives);
    // A row that is there has to be seen: to come back, or to be told from another tenant's.
    let seen = gives != Returning::Count || <I::Entity as Entity>::MANAGED.tenant.is_some();
    on_conflict::<I>(&mut text, &columns, on, seen);
    text.returning::<I::Entity>(gives);
    Ok(text.finish())
}

/// How the text calls the table, where it has to tell its columns from those of the new row.
fn alias<I: Insertable>() -> &'static str {
    let managed = <I::Entity as Entity>::MANAGED;
    if managed.version.is_some() || managed.tenant.is_some() {
        "this"
    } else {
        ""
    }
}

/// What happens to a row that is there. With nothing to set, it is set to itself when it has to be `seen`.
fn on_conflict<I: Insertable>(text: &mut Text, columns: &[ColumnSpec], on: &[&str], seen: bool) {
    let (key, managed) = (<I::Entity as Entity>::KEY, <I::Entity as Entity>::MANAGED);
    let on = if on.is_empty() { key } else { on };
    text.push(" ON CONFLICT (")
        .names(on.iter().copied())
        .push(") DO ");
    let taken = columns
        .iter()
        .map(|column| column.name)
        .filter(|name| !on.contains(name) && !key.contains(name))
        .filter(|name| !kept_by_upsert(&managed, name));
    let mut set: Vec<Set<'_>> = taken.map(Set::Given).collect();
    set.extend(managed.version.map(|_| Set::Version));
    set.extend(
        managed
            .deleted_at
            .filter(|column| set.iter().all(|set| !set.gives(column.name)))
            .map(|column| Set::Null(column.name)),
    );
    if set.is_empty() {
        if !seen {
            text.push("NOTHING");
            return;
        }
        set.extend(on.first().copied().map(Set::Given));
    }
    let alias = alias::<I>();
    text.push("UPDATE SET ")
        .each(set, ", ", |text, set| match set {
            Set::Given(name) => {
                text.name(name).push(" = excluded.").name(name);
            }
            Set::Null(name) => {
                text.name(name).push(" = NULL");
            }
            Set::Version => {
                text.aliased(alias);
                text.next_version::<I::Entity>("");
                text.aliased("");
            }
        });
    if let Some(tenant) = managed.tenant {
        text.push(" WHERE ").push(alias).push(".").name(tenant.name);
        text.push(" = excluded.").name(tenant.name);
    }
}

/// What is set in a row that is there.
enum Set<'n> {
    /// What the new row has.
    Given(&'n str),
    /// Nothing: the row is no longer deleted.
    Null(&'n str),
    Version,
}

impl Set<'_> {
    fn gives(&self, column: &str) -> bool {
        matches!(self, Set::Given(name) if *name == column)
    }
}

/// Runs `#[upsert]` and gives what was stored, or its key.
///
/// # Errors
/// `Unique` where the row that is there belongs to another tenant, and what the statement's execution fails with.
pub async fn one<I: Insertable, T: Answer>(
    handle: &Handle,
    statement: &'static Statement,
    row: &I,
    on: &[&str],
) -> Result<T> {
    let stored = call::fetch_optional(handle, statement, insert::args(handle, row)).await?;
    stored.ok_or_else(|| not_stored::<I>(on).with_method(statement.method))
}

/// Runs `#[upsert]` and gives the number of rows written.
///
/// # Errors
/// As [`one`].
pub async fn count<I: Insertable>(
    handle: &Handle,
    statement: &'static Statement,
    row: &I,
    on: &[&str],
) -> Result<u64> {
    let stored = call::execute(handle, statement, insert::args(handle, row)).await?;
    if stored == 0 && <I::Entity as Entity>::MANAGED.tenant.is_some() {
        return Err(not_stored::<I>(on).with_method(statement.method));
    }
    Ok(stored)
}

/// The error of a row that is there and belongs to another tenant: what an insert of it would have answered.
fn not_stored<I: Insertable>(on: &[&str]) -> Error {
    if <I::Entity as Entity>::MANAGED.tenant.is_none() {
        return Error::new(ErrorKind::NotFound);
    }
    Error::new(ErrorKind::Unique).with_constraint(constraint::<I>(on))
}

fn constraint<I: Insertable>(on: &[&str]) -> String {
    let table = <I::Entity as Entity>::TABLE;
    let table = table.rsplit('.').next().unwrap_or(table);
    if on.is_empty() || on == <I::Entity as Entity>::KEY {
        default_constraint_name(table, <I::Entity as Entity>::KEY, "pkey")
    } else {
        default_constraint_name(table, on, "key")
    }
}

/// All of `items` or none; the number given. Of several that have the same values in the columns `on` (none: the key)
/// the last one counts.
///
/// # Errors
/// What the statement's execution fails with; an unsendable value names its row and column. `Unique` where a row that is
/// there belongs to another tenant.
pub async fn many_count<I: Insertable>(
    handle: &Handle,
    statement: &'static Statement,
    items: &[I],
    on: &[&str],
) -> Result<u64> {
    let (rows, demand) = rows(handle, statement, items, on)?;
    many::execute(handle, statement, rows, demand).await?;
    Ok(u64::try_from(items.len()).unwrap_or(u64::MAX))
}

/// As [`many_count`]; what was stored, in the order given, without those of `items` that a later one replaces.
///
/// # Errors
/// As [`many_count`].
pub async fn many_rows<I: Insertable>(
    handle: &Handle,
    statement: &'static Statement,
    items: &[I],
    on: &[&str],
) -> Result<Vec<I::Entity>> {
    let (rows, demand) = rows(handle, statement, items, on)?;
    many::fetch(handle, statement, rows, demand).await
}

fn rows<'a, I: Insertable>(
    handle: &'a Handle,
    statement: &Statement,
    items: &'a [I],
    on: &[&str],
) -> Result<(Rows<'a>, Option<Demand>)> {
    let mut rows = insert::rows(handle, statement, items)?;
    let key = <I::Entity as Entity>::KEY;
    repeated::leave_out(
        &rows.columns,
        if on.is_empty() { key } else { on },
        &mut rows.values,
    );
    let belongs: Managed = <I::Entity as Entity>::MANAGED;
    let demand = belongs.tenant.map(|_| Demand {
        rows: rows.count(),
        kind: ErrorKind::Unique,
        constraint: Some(constraint::<I>(on).into()),
    });
    Ok((rows, demand))
}
