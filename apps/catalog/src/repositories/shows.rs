//! The table `shows`.

use shelfmark::prelude::*;

use crate::domain::{NewShow, Show, ShowKind, YearCount};

/// Films and series.
///
/// The four lists differ in their order only. Each takes the last row of the page before and enters an index at its sort
/// value, so that a deep page costs no more than the first; it walks over the rows that have the same sort value, which
/// are those of one year at most. A filter that few shows pass is looked for from there on, since there is no index for
/// each combination.
#[repository(entity = Show)]
pub trait Shows {
    /// The show of a key.
    #[find]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;

    /// Adds a show.
    #[insert]
    async fn insert(&self, new: &NewShow) -> Result<Show>;

    /// Adds shows, or replaces those whose key is there.
    #[upsert_many]
    async fn upsert_many(&self, new: &[NewShow]) -> Result<u64>;

    /// Replaces a show.
    #[update]
    async fn update(&self, show: &Show) -> Result<Show>;

    /// Removes a show; what joins it to names goes with it.
    #[delete]
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
        "SELECT {*} FROM shows WHERE release_year >= :year ORDER BY release_year DESC, show_id LIMIT :limit"
    )]
    async fn recent(&self, year: i32, limit: i64) -> Result<Vec<Show>>;

    /// How many shows came out in each year, from the first to the last.
    #[query(
        "SELECT release_year, count(*) AS shows FROM shows GROUP BY release_year ORDER BY release_year"
    )]
    async fn per_year(&self) -> Result<Vec<YearCount>>;

    /// Newest first.
    #[query(
        sqlite(file = "src/repositories/sql/newest_first.sqlite.sql"),
        postgres(file = "src/repositories/sql/newest_first.postgres.sql")
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "one per optional filter; the filter slots come with a later version"
    )]
    async fn newest_first(
        &self,
        kind: Option<ShowKind>,
        rating: Option<&str>,
        genre: Option<&str>,
        director: Option<&str>,
        country: Option<&str>,
        year_from: Option<i32>,
        year_to: Option<i32>,
        words: Option<&str>,
        last_year: Option<i32>,
        last_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Show>>;

    /// Oldest first.
    #[query(
        sqlite(file = "src/repositories/sql/oldest_first.sqlite.sql"),
        postgres(file = "src/repositories/sql/oldest_first.postgres.sql")
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "one per optional filter; the filter slots come with a later version"
    )]
    async fn oldest_first(
        &self,
        kind: Option<ShowKind>,
        rating: Option<&str>,
        genre: Option<&str>,
        director: Option<&str>,
        country: Option<&str>,
        year_from: Option<i32>,
        year_to: Option<i32>,
        words: Option<&str>,
        last_year: Option<i32>,
        last_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Show>>;

    /// By title, from A.
    #[query(
        sqlite(file = "src/repositories/sql/by_title.sqlite.sql"),
        postgres(file = "src/repositories/sql/by_title.postgres.sql")
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "one per optional filter; the filter slots come with a later version"
    )]
    async fn by_title(
        &self,
        kind: Option<ShowKind>,
        rating: Option<&str>,
        genre: Option<&str>,
        director: Option<&str>,
        country: Option<&str>,
        year_from: Option<i32>,
        year_to: Option<i32>,
        words: Option<&str>,
        last_title: Option<&str>,
        last_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Show>>;

    /// By title, from Z.
    #[query(
        sqlite(file = "src/repositories/sql/by_title_backwards.sqlite.sql"),
        postgres(file = "src/repositories/sql/by_title_backwards.postgres.sql")
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "one per optional filter; the filter slots come with a later version"
    )]
    async fn by_title_backwards(
        &self,
        kind: Option<ShowKind>,
        rating: Option<&str>,
        genre: Option<&str>,
        director: Option<&str>,
        country: Option<&str>,
        year_from: Option<i32>,
        year_to: Option<i32>,
        words: Option<&str>,
        last_title: Option<&str>,
        last_id: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Show>>;
}

#[cfg(test)]
mod tests {
    /// How SQLite goes about a list that begins in the middle.
    fn plan(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let connection = rusqlite::Connection::open(folder.path().join("plan.db")).unwrap();
        connection
            .execute_batch(concat!(
                include_str!("../../migrations/0001_catalogue.sqlite.sql"),
                include_str!("../../migrations/0002_search.sqlite.sql")
            ))
            .unwrap();
        let text = format!("EXPLAIN QUERY PLAN {}", text.replace("{s.*}", "s.*"));
        let mut statement = connection.prepare(&text).unwrap();
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get("detail").unwrap());
        }
        steps
    }

    #[test]
    fn a_deep_page_enters_its_index_and_sorts_no_more_than_ties() {
        for (text, entered, sorted) in [
            (
                include_str!("sql/newest_first.sqlite.sql"),
                "SEARCH s USING INDEX shows_by_year (release_year<?)",
                None,
            ),
            (
                include_str!("sql/oldest_first.sqlite.sql"),
                "SEARCH s USING INDEX shows_by_year (release_year>?)",
                Some("USE TEMP B-TREE FOR LAST TERM OF ORDER BY"),
            ),
            (
                include_str!("sql/by_title.sqlite.sql"),
                "SEARCH s USING INDEX shows_by_title (title_folded>?)",
                None,
            ),
            (
                include_str!("sql/by_title_backwards.sqlite.sql"),
                "SEARCH s USING INDEX shows_by_title (title_folded<?)",
                Some("USE TEMP B-TREE FOR LAST TERM OF ORDER BY"),
            ),
        ] {
            let plan = plan(text);
            assert!(plan.iter().any(|step| step == entered), "{plan:#?}");
            let sort = plan.iter().find(|step| step.contains("ORDER BY"));
            assert_eq!(sort.map(String::as_str), sorted, "{plan:#?}");
        }
    }
}
