//! What stands behind a sort key: a column that is never NULL, or an expression.

use super::sort::{Direction, Sort, SortKey};
use crate::filter::Fragment;
use crate::row::ColumnSpec;

/// A sort key that knows its column. Derive it for an enum of the keys.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot fill `{{sort}}`",
    note = "add #[derive(SortBy)] and #[sort(Entity)] to the enum of the sort keys"
)]
pub trait SortBy: SortKey + Send + Sync {
    /// What the key sorts by.
    fn column(&self) -> SortColumn;

    /// The columns that tell rows apart when all keys are equal: the entity's key.
    fn tie_breaker() -> Vec<ColumnSpec>;
}

/// What a key sorts by.
#[derive(Clone, Copy, Debug)]
pub struct SortColumn {
    /// How it is written in ORDER BY.
    pub text: SortText,
    /// The column of the result that has its value, for cursors.
    pub column: ColumnSpec,
}

/// How a sort key is written.
#[derive(Clone, Copy, Debug)]
pub enum SortText {
    /// As the column's name.
    Column,
    /// As an expression.
    Written {
        /// On SQLite.
        sqlite: &'static [Fragment],
        /// On PostgreSQL.
        postgres: &'static [Fragment],
    },
}

/// A type that `{sort}` is filled from: [`Sort`], also behind a reference, or an `Option` of it. Without a sort the order
/// is that of the key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot fill `{{sort}}`",
    note = "take `sort: Sort<K>` or `sort: Option<Sort<K>>`, where K has #[derive(SortBy)]"
)]
pub trait Sorted: Send + Sync {
    /// The enum of the keys.
    type Key: SortBy;

    /// The keys in order.
    fn keys(&self) -> &[(Self::Key, Direction)];
}

impl<K: SortBy> Sorted for Sort<K> {
    type Key = K;

    fn keys(&self) -> &[(K, Direction)] {
        Sort::keys(self)
    }
}

impl<S: Sorted> Sorted for &S {
    type Key = S::Key;

    fn keys(&self) -> &[(S::Key, Direction)] {
        (**self).keys()
    }
}

impl<S: Sorted> Sorted for Option<S> {
    type Key = S::Key;

    fn keys(&self) -> &[(S::Key, Direction)] {
        self.as_ref().map_or(&[], Sorted::keys)
    }
}
