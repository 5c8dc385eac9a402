//! What a list is asked for and answered with: a limit, a cursor, an order, a page.
//!
//! Pages are cut by key, not by offset: the cursor of a page holds the key values of its last row and is bound to the
//! sort and the filters it was made under. [`keyset`] is what becomes of a request in SQL.

mod checksum;
mod cursor;
pub(crate) mod keyset;
mod offset;
mod paging;
mod request;
mod slice;
mod sort;
mod sort_by;
mod with_total;

pub use cursor::Cursor;
pub use offset::OffsetRequest;
pub(crate) use paging::Paged;
pub use paging::Paging;
pub use request::PageRequest;
pub use slice::Slice;
pub use sort::{Direction, Sort, SortKey};
pub use sort_by::{SortBy, SortColumn, SortText, Sorted};
pub use with_total::Page;
