//! The search: what it finds, in which order, after every kind of change, the same on both engines, and from an index.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; the names say what they hold"
)]

mod catalogue;
mod changes;
mod matches;
mod plans;
mod same_answers;
