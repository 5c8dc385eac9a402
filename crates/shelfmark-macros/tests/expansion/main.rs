//! What the macros generate: texts of statements, calls, fakes, values, migrations. No database is needed for it.

mod calls;
mod catalogue;
mod channel;
mod dynamic;
mod entities;
mod fakes;
mod migrations;
mod sql_macro;
mod statements;
mod values;
