//! What a project's own tests need: recordings of statements and their number, and refusals of careless ones.

mod assert_statements;
mod count;
mod observer;
mod recording;
mod strict;
mod verify_queries;

pub use count::StatementCount;
pub use recording::{Recorded, Recording, Step};
pub use shelfmark_core::Access;
pub use strict::Strict;
pub use verify_queries::{verify_on_postgres, verify_on_sqlite};

pub(crate) use observer::Observer;
