//! The embedded engine of Shelfmark, on rusqlite.
//!
//! A database in a file has one connection that writes and a few that read, in write-ahead-log mode: readers never
//! block and are never blocked, and writers wait in line for the one connection instead of failing with `database is
//! locked`. A database in memory has one connection for everything.
//!
//! # Where work runs
//! A single read that was quick before runs in line with its caller, on a connection that is free, for at most a fifth
//! of a millisecond; when that is not enough it is run again, from its start, on another thread. The time is looked at
//! between SQLite's steps and between rows, so one step that waits for a slow disk, or works on one huge value, can take
//! longer, twice; then the statement begins elsewhere for a while.
//!
//! All else runs on the blocking threads of tokio, one hop per call: writes, commits, transactions, streams, what has to
//! wait for a lock, what was slow, and what never ran before. Rows are decoded where SQLite runs, straight from its
//! buffers. The connection and its place in the pool travel with the work, so a caller that goes away cannot free
//! them early: its drop interrupts SQLite, and the thread proves that the connection is in no transaction before
//! anyone gets it.
//!
//! # Writes that come together
//! A commit waits for the disk. Single writes that come while the writer is busy are run in one transaction, each in a
//! savepoint of its own, and each is answered after the commit. One that fails is undone alone. At most 128 are taken into
//! a transaction, and none after five milliseconds. A write that never ran before, one that was slow lately, and one that
//! changes the schema has a transaction for itself. Everyone is served in the order of their coming: a transaction is
//! never overtaken by single writes that came later.
//!
//! # What is the same on every connection
//! Foreign keys are enforced, `synchronous` is `FULL` (a commit survives a power cut), a name in double quotes is
//! never taken for a string, the schema is not trusted, and there are the collation `DECIMAL`, which compares numbers
//! written as text, and the table-valued function `rarray`, which core writes for `IN (:list)`.
//!
//! # Statements that leave something behind
//! `PRAGMA`, `ATTACH` and temporary tables change their connection. A connection that ran one is replaced by a fresh
//! one before it is lent again; a database in memory is copied into a fresh connection, so that nothing but the data
//! is kept.
//!
//! No type of rusqlite is part of the public API.

mod bind;
mod brake;
mod connection;
mod constraint;
mod cost;
mod decimal;
mod describe;
mod engine;
mod error;
mod foreign_key;
mod group;
mod held;
mod held_channel;
mod home;
mod inline;
mod lease;
mod line;
mod maintenance;
mod many;
mod perform;
mod route;
mod row;
mod run;
mod session;
mod single;
mod site;
mod stream;

pub use engine::SqliteEngine;
