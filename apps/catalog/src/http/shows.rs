//! What is read besides the list: one show, the recent ones, genres, a director's shows, statistics, the cache.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shelfmark::{Db, Slice};
use shelfmark_axum::{Json, ListQuery, Path, Problem, Query};
use shelfmark_kv::{Cache, Kv};

use super::views::{Viewed, looked_at};
use crate::domain::{Director, GenreCount, Show, YearCount};
use crate::repositories::{
    Directors as _, DirectorsExt as _, Genres as _, GenresExt as _, Shows as _, ShowsExt as _,
};
use crate::use_cases::look_at_show;

/// The problem of a show that is not there.
pub(super) fn no_show(show_id: &str) -> Problem {
    Problem::not_found(format!("there is no show with the id `{show_id}`"))
}

pub(super) async fn details(
    State(db): State<Db>,
    State(kv): State<Kv>,
    State(cache): State<Cache>,
    Path(show_id): Path<String>,
    Query(()): Query<()>,
) -> Result<Json<Viewed>, Problem> {
    // What is kept must not be late: a replica's answer would stay after the eviction that it missed.
    let db = db.primary();
    let show = look_at_show(&cache, db.shows(), &show_id).await?;
    let show = show.ok_or_else(|| no_show(&show_id))?;
    let views = looked_at(&kv, &show_id).await;
    Ok(Json(Viewed { show, views }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recent {
    year: i32,
}

pub(super) async fn recent(
    State(db): State<Db>,
    list: ListQuery<Recent>,
) -> Result<Json<Slice<Show>>, Problem> {
    let limit = first_page_only(&list.page)?;
    let items = db.shows().recent(list.filters.year, limit).await?;
    Ok(Json(Slice::whole(items)))
}

/// The limit of a list that has one page only.
fn first_page_only(page: &shelfmark::PageRequest) -> Result<i64, Problem> {
    for (name, cursor) in [("after", &page.after), ("before", &page.before)] {
        if cursor.is_some() {
            return Err(Problem::parameter(name, "this list has one page only"));
        }
    }
    Ok(i64::from(page.limit()?))
}

pub(super) async fn genres(
    State(db): State<Db>,
    Query(()): Query<()>,
) -> Result<Json<Slice<GenreCount>>, Problem> {
    Ok(Json(Slice::whole(db.genres().with_counts().await?)))
}

#[derive(Debug, Serialize)]
pub(super) struct DirectorShows {
    director: Director,
    #[serde(flatten)]
    shows: Slice<Show>,
}

pub(super) async fn of_director(
    State(db): State<Db>,
    Path(id): Path<i64>,
    list: ListQuery,
) -> Result<Json<DirectorShows>, Problem> {
    let limit = first_page_only(&list.page)?;
    let Some(director) = db.directors().find(id).await? else {
        return Err(Problem::not_found(format!(
            "there is no director with the id {id}"
        )));
    };
    let items = db.directors().shows_of(id, limit).await?;
    Ok(Json(DirectorShows {
        director,
        shows: Slice::whole(items),
    }))
}

pub(super) async fn years(
    State(db): State<Db>,
    Query(()): Query<()>,
) -> Result<Json<Slice<YearCount>>, Problem> {
    Ok(Json(Slice::whole(db.shows().per_year().await?)))
}

/// What the cache of this instance has done.
#[derive(Debug, Serialize)]
pub(super) struct CacheCounts {
    hits: u64,
    waits: u64,
    misses: u64,
    hit_rate: f64,
    refreshed: u64,
    evicted: u64,
    errors: u64,
    saved_seconds: f64,
}

pub(super) async fn cache(State(cache): State<Cache>, Query(()): Query<()>) -> Json<CacheCounts> {
    let stats = cache.stats();
    Json(CacheCounts {
        hits: stats.hits,
        waits: stats.waits,
        misses: stats.misses,
        hit_rate: stats.hit_rate(),
        refreshed: stats.refreshed,
        evicted: stats.evicted,
        errors: stats.errors,
        saved_seconds: stats.saved.as_secs_f64(),
    })
}
