//! `GET /shows`: filters, sort, limit and cursor.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shelfmark::{Cursor, Db, Direction, Error, ErrorKind, Slice, Sort, SortKey};
use shelfmark_axum::{Json, ListQuery, Problem};

use super::search::short_enough;
use crate::domain::{Show, ShowKind};
use crate::repositories::ShowsExt as _;
use crate::use_cases::{After, ListShows, ShowOrder, list_shows};

/// The filters as they stand in the address. Serialized they are what a cursor is bound to.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filters {
    #[serde(rename = "type")]
    kind: Option<ShowKind>,
    rating: Option<String>,
    genre: Option<String>,
    director: Option<String>,
    country: Option<String>,
    year_from: Option<i32>,
    year_to: Option<i32>,
    q: Option<String>,
}

/// What shows can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    ReleaseYear,
    Title,
}

impl SortKey for By {
    fn names() -> &'static [&'static str] {
        &["release_year", "title"]
    }
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "release_year" => Some(By::ReleaseYear),
            "title" => Some(By::Title),
            _ => None,
        }
    }
    fn name(&self) -> &'static str {
        match self {
            By::ReleaseYear => "release_year",
            By::Title => "title",
        }
    }
}

pub(super) async fn shows(
    State(db): State<Db>,
    list: ListQuery<Filters, By>,
) -> Result<Json<Slice<Show>>, Problem> {
    let order = order(list.sort.as_ref())?;
    let limit = list.page.limit()?;
    let binding = binding(order, &list.filters)?;
    let after = list
        .page
        .after
        .as_ref()
        .map(|cursor| after(cursor, &binding, order))
        .transpose()?;
    let wanted = wanted(list.filters)?;
    // One more than asked for: its presence says that there is a next page.
    let asked = i64::from(limit) + 1;
    let rows = list_shows(db.shows(), &wanted, order, after.as_ref(), asked).await?;
    Ok(Json(Slice::cut(rows, limit, |last| {
        Cursor::encode(
            &binding,
            &[sort_value(last, order), Value::from(last.show_id.as_str())],
        )
    })?))
}

fn order(sort: Option<&Sort<By>>) -> Result<ShowOrder, Problem> {
    match sort.map_or(&[] as &[_], Sort::keys) {
        [] | [(By::ReleaseYear, Direction::Descending)] => Ok(ShowOrder::NewestFirst),
        [(By::ReleaseYear, Direction::Ascending)] => Ok(ShowOrder::OldestFirst),
        [(By::Title, Direction::Ascending)] => Ok(ShowOrder::Title),
        [(By::Title, Direction::Descending)] => Ok(ShowOrder::TitleBackwards),
        _ => Err(Problem::parameter(
            "sort",
            "shows are sorted by one key; ties are broken by the id",
        )),
    }
}

/// What a cursor belongs to: an order and filters, so that it cannot be replayed with others.
fn binding(order: ShowOrder, filters: &Filters) -> Result<String, Problem> {
    let filters = serde_json::to_string(filters).map_err(|error| Problem::internal(&error))?;
    Ok(format!("shows {order:?} {filters}"))
}

fn after(cursor: &Cursor, binding: &str, order: ShowOrder) -> Result<After, Error> {
    let keys = cursor.decode(binding)?;
    let read = match (order, keys.as_slice()) {
        (ShowOrder::NewestFirst | ShowOrder::OldestFirst, [year, Value::String(id)]) => year
            .as_i64()
            .and_then(|year| i32::try_from(year).ok())
            .map(|year| After::Year(year, id.clone())),
        (_, [Value::String(title), Value::String(id)]) => {
            Some(After::Title(title.clone(), id.clone()))
        }
        _ => None,
    };
    read.ok_or_else(|| Error::new(ErrorKind::InvalidCursor))
}

fn sort_value(show: &Show, order: ShowOrder) -> Value {
    match order {
        ShowOrder::NewestFirst | ShowOrder::OldestFirst => Value::from(show.release_year),
        ShowOrder::Title | ShowOrder::TitleBackwards => Value::from(show.title_folded.as_str()),
    }
}

fn wanted(filters: Filters) -> Result<ListShows, Problem> {
    if let (Some(from), Some(to)) = (filters.year_from, filters.year_to)
        && from > to
    {
        return Err(Problem::parameter(
            "year_from",
            "must not be after `year_to`",
        ));
    }
    if let Some(text) = &filters.q {
        short_enough(text)?;
    }
    Ok(ListShows {
        kind: filters.kind,
        rating: filters.rating,
        genre: filters.genre,
        director: filters.director,
        country: filters.country,
        year_from: filters.year_from,
        year_to: filters.year_to,
        text: filters.q,
    })
}
