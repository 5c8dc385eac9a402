//! The API and the page: from requests to use cases and back. No SQL, and nothing about files.

mod change;
mod list;
mod page;
mod router;
mod search;
mod shows;

pub use router::router;
