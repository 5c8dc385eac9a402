//! The rules of the embedded engine, asked through the traits of core.

mod cancellation;
mod closing;
mod constraints;
mod describing;
mod disk;
mod foreign_keys;
mod groups;
mod inline;
mod latency;
mod locking;
mod maintenance;
mod many;
mod opening;
mod panics;
mod sessions;
mod statements;
mod streams;
mod support;
mod values;
mod waiting;
