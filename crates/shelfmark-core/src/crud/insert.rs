//! `#[insert]` and `#[insert_many]`: new rows, whose managed columns are filled where the caller does not set them.

use super::managed::{Added, Managed, Role, param};
use super::many::{self, Rows};
use super::text::{Returning, Text, types};
use crate::dialect::Dialect;
use crate::entity::{Entity, Insertable};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Args, Handle};
use crate::row::ColumnSpec;
use crate::statement::Statement;
use crate::value::ParamSpec;

/// What a new row gets besides what its caller sets. The tenant is always the handle's.
pub(super) fn added<I: Insertable>() -> Added {
    let managed = <I::Entity as Entity>::MANAGED;
    let unset = |column: Option<ColumnSpec>| {
        column.filter(|column| I::COLUMNS.iter().all(|given| given.name != column.name))
    };
    Added::none()
        .and(Role::Version, unset(managed.version))
        .and(Role::CreatedAt, unset(managed.created_at))
        .and(Role::UpdatedAt, unset(managed.updated_at))
        .and(Role::Tenant, managed.tenant)
}

/// All columns of a new row in the order of their values.
pub(super) fn columns<I: Insertable>() -> Vec<ColumnSpec> {
    I::COLUMNS
        .iter()
        .copied()
        .chain(added::<I>().columns())
        .collect()
}

/// Begins a text that writes rows of `I`.
pub(super) fn begin<I: Insertable>(dialect: Dialect) -> Text {
    Text::new(dialect, I::COLUMNS.len(), added::<I>())
}

/// `INSERT INTO "t" ("a", "b")`, in which the table is called `alias` if that is not empty.
pub(super) fn into<I: Insertable>(text: &mut Text, columns: &[ColumnSpec], alias: &'static str) {
    text.push("INSERT INTO ").name(<I::Entity as Entity>::TABLE);
    if !alias.is_empty() {
        text.push(" AS ").push(alias);
    }
    if !columns.is_empty() {
        text.push(" (")
            .names(columns.iter().map(|column| column.name))
            .push(")");
    }
}

/// The values of one row.
pub(super) fn values_of_one(text: &mut Text, columns: &[ColumnSpec]) {
    if columns.is_empty() {
        text.push(" DEFAULT VALUES");
    } else {
        text.push(" VALUES (").all_values(columns.len()).push(")");
    }
}

/// The values of many rows: one array per column on PostgreSQL; SQLite runs the statement once per row. Where rows are
/// given back they are written in the order given, so that generated keys follow it.
pub(super) fn values_of_many(text: &mut Text, columns: &[ColumnSpec], gives: Returning) {
    if !text.many_at_once() {
        return values_of_one(text, columns);
    }
    let ordered = gives != Returning::Count;
    text.push(" SELECT ")
        .all_values(columns.len())
        .push(" FROM ")
        .unnested(&types(columns), ordered);
    if ordered {
        text.push(" ORDER BY given.nth");
    }
}

/// The text of `#[insert]`.
#[must_use]
pub fn text<I: Insertable>(dialect: Dialect, gives: Returning) -> String {
    let (mut text, columns) = (begin::<I>(dialect), columns::<I>());
    into::<I>(&mut text, &columns, "");
    values_of_one(&mut text, &columns);
    text.returning::<I::Entity>(gives);
    text.finish()
}

/// The text of `#[insert_many]`: constant, whatever the number of rows. With `ignore`, rows that conflict are skipped.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a type without columns.
pub fn many_text<I: Insertable>(
    dialect: Dialect,
    ignore: bool,
    gives: Returning,
) -> Result<String> {
    let (text, columns) = (begin::<I>(dialect), columns::<I>());
    with_columns(&columns, "#[insert_many]")?;
    let mut text = text.of_many();
    into::<I>(&mut text, &columns, "");
    values_of_many(&mut text, &columns, gives);
    if ignore {
        text.push(" ON CONFLICT DO NOTHING");
    }
    text.returning::<I::Entity>(gives);
    Ok(text.finish())
}

pub(super) fn with_columns(columns: &[ColumnSpec], attribute: &str) -> Result<()> {
    if columns.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("{attribute} needs a type with at least one column")));
    }
    Ok(())
}

/// The parameters of a statement that writes rows of `I`.
#[must_use]
pub fn params<I: Insertable>() -> Vec<ParamSpec> {
    columns::<I>().into_iter().map(param).collect()
}

/// The values of `row` for a call on `handle`.
#[must_use]
pub fn args<'a, I: Insertable>(handle: &'a Handle, row: &'a I) -> Args<'a> {
    let given = Args::with_capacity(I::COLUMNS.len()).bind_row(|values| row.encode_row(values));
    added::<I>().bound(handle, given)
}

/// All of `items` or none; the number of rows written.
///
/// # Errors
/// What the statement's execution fails with; an unsendable value names its row and column.
pub async fn many_count<I: Insertable>(
    handle: &Handle,
    statement: &'static Statement,
    items: &[I],
) -> Result<u64> {
    many::execute(handle, statement, rows(handle, statement, items)?, None).await
}

/// All of `items` or none; what was written, in the order given.
///
/// # Errors
/// As [`many_count`].
pub async fn many_rows<I: Insertable>(
    handle: &Handle,
    statement: &'static Statement,
    items: &[I],
) -> Result<Vec<I::Entity>> {
    many::fetch(handle, statement, rows(handle, statement, items)?, None).await
}

pub(super) fn rows<'a, I: Insertable>(
    handle: &'a Handle,
    statement: &Statement,
    items: &'a [I],
) -> Result<Rows<'a>> {
    let added = if items.is_empty() {
        Vec::new()
    } else {
        let values = added::<I>().values(handle);
        values.map_err(|error| error.with_method(statement.method))?
    };
    let values = items.iter().enumerate().map(|(nth, item)| {
        let mut values = many::encoded(statement, nth, |row| item.encode_row(row))?;
        values.extend(added.iter().cloned());
        Ok(values)
    });
    Ok(Rows {
        columns: columns::<I>(),
        values: values.collect::<Result<_>>()?,
    })
}

/// Whether `column` is the tenant's, which no caller sets; for a check while compiling.
#[must_use]
pub const fn is_tenant_of<E: Entity>(column: &str) -> bool {
    match E::MANAGED.tenant {
        Some(tenant) => super::key::same(tenant.name, column),
        None => false,
    }
}

/// Whether an upsert leaves `column` as it is in a row that is there.
pub(super) fn kept_by_upsert(managed: &Managed, column: &str) -> bool {
    Managed::is(managed.created_at, column)
        || Managed::is(managed.version, column)
        || Managed::is(managed.tenant, column)
}
