//! `#[list]`: all rows in the order of the key.

use super::find::select;
use super::managed::{Added, Role};
use super::text::{Deleted, Text};
use crate::dialect::Dialect;
use crate::entity::Entity;
use crate::executor::{Args, Handle};
use crate::value::ParamSpec;

fn added<E: Entity>() -> Added {
    Added::none().and(Role::Tenant, E::MANAGED.tenant)
}

/// The text: at most as many rows as the caller's value says when `limited`, which is then the first.
#[must_use]
pub fn text<E: Entity>(dialect: Dialect, limited: bool) -> String {
    let mut text = Text::new(dialect, usize::from(limited), added::<E>());
    select::<E>(&mut text);
    text.visible::<E>(" WHERE ", Deleted::Hidden)
        .push(" ORDER BY ")
        .names(E::KEY.iter().copied());
    if limited {
        text.push(" LIMIT ").given(0);
    }
    text.finish()
}

/// The parameters, of which `given` is the limit.
#[must_use]
pub fn params<E: Entity>(given: Vec<ParamSpec>) -> Vec<ParamSpec> {
    added::<E>().params(given)
}

/// The values for a call on `handle`; `limit` is the caller's, if there is one.
#[must_use]
pub fn args<'a, E: Entity>(handle: &'a Handle, limit: Args<'a>) -> Args<'a> {
    added::<E>().bound(handle, limit)
}
