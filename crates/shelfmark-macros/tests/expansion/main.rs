//! What the macros generate: texts of statements, calls, fakes, values, migrations. No database is needed for it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where its assumption does"
)]

mod calls;
mod catalogue;
mod channel;
mod dynamic;
mod entities;
mod fakes;
mod migrations;
mod slots;
mod sql_macro;
mod statements;
mod values;
mod views;
