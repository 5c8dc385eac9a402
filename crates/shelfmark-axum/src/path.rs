//! The variables of a route.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::parameters::{Parameters, Place};
use crate::problem::Problem;

/// The variables of a route: the only one, a tuple of all in their order, or a struct with a field for each it needs.
///
/// A value of the wrong type is a 400 that names the variable.
///
/// ```
/// use axum::{Router, routing::get};
/// use shelfmark_axum::Path;
///
/// async fn show(Path(id): Path<i64>) -> String {
///     id.to_string()
/// }
///
/// let router: Router = Router::new().route("/shows/{id}", get(show));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let variables = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|rejection| match rejection {
                RawPathParamsRejection::InvalidUtf8InPathParam(_) => {
                    Problem::bad_request("a path parameter is not UTF-8")
                }
                other => Problem::internal(&other),
            })?;
        Parameters::of_path(variables.iter())
            .read()
            .map(Path)
            .map_err(|refusal| refusal.into_problem(Place::Path))
    }
}
