//! Shelfmark beside axum: problems, pages, health.
