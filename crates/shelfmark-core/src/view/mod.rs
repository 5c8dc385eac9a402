//! Relations, asked for by type: an entity with what belongs to it.
//!
//! A [`View`] is a struct whose fields are a *root* and its *edges*: the author of a book, the seasons of a show, the
//! directors behind a link table. `#[derive(View)]` makes one constant statement of each edge, which loads it for all
//! roots at once. There are no lazily loaded fields: what a type has is loaded, what it has not is not asked for.
//!
//! `edge.rs` says between which columns an edge goes, `text.rs` writes its statement, `load.rs` runs it and hands each
//! root what is its own.

mod edge;
mod load;
mod text;

use std::future::{Future, ready};

pub use edge::{Edge, Order, Side, deeper, has_simple_key, is_nullable, matches, sides};
pub use load::{both, many, one, optional};

use crate::channel::BoxFuture;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Executor, Handle};

/// An entity together with what belongs to it, loaded with one statement for each edge. Derive it.
///
/// Every entity is a view of itself, so an edge may lead to an entity or to another view.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an entity nor a view",
    note = "add #[derive(Entity)] to it if it is a row of a table, #[derive(View)] if it has a field #[view(root)]"
)]
pub trait View: Sized + Send + 'static {
    /// The entity it is built on.
    type Root: Entity;

    /// How many edges are on the longest way from the root. A view that contains itself through others has no such
    /// number, and the compiler says so by this name.
    #[doc(hidden)]
    const A_VIEW_NEVER_CONTAINS_ITSELF: usize = 0;

    /// Makes views of `roots`, one for each, in their order.
    ///
    /// This is what the derive writes; call [`load`](View::load).
    ///
    /// # Errors
    /// As [`load`](View::load).
    fn assemble<'a>(roots: Vec<Self::Root>, on: &'a Handle) -> BoxFuture<'a, Result<Vec<Self>>>;

    /// Makes views of `roots`, one for each, in their order. A root that stands twice becomes two views.
    ///
    /// Each edge is one statement, however many roots there are, and none where no root has anything to look for. On a
    /// `Db` the edges of one level run at the same time, each on a connection of its own, and may see different states of
    /// the database; `db.tx().repeatable_read()` opens a transaction that shows one state to all of them, one after the other.
    ///
    /// # Errors
    /// `NotFound`, naming the edge, when a row that a required field needs is not there; `TooManyRows` when `has_one` finds
    /// several; what a statement fails with. A failing edge does not stop the others: they are waited for, so that none
    /// is cut off inside of a transaction.
    ///
    /// # Cancel safety
    /// Nothing is written. Dropped inside of a transaction it aborts that as every dropped call does.
    fn load(
        roots: Vec<Self::Root>,
        on: &impl Executor,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send {
        Self::assemble(roots, on.handle())
    }

    /// Makes a view of one root.
    ///
    /// # Errors
    /// As [`load`](View::load).
    ///
    /// # Cancel safety
    /// As [`load`](View::load).
    fn load_one(root: Self::Root, on: &impl Executor) -> impl Future<Output = Result<Self>> + Send {
        let views = Self::assemble(vec![root], on.handle());
        async move {
            views.await?.pop().ok_or_else(|| {
                Error::new(ErrorKind::Other).with_detail("the view made nothing of its root")
            })
        }
    }
}

impl<E: Entity> View for E {
    type Root = E;

    fn assemble<'a>(roots: Vec<E>, _: &'a Handle) -> BoxFuture<'a, Result<Vec<E>>> {
        Box::pin(ready(Ok(roots)))
    }
}

/// An entity of which exactly one column refers to `Target`, marked with `#[belongs_to(Target)]`.
#[diagnostic::on_unimplemented(
    message = "it is not clear which column of `{Self}` refers to `{Target}`",
    label = "this edge needs to know it",
    note = "mark the field of `{Self}` with #[belongs_to({Target})]; where several refer to it, name one of them in the view: `by = field` (`to = field` for the far side of a link)"
)]
pub trait BelongsTo<Target> {
    /// The column that holds the key of a `Target`.
    const COLUMN: &'static str;
}
