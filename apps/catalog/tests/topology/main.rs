//! The whole deployment on one machine, from the files of `deploy/`: nginx, two instances, PgBouncer, PostgreSQL with a
//! replica, Redis. What fails is what fails in production, under load.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; the names say what they hold"
)]

mod clients;
mod daemon;
mod deployment;
mod files;
mod load;
mod promotion;
mod under_load;
