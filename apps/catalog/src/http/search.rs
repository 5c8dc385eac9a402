//! `GET /search`: what the search box of the page asks.

use axum::extract::State;
use serde::Deserialize;
use shelfmark::Db;
use shelfmark_axum::{Json, Problem, Query};

use crate::domain::limits;
use crate::repositories::{ActorsExt as _, DirectorsExt as _, ShowsExt as _, TitlesExt as _};
use crate::use_cases::{Found, search_shows};

/// Shows that are answered when nothing else is said.
const DEFAULT_LIMIT: u32 = 20;
/// Shows that are answered at most.
const MOST: u32 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    q: String,
    limit: Option<u32>,
}

pub(super) async fn search(
    State(db): State<Db>,
    Query(search): Query<Search>,
) -> Result<Json<Found>, Problem> {
    short_enough(&search.q)?;
    let limit = search.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST).contains(&limit) {
        let reason = format!("must be from 1 to {MOST}");
        return Err(Problem::parameter("limit", reason));
    }
    let found = search_shows(
        db.shows(),
        db.titles(),
        db.directors(),
        db.actors(),
        &search.q,
        limit,
    );
    Ok(Json(found.await?))
}

/// Refuses a text that nobody types.
pub(super) fn short_enough(text: &str) -> Result<(), Problem> {
    let longest = limits::SEARCH_CHARS;
    if text.chars().count() > longest {
        let reason = format!("must not be longer than {longest} characters");
        return Err(Problem::parameter("q", reason));
    }
    Ok(())
}
