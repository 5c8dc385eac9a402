//! The table `shows`.

use shelfmark::prelude::*;

use super::show_filters::{ShowFilters, ShowSort};
use crate::domain::{NewShow, Show, ShowDetails, ShowPatch, YearCount};

/// Films and series.
///
/// A page of [`list`](Shows::list) enters the index of its first sort key at the place where the page before ended, so that
/// a deep page costs no more than the first. A filter that few shows pass is looked for from there on, since there is no
/// index for each combination.
///
/// What changes a show drops its page and the statistics from the cache, once it is committed. Joining a show to names is
/// always done together with such a change.
#[repository(entity = Show)]
pub trait Shows {
    /// The show of a key.
    #[find]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;

    /// Adds a show.
    #[insert]
    #[evicts(key = "show:{new.show_id}", tag = "statistics")]
    async fn insert(&self, new: &NewShow) -> Result<Show>;

    /// Adds shows, or replaces those whose key is there.
    #[upsert_many]
    #[evicts(tags = ["shows", "statistics"])]
    async fn upsert_many(&self, new: &[NewShow]) -> Result<u64>;

    /// Replaces a show.
    #[update]
    #[evicts(key = "show:{show.show_id}", tag = "statistics")]
    async fn update(&self, show: &Show) -> Result<Show>;

    /// Changes what the patch says; what is absent in it stays.
    #[patch]
    #[evicts(key = "show:{show_id}")]
    async fn change(&self, show_id: &str, patch: &ShowPatch) -> Result<bool>;

    /// Removes a show; what joins it to names goes with it.
    #[delete]
    #[evicts(key = "show:{show_id}", tag = "statistics")]
    async fn delete(&self, show_id: &str) -> Result<bool>;

    /// How many there are.
    #[query("SELECT count(*) FROM shows")]
    async fn count(&self) -> Result<i64>;

    /// Whether there is any.
    #[query("SELECT show_id FROM shows LIMIT 1")]
    async fn any(&self) -> Result<Option<String>>;

    /// How many of these keys are there.
    #[query("SELECT count(*) FROM shows WHERE show_id IN (:show_ids)")]
    async fn count_of(&self, show_ids: &[String]) -> Result<i64>;

    /// Lets the database look at how much its tables hold now, so that it chooses its ways for that.
    #[exec("ANALYZE")]
    async fn analyze(&self) -> Result<()>;

    /// The shows of these keys.
    #[query("SELECT {*} FROM shows WHERE show_id IN (:show_ids)")]
    async fn by_ids(&self, show_ids: &[String]) -> Result<Vec<Show>>;

    /// The first shows in the order of titles whose folded titles are `from` or between it and `to`.
    #[query(
        "SELECT show_id, release_year, title_folded FROM shows WHERE title_folded >= :from AND title_folded < :to
         ORDER BY title_folded, show_id LIMIT :limit"
    )]
    async fn titled(&self, from: &str, to: &str, limit: i64) -> Result<Vec<(String, i32, String)>>;

    /// The newest shows released in `year` or later.
    #[query(
        "SELECT {*} FROM shows WHERE release_year >= :year ORDER BY release_year DESC, show_id DESC LIMIT :limit"
    )]
    async fn recent(&self, year: i32, limit: i64) -> Result<Vec<Show>>;

    /// How many shows came out in each year, from the first to the last.
    #[cached(key = "shows-per-year", ttl = "5m", tag = "statistics")]
    #[query(
        "SELECT release_year, count(*) AS shows FROM shows GROUP BY release_year ORDER BY release_year"
    )]
    async fn per_year(&self) -> Result<Vec<YearCount>>;

    /// A page of the shows that fit, in the order asked for.
    #[query("SELECT {s.*} FROM shows AS s WHERE {s.filters} ORDER BY {s.sort} {page}")]
    async fn list(
        &self,
        filters: &ShowFilters,
        sort: Sort<ShowSort>,
        page: PageRequest,
    ) -> Result<Slice<Show>>;

    /// A show with its people, genres and countries.
    #[query("SELECT {*} FROM shows WHERE show_id = :show_id")]
    async fn details(&self, show_id: &str) -> Result<Option<ShowDetails>>;
}
