//! `#[find]`: one row by its key.

use super::managed::{Added, Role};
use super::text::{Deleted, Text};
use crate::dialect::Dialect;
use crate::entity::Entity;
use crate::executor::{Args, Handle};
use crate::value::ParamSpec;

fn added<E: Entity>() -> Added {
    Added::none().and(Role::Tenant, E::MANAGED.tenant)
}

/// The text: the key's columns, then what the library adds.
#[must_use]
pub fn text<E: Entity>(dialect: Dialect) -> String {
    let mut text = Text::new(dialect, E::KEY.len(), added::<E>());
    select::<E>(&mut text);
    by_key::<E>(&mut text);
    text.finish()
}

/// How many rows there are with this key: one or none.
pub(crate) fn count_text<E: Entity>(dialect: Dialect) -> String {
    let mut text = Text::new(dialect, E::KEY.len(), added::<E>());
    text.push("SELECT count(*) FROM ").name(E::TABLE);
    by_key::<E>(&mut text);
    text.finish()
}

fn by_key<E: Entity>(text: &mut Text) {
    text.push(" WHERE ")
        .key_equals::<E>(|nth, _| nth)
        .visible::<E>(" AND ", Deleted::Hidden);
}

pub(super) fn select<E: Entity>(text: &mut Text) {
    text.push("SELECT ")
        .names(E::COLUMNS.iter().map(|column| column.name))
        .push(" FROM ")
        .name(E::TABLE);
}

/// The parameters, of which `given` are the key's.
#[must_use]
pub fn params<E: Entity>(given: Vec<ParamSpec>) -> Vec<ParamSpec> {
    added::<E>().params(given)
}

/// The values for a call on `handle`, of which `key` are the key's.
#[must_use]
pub fn args<'a, E: Entity>(handle: &'a Handle, key: Args<'a>) -> Args<'a> {
    added::<E>().bound(handle, key)
}
