//! A blog: users, posts, comments and tags. `domain.rs` has the tables as types, `repository.rs` all of the SQL,
//! `publish.rs` what is done in one transaction, `web.rs` the HTTP API and `settings.rs` the environment.

mod bodies;
pub mod domain;
pub mod publish;
pub mod repository;
pub mod settings;
pub mod web;

/// The tables.
pub const MIGRATIONS: &[shelfmark::Migration] = shelfmark::migrations!();

shelfmark::verify_queries!(crate::MIGRATIONS);
