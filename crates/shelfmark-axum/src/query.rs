//! The query string as a struct.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::parameters::{Parameters, Place};
use crate::problem::Problem;

/// The query string as a struct with a field for each parameter; for a list with pages see
/// [`ListQuery`](crate::ListQuery).
///
/// A parameter that is no field of `T`, one given twice, and a value of the wrong type are each a 400 that names the
/// parameter. A field of type `Vec` takes a parameter given any number of times. An empty value is a value: `?year=`
/// is not a number, and `?title=` is the empty text. `T` must not use `#[serde(flatten)]`, which hides its fields.
///
/// ```
/// use serde::Deserialize;
/// use shelfmark_axum::Query;
///
/// #[derive(Deserialize)]
/// struct Recent {
///     year: i32,
///     rating: Option<String>,
/// }
///
/// // GET /shows/recent?year=2020
/// async fn recent(Query(recent): Query<Recent>) -> String {
///     format!("{} {:?}", recent.year, recent.rating)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Parameters::of_query(parts.uri.query().unwrap_or_default())
            .and_then(Parameters::read)
            .map(Query)
            .map_err(|refusal| refusal.into_problem(Place::Query))
    }
}
