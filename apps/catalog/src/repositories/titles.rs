//! The table `search_titles`: the words of titles, and the shows that are found by them.

use shelfmark::prelude::*;

use crate::domain::{NewTitleWords, TitleMatch};

/// The words of titles.
#[repository]
pub trait Titles {
    /// Keeps the words of titles; of a title whose words are kept already, instead of those.
    #[upsert_many(on = "show_id")]
    async fn keep(&self, words: &[NewTitleWords]) -> Result<u64>;

    /// Takes the titles and names that were added into the full-text indexes; the last step of whatever adds some.
    ///
    /// On PostgreSQL nothing waits for it.
    #[exec(
        sqlite = "DELETE FROM search_pending",
        postgres = "DELETE FROM search_titles WHERE false"
    )]
    async fn take_in(&self) -> Result<()>;

    /// The newest shows with all `words` in their titles; with `begun`, the last one at least as the beginning of a word.
    ///
    /// On SQLite the index gives its matches in their order and is left when there are enough.
    ///
    /// A GIN index of PostgreSQL gives all of its matches or none, and in no order, so the statement tries three ways and
    /// takes the first that gives enough. Words that many titles have are found among the newest 500 shows. When these
    /// hold a few matches, more will be among the next ones: the walk goes on to the newest 20,000, and ends as soon as
    /// there are enough. Everything else is rare enough for the GIN index. The answer is the same whichever way it came.
    #[query(
        sqlite(file = "src/repositories/sql/titles_matching.sqlite.sql"),
        postgres(file = "src/repositories/sql/titles_matching.postgres.sql")
    )]
    async fn matching(&self, words: &str, begun: bool, limit: i64) -> Result<Vec<TitleMatch>>;

    /// How many shows there are whose titles have not been looked at.
    #[query("SELECT (SELECT count(*) FROM shows) - (SELECT count(*) FROM search_titles)")]
    async fn missing(&self) -> Result<i64>;

    /// The next shows after `after` whose titles have not been looked at: key, year and folded title.
    #[query(
        "SELECT s.show_id, s.release_year, s.title_folded FROM shows AS s
         WHERE s.show_id > :after AND NOT EXISTS (SELECT 1 FROM search_titles AS t WHERE t.show_id = s.show_id)
         ORDER BY s.show_id LIMIT :limit"
    )]
    async fn next_missing(&self, after: &str, limit: i64) -> Result<Vec<(String, i32, String)>>;
}
