//! The data layer for Rust services: repositories as traits, on SQLite and PostgreSQL.
