//! The engine against a real server: each test holds one rule of it.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may fail anywhere; clippy takes the functions beside the tests for others"
)]

mod beginning;
mod behind;
mod cancellation;
mod commits;
mod describing;
#[cfg(feature = "tls")]
mod encryption;
mod errors;
mod faults;
mod lanes;
mod listen;
mod lists;
mod maintenance;
mod many;
mod pool;
mod proxy;
mod sessions;
mod statements;
mod streams;
mod support;
mod tenants;
mod types;
