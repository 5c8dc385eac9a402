//! The statements of the suite's own repositories fit its schema, on every engine.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::expect_used,
    reason = "the repositories are declared to be prepared, not to be run"
)]

#[path = "suite/bands.rs"]
mod bands;
#[path = "suite/library.rs"]
mod library;
#[path = "suite/records.rs"]
mod records;

use conformance::on_every_engine;

on_every_engine! {
    async fn the_suites_own_statements_fit_its_schema(db) {
        db.verify().await?;
    }
}

shelfmark::verify_queries!(conformance::MIGRATIONS);
