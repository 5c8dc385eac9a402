//! What a list is asked for, in one extractor.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use shelfmark_core::{Cursor, Error, PageRequest, Sort, SortKey};

use crate::parameters::{Parameters, Place, Refusal};
use crate::problem::Problem;

/// What a list is asked for: filters, an order, and a page.
///
/// `sort`, `limit` and `after` are read into [`sort`](ListQuery::sort) and [`page`](ListQuery::page), every other
/// parameter into `F` by the rules of [`Query`](crate::Query); so a parameter that nobody knows is a 400 that names it
/// and lists the accepted ones, and so is a key that `K` does not have, a limit out of bounds and a damaged cursor.
/// `F` must not have fields of those three names.
///
/// A list that cannot be filtered has `()` for `F`. One that has no choice of order leaves `K` out, and then does not
/// accept `sort`.
///
/// ```
/// use serde::Deserialize;
/// use shelfmark_axum::ListQuery;
///
/// #[derive(Deserialize)]
/// struct ShowFilters {
///     rating: Option<String>,
///     since: Option<i32>,
/// }
///
/// // GET /shows?rating=PG&limit=20
/// async fn shows(list: ListQuery<ShowFilters>) -> String {
///     format!("{:?} from {:?}: {:?}", list.filters.rating, list.filters.since, list.page)
/// }
///
/// // GET /genres?limit=20
/// async fn genres(ListQuery { page, .. }: ListQuery) -> String {
///     format!("{page:?}")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ListQuery<F = (), K = Unsorted> {
    /// What the list holds.
    pub filters: F,
    /// The order asked for; without one the list has its own.
    pub sort: Option<Sort<K>>,
    /// Which page; its limit is in bounds.
    pub page: PageRequest,
}

/// The key of a list that has no choice of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsorted {}

impl SortKey for Unsorted {
    fn names() -> &'static [&'static str] {
        &[]
    }

    fn from_name(_name: &str) -> Option<Self> {
        None
    }

    fn name(&self) -> &'static str {
        match *self {}
    }
}

impl<F: DeserializeOwned, K: SortKey> ListQuery<F, K> {
    fn read(query: &str) -> Result<Self, Refusal> {
        let mut parameters = Parameters::of_query(query)?;
        let sort = if K::names().is_empty() {
            None
        } else {
            taken::<Sort<K>>(&mut parameters, "sort")?
        };
        let limit = limit(&mut parameters)?;
        let after = taken::<Cursor>(&mut parameters, "after")?;
        Ok(ListQuery {
            filters: parameters.read()?,
            sort,
            page: PageRequest { limit, after },
        })
    }
}

/// The parameter `name` read by its type's own rules, whose errors are written for the one who sent it.
fn taken<T: FromStr<Err = Error>>(
    parameters: &mut Parameters<'_>,
    name: &'static str,
) -> Result<Option<T>, Refusal> {
    let Some(text) = parameters.take(name)? else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|error: Error| {
        let reason = error.detail().unwrap_or("the value is not accepted");
        Refusal::invalid(format!(": {reason}")).named(name)
    })
}

fn limit(parameters: &mut Parameters<'_>) -> Result<Option<u16>, Refusal> {
    let Some(text) = parameters.take("limit")? else {
        return Ok(None);
    };
    match text.parse() {
        Ok(limit @ 1..=PageRequest::MAX_LIMIT) => Ok(Some(limit)),
        _ => {
            let most = PageRequest::MAX_LIMIT;
            Err(
                Refusal::invalid(format!(" must be a whole number from 1 to {most}"))
                    .named("limit"),
            )
        }
    }
}

impl<F: DeserializeOwned, K: SortKey, S: Sync> FromRequestParts<S> for ListQuery<F, K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        ListQuery::read(parts.uri.query().unwrap_or_default())
            .map_err(|refusal| refusal.into_problem(Place::Query))
    }
}
