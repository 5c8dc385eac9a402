//! How long the body of a request may be.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http_body_util::Limited;

use crate::layers::RouterLayer;
use crate::problem::Problem;
use crate::unread::{GivenBack, discard};

/// The limit that holds for a request, so that extractors can tell it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimit {
    bytes: usize,
}

impl BodyLimit {
    pub(crate) fn exceeded(self) -> Problem {
        let BodyLimit { bytes } = self;
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
            .with_detail(format!(
                "the body is longer than the {bytes} bytes that are accepted"
            ))
            .with("limit_bytes", bytes)
    }

    /// Whether the request itself says that its body is too long.
    fn is_exceeded_by_announcement(self, request: &Request) -> bool {
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<u64>().ok());
        announced.is_some_and(|length| usize::try_from(length).map_or(true, |n| n > self.bytes))
    }
}

/// A layer that refuses a body of more than `bytes` with a 413.
///
/// A body that announces its length is refused before a handler is called. One that comes in chunks is cut off where
/// the limit is passed, and [`Json`](crate::Json) answers the 413 then.
///
/// Whatever the answer is, what the client still sends is read and thrown away for a while, since a connection closed
/// on it would take the answer with it.
pub fn body_limit(bytes: usize) -> impl RouterLayer {
    from_fn_with_state(BodyLimit { bytes }, limit)
}

async fn limit(State(limit): State<BodyLimit>, mut request: Request, next: Next) -> Response {
    // A client that asks before it sends may have sent nothing, and reading would tell it to go on.
    let asks_first = request.headers().contains_key(header::EXPECT);
    let (response, left) = if limit.is_exceeded_by_announcement(&request) {
        (limit.exceeded().into_response(), Some(request.into_body()))
    } else {
        // For axum's own extractors, which have another limit without it; the wrapper is for all other readers.
        DefaultBodyLimit::max(limit.bytes).apply(&mut request);
        request.extensions_mut().insert(limit);
        let (parts, body) = request.into_parts();
        let (body, mut left) = GivenBack::lend(body);
        let body = Body::new(Limited::new(body, limit.bytes));
        let response = next.run(Request::from_parts(parts, body)).await;
        (response, left.try_recv().ok())
    };
    if let Some(body) = left
        && !asks_first
    {
        discard(body).await;
    }
    response
}
