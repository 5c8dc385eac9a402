//! A page of shows by filters and order.

use shelfmark::{PageRequest, Result, Slice, Sort};

use crate::domain::Show;
use crate::repositories::{ShowFilters, ShowSort, Shows};

/// A page of the shows that fit; newest first without an order. A search text of white space alone is none.
///
/// # Errors
/// `InvalidCursor` for a cursor of another order or other filters, or what the statement fails with.
pub async fn list_shows(
    shows: &impl Shows,
    mut filters: ShowFilters,
    sort: Option<Sort<ShowSort>>,
    page: PageRequest,
) -> Result<Slice<Show>> {
    filters.q = filters.q.filter(|text| !text.trim().is_empty());
    let sort = sort.unwrap_or_else(|| Sort::by(ShowSort::ReleaseYear).desc());
    shows.list(&filters, sort, page).await
}
