//! One page of a list with the number of all items.

use serde::{Deserialize, Serialize};

use super::{Cursor, Slice};

/// One page of a list with the number of all items under the same filters.
///
/// The number is counted by a second statement, whose cost grows with what it counts; without need for it use [`Slice`].
/// Outside of a transaction the two statements may see different states. As JSON it is a [`Slice`] with `"total"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What the page holds, in the list's order.
    pub items: Vec<T>,
    /// As in [`Slice`].
    pub next: Option<Cursor>,
    /// As in [`Slice`].
    #[serde(default)]
    pub prev: Option<Cursor>,
    /// How many items all pages hold together.
    pub total: u64,
}

impl<T> Page<T> {
    /// The slice with the number of all items.
    #[must_use]
    pub fn of(slice: Slice<T>, total: u64) -> Page<T> {
        Page {
            items: slice.items,
            next: slice.next,
            prev: slice.prev,
            total,
        }
    }

    /// The same page with each item turned into another.
    #[must_use]
    pub fn map<U>(self, item: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(item).collect(),
            next: self.next,
            prev: self.prev,
            total: self.total,
        }
    }
}
