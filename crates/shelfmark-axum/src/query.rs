//! The query string as a struct.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::parameters::{Parameters, Place, Refusal};
use crate::problem::Problem;

/// The query string as a struct with a field for each parameter; for a list with pages see
/// [`ListQuery`](crate::ListQuery).
///
/// A parameter that is no field of `T`, one given twice, and a value of the wrong type are a 400 that names the
/// parameter; of several, the member `errors` has each with its `parameter` and `detail`. A field of type `Vec` takes a parameter given any number of times. An empty value is a value: `?year=`
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
        let query = parts.uri.query().unwrap_or_default();
        let mut refusals = Vec::new();
        let read = match Parameters::of_query(query) {
            Ok(parameters) => parameters.read_all(&mut refusals),
            Err(refusal) => {
                refusals.push(refusal);
                None
            }
        };
        read.map(Query)
            .ok_or_else(|| Refusal::all_into_problem(refusals, Place::Query))
    }
}
