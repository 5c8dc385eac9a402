//! `GET /shows`: filters, sort, limit and cursor.

use axum::extract::State;
use shelfmark::{Db, Slice};
use shelfmark_axum::{Json, ListQuery, Problem};

use super::search::short_enough;
use crate::domain::Show;
use crate::repositories::{ShowFilters, ShowSort, ShowsExt as _};
use crate::use_cases::list_shows;

pub(super) async fn shows(
    State(db): State<Db>,
    list: ListQuery<ShowFilters, ShowSort>,
) -> Result<Json<Slice<Show>>, Problem> {
    if let (Some(from), Some(to)) = (list.filters.year_from, list.filters.year_to)
        && from > to
    {
        return Err(Problem::parameter(
            "year_from",
            "must not be after `year_to`",
        ));
    }
    if let Some(text) = &list.filters.q {
        short_enough(text)?;
    }
    Ok(Json(
        list_shows(db.shows(), list.filters, list.sort, list.page).await?,
    ))
}
