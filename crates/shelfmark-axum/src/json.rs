//! JSON in, JSON out.

use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::body_limit::BodyLimit;
use crate::problem::Problem;
use crate::wording::{cut, in_words};

/// A body of JSON, of a request and of a response.
///
/// A request's body is refused with
/// * 415 when its `content-type` does not say JSON,
/// * 413 when it is longer than [`body_limit`](crate::body_limit) allows (2 MiB without it),
/// * 400 when it is not JSON at all, with line and column,
/// * 422 when a field is missing or of the wrong type; the member `field` names it by its path.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use shelfmark_axum::Json;
///
/// #[derive(Deserialize, Serialize)]
/// struct NewShow {
///     title: String,
/// }
///
/// async fn add(Json(new): Json<NewShow>) -> Json<NewShow> {
///     Json(new)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a body does nothing until a handler answers with it"]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !says_json(request.headers()) {
            return Err(
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with_detail(
                    "the body must be JSON, sent with the header `content-type: application/json`",
                ),
            );
        }
        let limit = request.extensions().get::<BodyLimit>().copied();
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| unread(&rejection, limit))?;
        read(&body).map(Json)
    }
}

/// Whether the media type is `application/json` or one that builds on it, such as `application/merge-patch+json`.
fn says_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase())
        .unwrap_or_default();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn unread(rejection: &BytesRejection, limit: Option<BodyLimit>) -> Problem {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            match limit {
                Some(limit) => limit.exceeded(),
                None => Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
                    .with_detail("the body is longer than this service accepts"),
            }
        }
        _ => Problem::bad_request("the body ended before all of it had arrived"),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Err(Problem::bad_request("the body is empty and must be JSON"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        refused(&path, &error.into_inner())
    })?;
    json.end().map_err(|error| refused(".", &error))?;
    Ok(value)
}

fn refused(path: &str, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => wrong_field(path, &error.to_string()),
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::bad_request(format!("the body is not valid JSON: {error}"))
        }
    }
}

/// What is wrong with one field, from the words of serde, without the value they may repeat.
fn wrong_field(path: &str, error: &str) -> Problem {
    let reason = match error.rfind(" at line ") {
        Some(place) => error.split_at(place).0,
        None => error,
    };
    let (path, reason) = if let Some(name) = quoted_after(reason, "missing field ") {
        (below(path, name), " is missing".to_owned())
    } else if let Some(name) = quoted_after(reason, "duplicate field ") {
        (below(path, name), " is given more than once".to_owned())
    } else if let Some((unknown, accepted)) = alternatives(reason, "unknown field ") {
        // The path leads to the unknown field itself already when serde knows where it stands.
        let path = if path == unknown || path.ends_with(&format!(".{unknown}")) {
            path.to_owned()
        } else {
            below(path, unknown)
        };
        (path, format!(" is unknown; accepted is {accepted}"))
    } else if let Some((_, accepted)) = alternatives(reason, "unknown variant ") {
        (path.to_owned(), format!(" must be {accepted}"))
    } else if reason.starts_with("invalid ")
        && let Some((_, expected)) = reason.rsplit_once(", expected ")
    {
        (path.to_owned(), format!(" must be {}", in_words(expected)))
    } else {
        (path.to_owned(), format!(": {}", cut(reason)))
    };
    if path == "." {
        return Problem::unprocessable(format!("the body{reason}"));
    }
    let path = cut(&path);
    Problem::unprocessable(format!("field `{path}`{reason}")).with("field", path)
}

/// The name that stands in backticks after `words`, when nothing else follows.
fn quoted_after<'a>(reason: &'a str, words: &str) -> Option<&'a str> {
    reason
        .strip_prefix(words)?
        .strip_prefix('`')?
        .strip_suffix('`')
}

/// The name after `words`, and what serde says is accepted in its place.
fn alternatives<'a>(reason: &'a str, words: &str) -> Option<(&'a str, &'a str)> {
    reason
        .strip_prefix(words)?
        .strip_prefix('`')?
        .rsplit_once("`, expected ")
}

fn below(path: &str, name: &str) -> String {
    if path == "." {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let media_type = HeaderValue::from_static("application/json");
                ([(header::CONTENT_TYPE, media_type)], body).into_response()
            }
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only read into")]
    struct Show {
        title: String,
        years: Vec<i16>,
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..80)) {
            drop(read::<Show>(&body));
        }

        #[test]
        fn any_words_about_a_field_become_a_422(path in any::<String>(), words in "(invalid |missing field |unknown field |unknown variant |)[`, a-z\\PC]{0,40}") {
            prop_assert_eq!(wrong_field(&path, &words).status(), 422);
        }
    }
}
