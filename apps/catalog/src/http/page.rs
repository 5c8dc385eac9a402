//! The page and what belongs to it, embedded in the program.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use shelfmark_axum::Query;

/// The page loads nothing but its own files, and runs no script that stands in the text.
const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    (
        [
            (CONTENT_TYPE, kind),
            (CACHE_CONTROL, "no-cache"),
            (CONTENT_SECURITY_POLICY, POLICY),
        ],
        text,
    )
}

/// Takes any parameters: its script keeps the filters in the page's address.
pub(super) async fn index() -> impl IntoResponse {
    asset(
        "text/html; charset=utf-8",
        include_str!("assets/index.html"),
    )
}

pub(super) async fn style(Query(()): Query<()>) -> impl IntoResponse {
    asset(
        "text/css; charset=utf-8",
        include_str!("assets/catalog.css"),
    )
}

pub(super) async fn script(Query(()): Query<()>) -> impl IntoResponse {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("assets/catalog.js"),
    )
}
