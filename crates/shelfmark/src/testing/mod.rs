//! What a project's own tests need: recordings of statements and their number, and refusals of careless ones.

mod assert_statements;
mod count;
mod file;
mod ground;
mod observer;
mod postgres;
mod recording;
mod setup;
mod strict;
mod verify_queries;

pub use count::StatementCount;
#[doc(hidden)]
pub use ground::{On, Project};
pub use recording::{Recorded, Recording, Step};
#[doc(hidden)]
pub use setup::{Outcome, Setup};
pub use shelfmark_core::Access;
pub use strict::Strict;
pub use verify_queries::{verify_on_postgres, verify_on_sqlite};

pub(crate) use observer::Observer;
