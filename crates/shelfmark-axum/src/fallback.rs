//! Problems for requests that no handler takes.

use axum::http::{Method, StatusCode};

use crate::problem::Problem;

/// A 404 for [`Router::fallback`](axum::Router::fallback).
///
/// # Cancel safety
/// It waits for nothing.
pub async fn not_found() -> Problem {
    Problem::not_found("there is nothing at this address")
}

/// A 405 for [`Router::method_not_allowed_fallback`](axum::Router::method_not_allowed_fallback), which adds the header
/// `allow`.
///
/// # Cancel safety
/// It waits for nothing.
pub async fn method_not_allowed(method: Method) -> Problem {
    let method = crate::wording::cut(method.as_str());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED)
        .with_detail(format!("this address does not take {method}"))
}
