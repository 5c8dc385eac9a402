//! Whether the service is alive, and whether it can do its work.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use shelfmark::{Db, Result};

use crate::json::Json;
use crate::problem::Problem;

/// How long the database may take to answer before the service counts as not ready.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Two routes for whoever runs the service: `GET /healthz` and `GET /readyz`.
///
/// `/healthz` answers 200 as long as the process answers at all: restart it when it does not. `/readyz` answers 200
/// when the database answers within two seconds and 503 otherwise: send no requests while it does not. Neither tells
/// anything of the inside, so both can be public; neither may be cached.
///
/// ```
/// use axum::Router;
/// use shelfmark_axum::health_router;
///
/// # async fn router() -> shelfmark::Result<Router> {
/// let db = shelfmark::Db::memory().await?;
/// let router = Router::new().merge(health_router(db));
/// # Ok(router) }
/// ```
pub fn health_router<S>(db: Db) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/healthz", get(async || fresh(ok())))
        .route(
            "/readyz",
            get(async move || fresh(readiness(db.ping(), READY_WITHIN).await)),
        )
}

fn ok() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

async fn readiness(ping: impl Future<Output = Result<()>>, within: Duration) -> Response {
    match tokio::time::timeout(within, ping).await {
        Ok(Ok(())) => return ok(),
        Ok(Err(error)) => tracing::warn!(%error, "the service is not ready"),
        Err(_) => {
            let within_ms = within.as_millis();
            tracing::warn!(
                within_ms,
                "the service is not ready: the database does not answer"
            );
        }
    }
    Problem::unavailable("the service is not ready: the database does not answer").into_response()
}

/// A response that nothing between here and the one who asked may keep.
fn fresh(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_database_that_never_answers_is_not_waited_for() {
        let begin = tokio::time::Instant::now();
        let response = readiness(std::future::pending(), READY_WITHIN).await;
        assert_eq!(response.status(), 503);
        assert_eq!(begin.elapsed(), READY_WITHIN);
    }
}
