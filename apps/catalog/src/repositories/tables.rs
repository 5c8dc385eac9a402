//! The tables as wholes: all rows out in the order of their keys, and rows in with the keys they had.

use shelfmark::prelude::*;

use crate::domain::{
    ShowActor, ShowCountry, ShowDirector, ShowGenre, StoredActor, StoredCountry, StoredDirector,
    StoredGenre, StoredShow, StoredTitle,
};

/// What a backup reads, and a restore writes. Everything else of the schema is made of these rows: the full-text indexes by
/// [`Titles::take_in`](super::Titles::take_in), after all of them are there.
#[repository]
pub trait Tables {
    /// All rows of `directors`.
    #[query("SELECT {*} FROM directors ORDER BY id")]
    fn all_directors(&self) -> impl Stream<Item = Result<StoredDirector>> + Send;
    /// All rows of `actors`.
    #[query("SELECT {*} FROM actors ORDER BY id")]
    fn all_actors(&self) -> impl Stream<Item = Result<StoredActor>> + Send;
    /// All rows of `genres`.
    #[query("SELECT {*} FROM genres ORDER BY id")]
    fn all_genres(&self) -> impl Stream<Item = Result<StoredGenre>> + Send;
    /// All rows of `countries`.
    #[query("SELECT {*} FROM countries ORDER BY id")]
    fn all_countries(&self) -> impl Stream<Item = Result<StoredCountry>> + Send;
    /// All rows of `shows`.
    #[query(
        "SELECT show_id, type AS kind, title, title_folded, date_added, release_year, rating, duration, description
         FROM shows ORDER BY show_id"
    )]
    fn all_shows(&self) -> impl Stream<Item = Result<StoredShow>> + Send;
    /// All rows of `show_directors`.
    #[query("SELECT {*} FROM show_directors ORDER BY show_id, director_id")]
    fn all_show_directors(&self) -> impl Stream<Item = Result<ShowDirector>> + Send;
    /// All rows of `show_actors`.
    #[query("SELECT {*} FROM show_actors ORDER BY show_id, actor_id")]
    fn all_show_actors(&self) -> impl Stream<Item = Result<ShowActor>> + Send;
    /// All rows of `show_genres`.
    #[query("SELECT {*} FROM show_genres ORDER BY show_id, genre_id")]
    fn all_show_genres(&self) -> impl Stream<Item = Result<ShowGenre>> + Send;
    /// All rows of `show_countries`.
    #[query("SELECT {*} FROM show_countries ORDER BY show_id, country_id")]
    fn all_show_countries(&self) -> impl Stream<Item = Result<ShowCountry>> + Send;
    /// All rows of `search_titles`.
    #[query("SELECT {*} FROM search_titles ORDER BY n")]
    fn all_search_titles(&self) -> impl Stream<Item = Result<StoredTitle>> + Send;

    /// Adds rows to `directors`.
    #[insert_many]
    async fn put_directors(&self, rows: &[StoredDirector]) -> Result<u64>;
    /// Adds rows to `actors`.
    #[insert_many]
    async fn put_actors(&self, rows: &[StoredActor]) -> Result<u64>;
    /// Adds rows to `genres`.
    #[insert_many]
    async fn put_genres(&self, rows: &[StoredGenre]) -> Result<u64>;
    /// Adds rows to `countries`.
    #[insert_many]
    async fn put_countries(&self, rows: &[StoredCountry]) -> Result<u64>;
    /// Adds rows to `shows`.
    #[insert_many]
    async fn put_shows(&self, rows: &[StoredShow]) -> Result<u64>;
    /// Adds rows to `show_directors`.
    #[insert_many]
    async fn put_show_directors(&self, rows: &[ShowDirector]) -> Result<u64>;
    /// Adds rows to `show_actors`.
    #[insert_many]
    async fn put_show_actors(&self, rows: &[ShowActor]) -> Result<u64>;
    /// Adds rows to `show_genres`.
    #[insert_many]
    async fn put_show_genres(&self, rows: &[ShowGenre]) -> Result<u64>;
    /// Adds rows to `show_countries`.
    #[insert_many]
    async fn put_show_countries(&self, rows: &[ShowCountry]) -> Result<u64>;
    /// Adds rows to `search_titles`.
    #[insert_many]
    async fn put_search_titles(&self, rows: &[StoredTitle]) -> Result<u64>;

    /// Keeps everybody else from writing until the transaction ends; reads go on. On SQLite there is one writer anyhow.
    #[exec(
        postgres = "LOCK TABLE shows, directors, actors, genres, countries, search_titles IN SHARE ROW EXCLUSIVE MODE",
        sqlite = "DELETE FROM search_pending WHERE kind = 0"
    )]
    #[evicts(tags = ["shows", "statistics"])]
    async fn hold_writers(&self) -> Result<()>;

    /// Whether there is a list of the migrations that were applied: one, or none.
    #[query(
        postgres = "SELECT count(*) FROM pg_class WHERE oid = to_regclass('_shelfmark_migrations')",
        sqlite = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_shelfmark_migrations'"
    )]
    async fn count_lists_of_migrations(&self) -> Result<i64>;
    /// The last migration that was applied.
    #[query("SELECT max(version) FROM _shelfmark_migrations")]
    async fn last_migration(&self) -> Result<Option<i64>>;

    /// How many rows there are that a restore would come on top of.
    #[query(
        "SELECT (SELECT count(*) FROM shows) + (SELECT count(*) FROM directors) + (SELECT count(*) FROM actors)
              + (SELECT count(*) FROM genres) + (SELECT count(*) FROM countries)"
    )]
    async fn count_all(&self) -> Result<i64>;

    /// Removes all shows, and with them what joins them to names and finds them.
    #[exec("DELETE FROM shows")]
    async fn clear_shows(&self) -> Result<u64>;
    /// Removes all directors.
    #[exec("DELETE FROM directors")]
    async fn clear_directors(&self) -> Result<u64>;
    /// Removes all actors.
    #[exec("DELETE FROM actors")]
    async fn clear_actors(&self) -> Result<u64>;
    /// Removes all genres.
    #[exec("DELETE FROM genres")]
    async fn clear_genres(&self) -> Result<u64>;
    /// Removes all countries.
    #[exec("DELETE FROM countries")]
    async fn clear_countries(&self) -> Result<u64>;

    /// Lets new rows be numbered after those that were put in. Numbers never go down: those of a transaction that is rolled
    /// back would be given twice. SQLite looks at the rows themselves.
    #[query(
        postgres = "SELECT max(setval(s.name::regclass, greatest(s.last, pg_sequence_last_value(s.name::regclass)))) FROM (
             SELECT pg_get_serial_sequence('directors', 'id') AS name, max(id) AS last FROM directors
             UNION ALL SELECT pg_get_serial_sequence('actors', 'id'), max(id) FROM actors
             UNION ALL SELECT pg_get_serial_sequence('genres', 'id'), max(id) FROM genres
             UNION ALL SELECT pg_get_serial_sequence('countries', 'id'), max(id) FROM countries
             UNION ALL SELECT pg_get_serial_sequence('search_titles', 'n'), max(n) FROM search_titles) AS s
             WHERE s.last IS NOT NULL",
        sqlite = "SELECT max(n) FROM search_titles"
    )]
    async fn number_onwards(&self) -> Result<Option<i64>>;
}
