//! The text of a statement for one engine: written SQL with its slots filled, and the generated CRUD statements.

use std::fmt::Write as _;

use crate::dialect::Dialect;
use crate::entity::{Entity, Insertable};
use crate::error::{Error, ErrorKind, Result};
use crate::row::ColumnSpec;
use crate::slots::Slot;
use crate::value::Type;

/// A piece of written SQL, as the macros hand it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as written.
    Text(&'static str),
    /// The parameter at this position, from zero.
    Param(usize),
    /// `IN (:list)`: membership in the list at this position.
    List {
        /// The position, from zero.
        index: usize,
        /// Whether `NOT IN` was written.
        negated: bool,
    },
    /// `{*}` or `{alias.*}`: the columns of the return type.
    Columns {
        /// The table or alias in front of each column.
        alias: Option<&'static str>,
    },
    /// Another slot, such as `{filters}` or `{alias.sort}`; what it becomes depends on the call.
    Slot {
        /// Which.
        slot: Slot,
        /// The table or alias in front of each column.
        alias: Option<&'static str>,
    },
}

/// Writes the text of `parts` for `dialect`; `columns` are those of the return type.
///
/// # Errors
/// [`ErrorKind::Unsupported`] when `{*}` stands in a statement whose return type has no named columns.
pub fn written(dialect: Dialect, parts: &[Part], columns: &[ColumnSpec]) -> Result<String> {
    let mut sql = String::new();
    for part in parts {
        part_text(&mut sql, dialect, part, columns)?;
    }
    Ok(sql)
}

/// Writes one part that depends on no call.
///
/// # Errors
/// As [`written`].
pub(crate) fn part_text(
    sql: &mut String,
    dialect: Dialect,
    part: &Part,
    columns: &[ColumnSpec],
) -> Result<()> {
    match *part {
        Part::Text(text) => sql.push_str(text),
        Part::Param(index) => placeholder(sql, dialect, index),
        Part::List { index, negated } => member_of(sql, dialect, index, negated),
        Part::Columns { alias } => {
            if columns.is_empty() || columns.iter().any(|column| column.name.is_empty()) {
                return Err(Error::new(ErrorKind::Unsupported).with_detail(
                    "`{*}` needs a return type with named columns: an entity or a #[derive(FromRow)] struct",
                ));
            }
            for (position, column) in columns.iter().enumerate() {
                if position > 0 {
                    sql.push_str(", ");
                }
                if let Some(alias) = alias {
                    sql.push_str(alias);
                    sql.push('.');
                }
                quoted(sql, column.name);
            }
        }
        Part::Slot { .. } => {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("a slot is filled by a call of the method it stands on"));
        }
    }
    Ok(())
}

/// `= ANY($1)` on PostgreSQL; on SQLite the list is a table-valued function. One value, whatever the length.
pub(crate) fn member_of(sql: &mut String, dialect: Dialect, index: usize, negated: bool) {
    match dialect {
        Dialect::Postgres => {
            sql.push_str(if negated { "<> ALL(" } else { "= ANY(" });
            placeholder(sql, dialect, index);
            sql.push(')');
        }
        Dialect::Sqlite => {
            sql.push_str(if negated {
                "NOT IN rarray("
            } else {
                "IN rarray("
            });
            placeholder(sql, dialect, index);
            sql.push(')');
        }
    }
}

pub(crate) fn placeholder(sql: &mut String, dialect: Dialect, index: usize) {
    let sign = match dialect {
        Dialect::Sqlite => '?',
        Dialect::Postgres => '$',
    };
    // Writing to a String cannot fail.
    let _ = write!(sql, "{sign}{}", index + 1);
}

/// Writes a name in double quotes, each part of `schema.table` by itself.
pub(crate) fn quoted(sql: &mut String, name: &str) {
    for (position, part) in name.split('.').enumerate() {
        if position > 0 {
            sql.push('.');
        }
        sql.push('"');
        sql.push_str(&part.replace('"', "\"\""));
        sql.push('"');
    }
}

fn names<'n>(sql: &mut String, names: impl IntoIterator<Item = &'n str>) {
    for (position, name) in names.into_iter().enumerate() {
        if position > 0 {
            sql.push_str(", ");
        }
        quoted(sql, name);
    }
}

/// What a writing statement gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returning {
    /// Only the number of rows.
    Count,
    /// The whole row.
    Row,
    /// The key's columns.
    Key,
}

fn returning<E: Entity>(sql: &mut String, what: Returning) {
    match what {
        Returning::Count => {}
        Returning::Row => {
            sql.push_str(" RETURNING ");
            names(sql, E::COLUMNS.iter().map(|column| column.name));
        }
        Returning::Key => {
            sql.push_str(" RETURNING ");
            names(sql, E::KEY.iter().copied());
        }
    }
}

fn select<E: Entity>() -> String {
    let mut sql = String::from("SELECT ");
    names(&mut sql, E::COLUMNS.iter().map(|column| column.name));
    sql.push_str(" FROM ");
    quoted(&mut sql, E::TABLE);
    sql
}

/// `"a" = $1 AND "b" = $2` for the key's columns, numbered by `position`.
fn key_equals<E: Entity>(
    sql: &mut String,
    dialect: Dialect,
    position: impl Fn(usize, &str) -> usize,
) {
    for (nth, key) in E::KEY.iter().enumerate() {
        sql.push_str(if nth == 0 { " WHERE " } else { " AND " });
        quoted(sql, key);
        sql.push_str(" = ");
        placeholder(sql, dialect, position(nth, key));
    }
}

/// `#[find]`: one row by its key.
#[must_use]
pub fn find<E: Entity>(dialect: Dialect) -> String {
    let mut sql = select::<E>();
    key_equals::<E>(&mut sql, dialect, |nth, _| nth);
    sql
}

/// `#[list]`: all rows in the order of the key, at most `$1` of them when `limited`.
#[must_use]
pub fn list<E: Entity>(dialect: Dialect, limited: bool) -> String {
    let mut sql = select::<E>();
    sql.push_str(" ORDER BY ");
    names(&mut sql, E::KEY.iter().copied());
    if limited {
        sql.push_str(" LIMIT ");
        placeholder(&mut sql, dialect, 0);
    }
    sql
}

fn insert_into<I: Insertable>(sql: &mut String) {
    sql.push_str("INSERT INTO ");
    quoted(sql, <I::Entity as Entity>::TABLE);
    if I::COLUMNS.is_empty() {
        return;
    }
    sql.push_str(" (");
    names(sql, I::COLUMNS.iter().map(|column| column.name));
    sql.push(')');
}

fn values_of_one<I: Insertable>(sql: &mut String, dialect: Dialect) {
    if I::COLUMNS.is_empty() {
        sql.push_str(" DEFAULT VALUES");
        return;
    }
    sql.push_str(" VALUES (");
    for index in 0..I::COLUMNS.len() {
        if index > 0 {
            sql.push_str(", ");
        }
        placeholder(sql, dialect, index);
    }
    sql.push(')');
}

/// The values of many rows: one array per column on PostgreSQL; SQLite runs the statement once per row.
fn values_of_many<I: Insertable>(sql: &mut String, dialect: Dialect) {
    if dialect == Dialect::Sqlite {
        return values_of_one::<I>(sql, dialect);
    }
    sql.push_str(" SELECT * FROM UNNEST(");
    for (index, column) in I::COLUMNS.iter().enumerate() {
        if index > 0 {
            sql.push_str(", ");
        }
        placeholder(sql, dialect, index);
        sql.push_str("::");
        sql.push_str(postgres_type(column.ty));
        sql.push_str("[]");
    }
    sql.push(')');
}

const fn postgres_type(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::I16 => "int2",
        Type::I32 => "int4",
        Type::I64 => "int8",
        Type::F32 => "float4",
        Type::F64 => "float8",
        Type::Text => "text",
        Type::Bytes => "bytea",
        Type::Uuid => "uuid",
        Type::Timestamp => "timestamptz",
        Type::Date => "date",
        Type::Time => "time",
        Type::Decimal => "numeric",
        Type::Json => "jsonb",
    }
}

/// `#[insert]`: one row.
#[must_use]
pub fn insert<I: Insertable>(dialect: Dialect, gives: Returning) -> String {
    let mut sql = String::new();
    insert_into::<I>(&mut sql);
    values_of_one::<I>(&mut sql, dialect);
    returning::<I::Entity>(&mut sql, gives);
    sql
}

/// `#[insert_many]`: many rows in one statement of constant text. With `ignore`, rows that conflict are skipped.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a type without columns.
pub fn insert_many<I: Insertable>(dialect: Dialect, ignore: bool) -> Result<String> {
    with_columns::<I>("#[insert_many]")?;
    let mut sql = String::new();
    insert_into::<I>(&mut sql);
    values_of_many::<I>(&mut sql, dialect);
    if ignore {
        sql.push_str(" ON CONFLICT DO NOTHING");
    }
    Ok(sql)
}

fn with_columns<I: Insertable>(attribute: &str) -> Result<()> {
    if I::COLUMNS.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("{attribute} needs a type with at least one column")));
    }
    Ok(())
}

/// The conflict's columns: those named, or the key.
fn on_conflict<I: Insertable>(sql: &mut String, on: &[&str], nothing_to_set: &str) {
    let key = <I::Entity as Entity>::KEY;
    let on = if on.is_empty() { key } else { on };
    sql.push_str(" ON CONFLICT (");
    names(sql, on.iter().copied());
    sql.push_str(") DO ");
    let set: Vec<&str> = I::COLUMNS
        .iter()
        .map(|column| column.name)
        .filter(|name| !on.contains(name) && !key.contains(name))
        .collect();
    if set.is_empty() {
        sql.push_str(nothing_to_set);
        return;
    }
    for (position, name) in set.iter().enumerate() {
        sql.push_str(if position == 0 { "UPDATE SET " } else { ", " });
        quoted(sql, name);
        sql.push_str(" = excluded.");
        quoted(sql, name);
    }
}

/// `#[upsert]`: one row, inserted or, where the columns `on` (or the key) conflict, updated.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a type without columns.
pub fn upsert<I: Insertable>(dialect: Dialect, on: &[&str], gives: Returning) -> Result<String> {
    with_columns::<I>("#[upsert]")?;
    let mut sql = String::new();
    insert_into::<I>(&mut sql);
    values_of_one::<I>(&mut sql, dialect);
    // Even with nothing to set the row must come back, so the conflict's first column is set to itself.
    let mut itself = String::from("UPDATE SET ");
    let first = on
        .first()
        .or(<I::Entity as Entity>::KEY.first())
        .copied()
        .unwrap_or_default();
    quoted(&mut itself, first);
    itself.push_str(" = excluded.");
    quoted(&mut itself, first);
    on_conflict::<I>(&mut sql, on, &itself);
    returning::<I::Entity>(&mut sql, gives);
    Ok(sql)
}

/// `#[upsert_many]`: many rows, inserted or updated, in one statement of constant text.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a type without columns.
pub fn upsert_many<I: Insertable>(dialect: Dialect, on: &[&str]) -> Result<String> {
    with_columns::<I>("#[upsert_many]")?;
    let mut sql = String::new();
    insert_into::<I>(&mut sql);
    values_of_many::<I>(&mut sql, dialect);
    on_conflict::<I>(&mut sql, on, "NOTHING");
    Ok(sql)
}

/// `#[update]`: all columns of one row, found by its key. Parameters are numbered as the entity's columns are.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for an entity that is nothing but its key.
pub fn update<E: Entity>(dialect: Dialect, gives: Returning) -> Result<String> {
    let mut sql = String::from("UPDATE ");
    quoted(&mut sql, E::TABLE);
    let mut any = false;
    for (index, column) in E::COLUMNS.iter().enumerate() {
        if E::KEY.contains(&column.name) {
            continue;
        }
        sql.push_str(if any { ", " } else { " SET " });
        any = true;
        quoted(&mut sql, column.name);
        sql.push_str(" = ");
        placeholder(&mut sql, dialect, index);
    }
    if !any {
        return Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
            "{} has no column besides its key to update",
            E::TABLE
        )));
    }
    key_equals::<E>(&mut sql, dialect, |_, key| {
        E::COLUMNS
            .iter()
            .position(|column| column.name == key)
            .unwrap_or_default()
    });
    returning::<E>(&mut sql, gives);
    Ok(sql)
}

/// `#[delete]`: one row by its key.
#[must_use]
pub fn delete<E: Entity>(dialect: Dialect, gives: Returning) -> String {
    let mut sql = String::from("DELETE FROM ");
    quoted(&mut sql, E::TABLE);
    key_equals::<E>(&mut sql, dialect, |nth, _| nth);
    returning::<E>(&mut sql, gives);
    sql
}

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
