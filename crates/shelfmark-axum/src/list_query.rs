//! What a list is asked for, in one extractor.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use shelfmark_core::{PageRequest, Sort, SortKey};

use crate::page_parameters::{Given, PageParameters};
use crate::parameters::{Parameters, Place, Refusal};
use crate::problem::Problem;

/// What a list is asked for: filters, an order, and a page.
///
/// `sort`, `limit`, `after` and `before` are read into [`sort`](ListQuery::sort) and [`page`](ListQuery::page), every
/// other parameter into `F` by the rules of [`Query`](crate::Query); so a parameter that nobody knows is a 400 that names
/// it and lists the accepted ones, and so is a key that `K` does not have, a limit out of bounds and a damaged cursor.
/// What is wrong is told of all parameters at once. `F` must not have fields of those four names.
///
/// `F` is usually a `#[derive(Filters, Default, Deserialize)]` struct with `#[serde(default)]`, and goes to the repository
/// as it is. A list in it is a parameter that is given several times (`rating=PG&rating=R`), a `Between` is `2000..2010`,
/// a `bool` is `true` or `false`.
///
/// A list that cannot be filtered has `()` for `F`. One that has no choice of order leaves `K` out, and then does not
/// accept `sort`. One whose pages have numbers has [`OffsetRequest`](shelfmark_core::OffsetRequest) for `P`, and takes
/// `page`, `offset` or `at` beside `limit`.
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
pub struct ListQuery<F = (), K = Unsorted, P = PageRequest> {
    /// What the list holds.
    pub filters: F,
    /// The order asked for; without one the list has its own.
    pub sort: Option<Sort<K>>,
    /// Which page; its limit is in bounds.
    pub page: P,
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

impl<F: DeserializeOwned, K: SortKey, P: PageParameters> ListQuery<F, K, P> {
    fn read(query: &str) -> Result<Self, Vec<Refusal>> {
        let mut parameters = Parameters::of_query(query).map_err(|refusal| vec![refusal])?;
        let mut refusals = Vec::new();
        let mut given = Given {
            parameters: &mut parameters,
            refusals: &mut refusals,
        };
        let sort = if K::names().is_empty() {
            None
        } else {
            given.parsed::<Sort<K>>("sort")
        };
        let page = P::read(&mut given);
        match parameters.read_all(&mut refusals) {
            Some(filters) if refusals.is_empty() => Ok(ListQuery {
                filters,
                sort,
                page,
            }),
            _ => Err(refusals),
        }
    }
}

impl<F: DeserializeOwned, K: SortKey, P: PageParameters, S: Sync> FromRequestParts<S>
    for ListQuery<F, K, P>
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        ListQuery::read(parts.uri.query().unwrap_or_default())
            .map_err(|refusals| Refusal::all_into_problem(refusals, Place::Query))
    }
}
