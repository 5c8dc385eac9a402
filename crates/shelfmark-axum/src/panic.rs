//! What becomes of a handler that panics.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::layers::RouterLayer;
use crate::problem::Problem;

/// A layer that answers 500 when a handler panics, instead of closing the connection.
///
/// The panic's own message goes where the program's panic hook sends it (standard error); the log gets the request and
/// the problem's `incident`.
pub fn catch_panic() -> impl RouterLayer {
    from_fn(catch)
}

async fn catch(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // Whatever the handler left half done is dropped with its future: nothing of it is seen afterwards.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            let (problem, incident) = Problem::incident();
            tracing::error!(incident, %method, path, "a handler panicked");
            problem.into_response()
        }
    }
}
