//! Shows, their seasons, and all that is cached of them.

use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

#[derive(Entity, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[entity(table = "shows")]
pub(crate) struct Show {
    #[id]
    pub(crate) show_id: String,
    #[serde(rename = "name")]
    pub(crate) title: String,
    pub(crate) year: i64,
}

#[derive(Entity, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[entity(table = "seasons")]
pub(crate) struct Season {
    #[id]
    pub(crate) season_id: i64,
    #[belongs_to(Show)]
    pub(crate) show_id: String,
}

#[derive(View, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct ShowView {
    #[view(root)]
    pub(crate) show: Show,
    #[view(many)]
    pub(crate) seasons: Vec<Season>,
}

#[derive(Insert)]
#[insert(Show)]
pub(crate) struct NewShow {
    pub(crate) show_id: String,
    pub(crate) title: String,
    pub(crate) year: i64,
}

#[derive(Filters, Default)]
#[filters(Show)]
pub(crate) struct ShowFilters {
    #[filter(ge, column = year)]
    pub(crate) since: Option<i64>,
    #[filter(any, column = title)]
    pub(crate) titles: Vec<String>,
}

#[derive(SortBy, Clone, Copy, Debug)]
#[sort(Show)]
pub(crate) enum ShowSort {
    Year,
    Title,
}

#[repository(entity = Show, dyn)]
pub(crate) trait Shows {
    /// One show.
    #[find]
    #[cached(key = "show:{show_id}", ttl = "5m", none_ttl = "250ms", tags = ["shows", "one:{show_id}"])]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;

    #[list]
    #[cached(ttl = "2h")]
    async fn list(&self, limit: i64) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows WHERE year = :year AND title IN (:titles) ORDER BY show_id")]
    #[cached(ttl = "1m")]
    async fn titled(&self, year: Option<i64>, titles: &[&str]) -> Result<Vec<Show>>;

    #[query("SELECT count(*) FROM shows")]
    #[cached(key = "count", ttl = "30s", tag = "shows")]
    async fn count(&self) -> Result<i64>;

    #[query("SELECT min(year), max(year) FROM shows")]
    #[cached(key = "years", ttl = "1d")]
    async fn years(&self) -> Result<(i64, i64)>;

    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY {sort} {page}")]
    #[cached(key = "page:{filters}:{sort}:{page}", ttl = "30s", tag = "shows")]
    async fn page(
        &self,
        filters: &ShowFilters,
        sort: Sort<ShowSort>,
        page: PageRequest,
    ) -> Result<Page<Show>>;

    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY {sort} {page}")]
    #[cached(ttl = "30s")]
    async fn slice(
        &self,
        filters: Option<ShowFilters>,
        sort: Option<Sort<ShowSort>>,
        page: &OffsetRequest,
    ) -> Result<Slice<ShowView>>;

    #[query("SELECT {*} FROM shows WHERE show_id = :show_id")]
    #[cached(key = "view:{show_id}", ttl = "5m", tag = "one:{show_id}")]
    async fn view(&self, show_id: &str) -> Result<Option<ShowView>>;

    #[insert]
    #[evicts(key = "show:{new.show_id}", tag = "shows")]
    async fn insert(&self, new: &NewShow) -> Result<Show>;

    #[insert_many]
    #[evicts(tag = "shows")]
    #[evicts(keys = ["count", "years"])]
    async fn insert_many(&self, new: &[NewShow]) -> Result<u64>;

    #[update]
    #[evicts(tags = ["one:{show.show_id}", "shows"])]
    async fn update(&self, show: &Show) -> Result<()>;

    #[delete]
    #[evicts(key = "show:{show_id}")]
    async fn delete(&self, show_id: &str) -> Result<bool>;

    #[exec("UPDATE shows SET year = :year WHERE {filters}")]
    #[evicts(tag = "shows")]
    async fn set_year(&self, year: i64, filters: &ShowFilters) -> Result<u64>;

    #[query("DELETE FROM shows WHERE show_id = :show_id RETURNING title")]
    #[evicts(key = "show:{show_id}")]
    async fn take(&self, show_id: String) -> Result<Option<String>>;
}

pub(crate) fn new(show_id: &str, year: i64) -> NewShow {
    NewShow {
        show_id: show_id.to_owned(),
        title: format!("Title of {show_id}"),
        year,
    }
}

/// A database with the tables and three shows.
pub(crate) async fn database() -> Result<Db> {
    let db = Db::memory().await?;
    db.execute(sql!(
        "CREATE TABLE shows (show_id TEXT PRIMARY KEY, title TEXT NOT NULL, year INTEGER NOT NULL) STRICT"
    ))
    .await?;
    db.execute(sql!(
        "CREATE TABLE seasons (season_id INTEGER PRIMARY KEY, show_id TEXT NOT NULL) STRICT"
    ))
    .await?;
    db.execute(sql!(
        "INSERT INTO shows VALUES ('s1', 'Alien', 1979), ('s2', 'Aliens', 1986), ('s3', 'Arrival', 2016)"
    ))
    .await?;
    db.execute(sql!("INSERT INTO seasons VALUES (1, 's1'), (2, 's1')"))
        .await?;
    Ok(db)
}
