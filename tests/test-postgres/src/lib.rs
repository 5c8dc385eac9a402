//! A throwaway PostgreSQL for tests, made of the machine's own packages.
//!
//! [`Server`] is a whole server: an empty cluster in a temporary folder, on a free port of
//! 127.0.0.1, with a password, run as an unprivileged user when the tests run as root. It ends with
//! its owner, even when the owner is killed: see [`Server`] for how. [`Server::replica`] adds a server
//! that follows it.
//!
//! [`TestDatabase`] is what most tests want: an empty database of its own on a server that all
//! tests of the run share, gone when the test is over.
//!
//! It doesn't install anything (`cargo xtask test` does) and it doesn't know Shelfmark.

mod account;
mod cluster;
#[cfg(feature = "databases")]
mod database;
#[cfg(feature = "databases")]
mod database_url;
mod place;
#[cfg(feature = "databases")]
mod pooler;
mod pooler_program;
mod postmaster;
mod process;
mod programs;
mod replica;
mod server;
mod watchdog;

#[cfg(feature = "databases")]
pub use database::TestDatabase;
#[cfg(feature = "databases")]
pub use pooler::Pooler;
pub use pooler_program::{PoolerProgram, PoolerProgramMissing};
pub use process::{Process, processes};
pub use programs::{Programs, ProgramsError};
pub use server::Server;
