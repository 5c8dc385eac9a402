//! `#[patch]`: some columns of one row, found by its key.
//!
//! The text depends on which columns are set; one for each combination that occurs is kept.

use super::find;
use super::key::{contains, same};
use super::managed::{Added, Role, param};
use super::text::{Deleted, Returning, Text};
use super::update::refuse_stale;
use crate::dialect::Dialect;
use crate::entity::{Entity, RowValues};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Args, Handle, call};
use crate::row::ColumnSpec;
use crate::statement::Statement;
use crate::texts::Texts;
use crate::value::{ParamSpec, ValueError, ValueRef};

/// The shape of a patch that sets nothing: no column is at this position.
const NOTHING: u32 = u32::MAX;

/// A type that says which columns of a row to set, and to what. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which entity it changes",
    note = "add #[derive(Patch)] and #[patch(Entity)] to it"
)]
pub trait Patchable: Send + Sync {
    /// The entity whose rows it changes.
    type Entity: Entity;
    /// The columns that it can set.
    const COLUMNS: &'static [ColumnSpec];
    /// Whether it has the version that the row must have.
    const VERSIONED: bool = false;

    /// The values to set.
    fn encode_patch<'a>(&'a self, values: &mut PatchValues<'a>);

    /// The version that the row must have.
    fn version(&self) -> Option<Result<ValueRef<'_>, ValueError>> {
        None
    }
}

/// Collects what a patch sets, in the order of its columns.
#[derive(Debug, Default)]
pub struct PatchValues<'a> {
    /// How many columns have been asked for.
    seen: u32,
    /// Those that are set.
    present: Vec<u32>,
    values: RowValues<'a>,
}

impl<'a> PatchValues<'a> {
    /// The next column stays as it is.
    pub fn keep(&mut self) {
        self.seen += 1;
    }

    /// The next column, which is `column`, gets `value`.
    pub fn set(&mut self, column: &'static str, value: Result<ValueRef<'a>, ValueError>) {
        self.present.push(self.seen);
        self.seen += 1;
        self.values.push(column, value);
    }
}

fn added<E: Entity>() -> Added {
    Added::none()
        .and(Role::UpdatedAt, E::MANAGED.updated_at)
        .and(Role::Tenant, E::MANAGED.tenant)
}

/// The version's column, where the patch has it.
fn version<P: Patchable>() -> Option<ColumnSpec> {
    <P::Entity as Entity>::MANAGED
        .version
        .filter(|_| P::VERSIONED)
}

/// The columns at the positions `present`.
fn at<P: Patchable>(present: &[u32]) -> Vec<ColumnSpec> {
    let column = |at: &u32| P::COLUMNS.get(usize::try_from(*at).ok()?).copied();
    present.iter().filter_map(column).collect()
}

/// The text that sets `columns`: the key's values come first, then those of the columns, then the version.
fn text<P: Patchable>(dialect: Dialect, columns: &[ColumnSpec], gives: Returning) -> String {
    let key = <P::Entity as Entity>::KEY.len();
    let version = version::<P>();
    let given = key + columns.len() + usize::from(version.is_some());
    let mut text = Text::new(dialect, given, added::<P::Entity>());
    text.push("UPDATE ").name(<P::Entity as Entity>::TABLE);
    text.push(" SET ")
        .each(columns.iter().enumerate(), ", ", |text, (nth, column)| {
            text.name(column.name).push(" = ").given(key + nth);
        })
        .next_version::<P::Entity>(", ")
        .touched::<P::Entity>(", ")
        .push(" WHERE ")
        .key_equals::<P::Entity>(|nth, _| nth);
    if let Some(version) = version {
        text.push(" AND ").name(version.name).push(" = ");
        text.given(given - 1);
    }
    text.visible::<P::Entity>(" AND ", Deleted::Hidden)
        .returning::<P::Entity>(gives);
    text.finish()
}

/// The text of a patch that sets nothing: the row as it is, or how many there are.
fn unchanged_text<P: Patchable>(dialect: Dialect, gives: Returning) -> String {
    let key = <P::Entity as Entity>::KEY.len();
    let version = version::<P>();
    let given = key + usize::from(version.is_some());
    let tenant = <P::Entity as Entity>::MANAGED.tenant;
    let mut text = Text::new(dialect, given, Added::none().and(Role::Tenant, tenant));
    if gives == Returning::Count {
        text.push("SELECT count(*) FROM ")
            .name(<P::Entity as Entity>::TABLE);
    } else {
        find::select::<P::Entity>(&mut text);
    }
    text.push(" WHERE ").key_equals::<P::Entity>(|nth, _| nth);
    if let Some(version) = version {
        text.push(" AND ").name(version.name).push(" = ").given(key);
    }
    text.visible::<P::Entity>(" AND ", Deleted::Hidden);
    text.finish()
}

/// The text with every column set, which `verify` prepares.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a patch without columns.
pub fn full_text<P: Patchable>(dialect: Dialect, gives: Returning) -> Result<String> {
    if P::COLUMNS.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("#[patch] needs a type with at least one column to set"));
    }
    Ok(text::<P>(dialect, P::COLUMNS, gives))
}

/// The parameters of the text with every column set, of which `key` are the key's.
#[must_use]
pub fn params<P: Patchable>(key: Vec<ParamSpec>) -> Vec<ParamSpec> {
    let columns = P::COLUMNS.iter().copied().chain(version::<P>());
    added::<P::Entity>().params(key.into_iter().chain(columns.map(param)))
}

/// One call of a method with `#[patch]`, ready to be sent.
struct Brought<'a> {
    /// The columns that are set.
    present: Vec<u32>,
    /// The key's values, for the question whether the row is there at all.
    key: Vec<ValueRef<'a>>,
    args: Args<'a>,
}

impl<'a> Brought<'a> {
    fn of<P: Patchable>(
        handle: &'a Handle,
        statement: &Statement,
        key: Args<'a>,
        patch: &'a P,
    ) -> Result<Self> {
        let refused = |column: &str, error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Encode)
                .with_method(statement.method)
                .with_detail(format!("column `{column}`: {error}"))
        };
        let mut brought = PatchValues::default();
        patch.encode_patch(&mut brought);
        let PatchValues {
            present, values, ..
        } = brought;
        let values = values
            .finish()
            .map_err(|(column, error)| refused(column, &error))?;
        let columns = at::<P>(&present).into_iter().map(param);
        let key_values = key.values().to_vec();
        let mut args = key.and(values.into_iter().zip(columns));
        if let (Some(column), Some(value)) = (version::<P>(), patch.version()) {
            let value = value.map_err(|error| refused(column.name, &error))?;
            args = args.and([(value, param(column))]);
        }
        let added = if present.is_empty() {
            Added::none().and(Role::Tenant, <P::Entity as Entity>::MANAGED.tenant)
        } else {
            added::<P::Entity>()
        };
        Ok(Brought {
            present,
            key: key_values,
            args: added.bound(handle, args),
        })
    }

    fn text<P: Patchable>(
        &self,
        handle: &Handle,
        texts: &Texts,
        gives: Returning,
    ) -> Result<std::sync::Arc<str>> {
        let dialect = handle.dialect();
        if self.present.is_empty() {
            return texts.get(dialect, &[NOTHING], || {
                Ok(unchanged_text::<P>(dialect, gives))
            });
        }
        texts.get(dialect, &self.present, || {
            Ok(text::<P>(dialect, &at::<P>(&self.present), gives))
        })
    }
}

/// Runs `#[patch]` and gives the row as it is stored. A patch that sets nothing changes nothing.
///
/// # Errors
/// `NotFound` where it is not there, `Stale` where the patch has another version than the row, and what the statement's
/// execution fails with.
pub async fn one<P: Patchable>(
    handle: &Handle,
    statement: &'static Statement,
    texts: &Texts,
    key: Args<'_>,
    patch: &P,
) -> Result<P::Entity> {
    optional(handle, statement, texts, key, patch)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::NotFound).with_method(statement.method))
}

/// As [`one`], and `None` where the row is not there.
///
/// # Errors
/// As [`one`], without `NotFound`.
pub async fn optional<P: Patchable>(
    handle: &Handle,
    statement: &'static Statement,
    texts: &Texts,
    key: Args<'_>,
    patch: &P,
) -> Result<Option<P::Entity>> {
    let brought = Brought::of(handle, statement, key, patch)?;
    let sql = brought.text::<P>(handle, texts, Returning::Row)?;
    let reads = brought.present.is_empty();
    let Brought { key, args, .. } = brought;
    let stored = call::fetch_optional_as(handle, statement, sql, args, reads).await?;
    if stored.is_none() && P::VERSIONED {
        refuse_stale::<P::Entity>(handle, statement, || key).await?;
    }
    Ok(stored)
}

/// As [`one`], and gives the number of rows: one or none.
///
/// # Errors
/// As [`optional`].
pub async fn count<P: Patchable>(
    handle: &Handle,
    statement: &'static Statement,
    texts: &Texts,
    key: Args<'_>,
    patch: &P,
) -> Result<u64> {
    let brought = Brought::of(handle, statement, key, patch)?;
    let sql = brought.text::<P>(handle, texts, Returning::Count)?;
    let reads = brought.present.is_empty();
    let Brought { key, args, .. } = brought;
    let rows = if reads {
        let rows = call::fetch_optional_as::<i64>(handle, statement, sql, args, true).await?;
        rows.and_then(|rows| u64::try_from(rows).ok())
            .unwrap_or_default()
    } else {
        call::execute_as(handle, statement, sql, args).await?
    };
    if rows == 0 && P::VERSIONED {
        refuse_stale::<P::Entity>(handle, statement, || key).await?;
    }
    Ok(rows)
}

/// Whether a patch may set `column`: it is neither of the key nor kept by the library. For a check while compiling.
#[must_use]
pub const fn may_set<E: Entity>(column: &str) -> bool {
    let managed = E::MANAGED;
    !contains(E::KEY, column)
        && !is(managed.version, column)
        && !is(managed.created_at, column)
        && !is(managed.updated_at, column)
        && !is(managed.deleted_at, column)
        && !is(managed.tenant, column)
}

/// Whether `column` is the version, of that type. For a check while compiling.
#[must_use]
pub const fn is_version_of<E: Entity>(column: ColumnSpec) -> bool {
    match E::MANAGED.version {
        // Types have no equality while compiling.
        Some(version) => same(version.name, column.name) && version.ty as u8 == column.ty as u8,
        None => false,
    }
}

/// Whether the entity reads NULL from `column`. For a check while compiling.
#[must_use]
#[expect(
    clippy::indexing_slicing,
    reason = "iterators are not const; the loop stays below the length"
)]
pub const fn is_nullable<E: Entity>(column: &str) -> bool {
    let columns = E::COLUMNS;
    let mut nth = 0;
    while nth < columns.len() {
        if same(columns[nth].name, column) {
            return columns[nth].nullable;
        }
        nth += 1;
    }
    false
}

const fn is(role: Option<ColumnSpec>, column: &str) -> bool {
    match role {
        Some(kept) => same(kept.name, column),
        None => false,
    }
}
