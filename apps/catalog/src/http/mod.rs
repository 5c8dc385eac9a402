//! The API and the page: from requests to use cases and back. No SQL, and nothing about files.

mod change;
mod clients;
mod list;
mod page;
mod router;
mod search;
mod service;
mod shows;
mod views;

pub use clients::{ClientLimit, Rate};
pub use router::router;
pub use service::Service;
