//! The film catalogue: import, HTTP API and page, on Shelfmark.

pub mod cli;
pub mod domain;
pub mod http;
pub mod import;
pub mod repositories;
pub mod serve;
pub mod use_cases;

/// The schema, brought up to date by every command that opens the database.
pub const MIGRATIONS: &[shelfmark::Migration] = shelfmark::migrations!();

shelfmark::verify_queries!(crate::MIGRATIONS);
