//! Databases on the server of `TEST_DATABASE_URL`: copied from a migrated template, removed at the end, and cleared away
//! by a later run where a process could not do that any more.

mod database;
mod names;
mod server;
mod template;

pub(super) use database::Database;
