//! The statements that follow from an entity: the text of each, and the values it takes, side by side.
//!
//! A caller's values come first, in their own order; then those that the library adds (`managed.rs`): the time, the first
//! version, the tenant. Both halves of a statement ask the same list of additions for its positions, so a text and its
//! values cannot come apart. The texts are constant: whatever the values are, and however many rows there are.

mod change;
pub mod delete;
pub mod find;
mod guarded;
pub mod insert;
mod key;
pub mod list;
mod managed;
mod many;
pub mod patch;
mod text;
pub mod update;
pub mod upsert;

pub use change::Change;
pub use guarded::{GUARDED, Guarded};
pub(crate) use key::same;
pub use key::{CompositeKey, is_key};
pub use managed::{Managed, is_deletion, is_tenant, is_time, is_version};
pub use patch::{PatchValues, Patchable};
pub use text::Returning;
pub(crate) use text::postgres_type;
