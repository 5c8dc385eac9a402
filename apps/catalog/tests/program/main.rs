//! The real program, started as people start it: over HTTP and from the command line, on both engines.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; the names say what they hold"
)]

mod beside;
mod http;
mod import;
mod service;
mod settings;
