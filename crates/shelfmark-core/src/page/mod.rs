//! What a list is asked for and answered with: a limit, a cursor, an order, a page.
//!
//! Pages are cut by key, not by offset: the cursor of a page holds the key values of its last row and is bound to the
//! sort and the filters it was made under. These types travel over HTTP; how a repository reads them into SQL is not
//! their concern.

mod checksum;
mod cursor;
mod items;
mod request;
mod sort;

pub use cursor::Cursor;
pub use items::Page;
pub use request::PageRequest;
pub use sort::{Direction, Sort, SortKey};
