//! What every service lays around its routes, in the right order.

use std::time::Duration;

use axum::Router;

use crate::body_limit::body_limit;
use crate::deadline::request_deadline;
use crate::fallback::{method_not_allowed, not_found};
use crate::panic::catch_panic;

/// How much of the service one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// How long its body may be; 1 MiB by default.
    pub body_bytes: usize,
    /// How long its handler may take to answer; 30 s by default.
    pub deadline: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        RequestLimits {
            body_bytes: 1 << 20,
            deadline: Duration::from_secs(30),
        }
    }
}

/// Lays around the routes of `router` what every service needs, so that whatever happens to a request is answered with
/// a problem: an address that is not there, a method that it does not take, a body too long, a handler too slow, a
/// panic.
///
/// Call it last: routes added afterwards stand outside.
pub fn guarded<S>(router: Router<S>, limits: RequestLimits) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(body_limit(limits.body_bytes))
        .layer(request_deadline(limits.deadline))
        // Outermost, so that it also catches what the other layers do.
        .layer(catch_panic())
}
