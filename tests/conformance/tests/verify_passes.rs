//! The statements of the suite's own repositories fit its schema, on every engine.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "the repositories are declared to be prepared, not to be run"
)]

#[path = "suite/library.rs"]
mod library;

use conformance::on_every_engine;

on_every_engine! {
    async fn the_suites_own_statements_fit_its_schema(db) {
        db.verify().await?;
    }
}

shelfmark::verify_queries!(conformance::MIGRATIONS);
