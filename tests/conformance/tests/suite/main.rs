//! The behaviour suite: what every engine must do, written once.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; the names of the cases say what they hold"
)]

mod bands;
mod library;
mod records;

mod arity;
mod bytes_and_uuids;
mod cache;
mod clock;
mod constraints;
mod count;
mod crud;
mod database;
mod decimals;
mod documents;
mod filter_types;
mod filters;
mod floats;
mod integers;
mod isolation;
mod list_types;
mod listen;
mod lists;
mod many_rows;
mod migrations;
mod moments;
mod nulls;
mod page_cursors;
mod page_walks;
mod pages;
mod patch;
mod refusals;
mod savepoints;
mod skew;
mod soft_delete;
mod sql_reads;
mod sql_writes;
mod tenant_slots;
mod tenants;
mod text_order;
mod text_rules;
mod transactions;
mod types;
mod versions;
mod views;
