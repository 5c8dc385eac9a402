//! A `Db` with a cache: whose reads are answered from it, what its writes drop from it and when, and how instances agree.
//!
//! The cache itself is not here: it is whatever implements [`QueryCache`](shelfmark_core::cache::QueryCache).

mod agreement;
mod attached;
mod ear;
mod message;
mod second;
mod writing;

#[cfg(test)]
mod tests;

pub(crate) use attached::Attached;
pub(crate) use writing::{Writing, failure};
