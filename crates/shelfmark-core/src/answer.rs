//! What the rows of a query become: themselves, or something that is put together of them with more queries.

use std::future::{Future, ready};

use crate::error::Result;
use crate::executor::Handle;
use crate::row::FromRow;

/// What a query can answer with: a row type, or a View whose roots are the rows.
///
/// Every [`FromRow`] type is one. `#[derive(View)]` makes the others.
#[diagnostic::on_unimplemented(
    message = "a row cannot become `{Self}`",
    note = "use #[derive(Entity)], #[derive(FromRow)] or #[derive(View)] on the struct, a column type, or a tuple of column types"
)]
pub trait Answer: Sized + Send {
    /// What one row is decoded into.
    type Row: FromRow;

    /// Turns the rows into answers, one for each, in their order.
    ///
    /// # Errors
    /// What further statements fail with.
    fn complete(
        rows: Vec<Self::Row>,
        handle: &Handle,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send;
}

impl<T: FromRow> Answer for T {
    type Row = T;

    fn complete(rows: Vec<T>, _: &Handle) -> impl Future<Output = Result<Vec<T>>> + Send {
        ready(Ok(rows))
    }
}
