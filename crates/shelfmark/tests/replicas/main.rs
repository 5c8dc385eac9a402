//! A `Db` with replicas: which reads go there, what they see, and what callers notice of a replica in trouble.
//!
//! Each test has servers of its own: a primary, and replicas that follow it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod faults;
mod positions;
mod routes;
mod servers;
mod words;

type TestResult = anyhow::Result<()>;
