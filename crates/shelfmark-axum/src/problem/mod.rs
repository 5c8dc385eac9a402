//! What a service answers when it cannot do what was asked: a problem as RFC 9457 has it.
//!
//! `database.rs` turns errors of the data layer into problems; this file knows nothing about databases.

mod database;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// The members that RFC 9457 gives a meaning to.
const STANDARD: [&str; 5] = ["type", "title", "status", "detail", "instance"];

/// An error response as RFC 9457 has it: `application/problem+json`.
///
/// Handlers answer `Result<Json<Show>, Problem>`; `?` turns an error of the data layer into a problem by the table
/// below, and `impl From<MyError> for Problem` does the same for an error of the domain.
///
#[doc = include_str!("statuses.md")]
///
/// ```
/// use shelfmark_axum::Problem;
///
/// let problem = Problem::conflict("a show with this title exists already").with("title", "Alien");
/// assert_eq!(problem.status(), 409);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a problem does nothing until a handler answers with it"]
pub struct Problem(Box<Members>);

#[derive(Clone, Debug, PartialEq)]
struct Members {
    status: StatusCode,
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    instance: Option<Cow<'static, str>>,
    extensions: Map<String, Value>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem that says no more than its status does.
    pub fn new(status: StatusCode) -> Self {
        Problem(Box::new(Members {
            status,
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
            detail: None,
            instance: None,
            extensions: Map::new(),
            retry_after: None,
        }))
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST).with_detail(detail)
    }

    /// 400 for the query parameter `name`, which is also the member `parameter`: for what no single parameter's type
    /// can say, such as a first year after the last one.
    pub fn parameter(name: &str, reason: impl fmt::Display) -> Self {
        Problem::bad_request(format!("query parameter `{name}`: {reason}")).with("parameter", name)
    }

    /// 404: what was asked for is not there.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::NOT_FOUND).with_detail(detail)
    }

    /// 409: the request does not go with what is there.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::CONFLICT).with_detail(detail)
    }

    /// 422: the request is understood, and its content is not accepted.
    pub fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY).with_detail(detail)
    }

    /// 503, to be tried again in a second: the service cannot do it now.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .with_detail(detail)
            .with_retry_after(Duration::from_secs(1))
    }

    /// 500 that tells the caller nothing: `error` and its causes are logged instead, under a random number that is also
    /// the problem's member `incident`.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        let (problem, incident) = Problem::incident();
        tracing::error!(incident, error = %Chain(error), "a request failed");
        problem
    }

    /// A 500, and the number that ties it to what is logged about it.
    pub(crate) fn incident() -> (Self, String) {
        let incident = format!("{:016x}", fastrand::u64(..));
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
            .with_detail("something went wrong on our side; give `incident` when you report it")
            .with("incident", incident.as_str());
        (problem, incident)
    }

    /// Names the kind of problem by a URI; without one, the status is the kind (`about:blank`).
    pub fn with_type(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = uri.into();
        self
    }

    /// A short text that is the same for every problem of this type.
    pub fn with_title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// What went wrong this time, and what the caller can do about it.
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// A URI of this occurrence.
    pub fn with_instance(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.instance = Some(uri.into());
        self
    }

    /// Adds a member of one's own, for programs to read. The names of the standard members are not taken.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if !STANDARD.contains(&name) {
            self.0.extensions.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Tells the caller, in the header `retry-after`, when to try again; told in whole seconds, rounded up.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What went wrong this time.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// A member added with [`with`](Problem::with).
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.extensions.get(name)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.title)?;
        match &self.0.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl Error for Problem {}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = &*self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &members.kind)?;
        map.serialize_entry("title", &members.title)?;
        map.serialize_entry("status", &members.status.as_u16())?;
        if let Some(detail) = &members.detail {
            map.serialize_entry("detail", detail)?;
        }
        if let Some(instance) = &members.instance {
            map.serialize_entry("instance", instance)?;
        }
        for (name, value) in &members.extensions {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Texts, numbers and JSON values always become JSON; the status alone would still be the truth.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let media_type = HeaderValue::from_static("application/problem+json");
        let mut response =
            (self.0.status, [(header::CONTENT_TYPE, media_type)], body).into_response();
        if let Some(wait) = self.0.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// An error with its causes, in one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, "; caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
