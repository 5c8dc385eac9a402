//! How long a request may take.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::layers::RouterLayer;
use crate::problem::Problem;

/// A layer that answers 503 when a handler has not answered after `limit`.
///
/// The handler's future is dropped then, which stops what it has the database do. The time counts until the response
/// begins, not until all of a stream has been sent; reading the request's body is part of it.
pub fn request_deadline(limit: Duration) -> impl RouterLayer {
    from_fn_with_state(limit, answer_within)
}

async fn answer_within(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let limit_ms = limit.as_millis();
            tracing::warn!(%method, path, limit_ms, "a request took too long and was stopped");
            Problem::unavailable("the request took too long and was stopped; try again later")
                .into_response()
        }
    }
}
