//! The declarations that the tests look at.

use futures_core::Stream;
use shelfmark::prelude::*;

#[derive(Value, Clone, Debug, PartialEq)]
#[value(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Movie,
    TvShow,
    #[value("other")]
    Else,
}

#[derive(Value, Clone, Debug, PartialEq)]
pub(crate) struct Rating(pub(crate) String);

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "shows", unique = (title, release_year))]
pub(crate) struct Show {
    #[id]
    pub(crate) show_id: String,
    #[unique]
    pub(crate) title: String,
    pub(crate) release_year: i32,
    #[column("type")]
    pub(crate) kind: Kind,
    pub(crate) rating: Option<Rating>,
}

#[derive(Insert)]
#[insert(Show)]
pub(crate) struct NewShow {
    pub(crate) show_id: String,
    pub(crate) title: String,
    pub(crate) kind: Kind,
}

#[derive(Entity, Debug)]
#[entity(table = "directors")]
pub(crate) struct Director {
    #[id(generated)]
    pub(crate) id: i64,
    #[unique]
    pub(crate) name: String,
}

#[derive(Insert)]
#[insert(Director)]
pub(crate) struct NewDirector {
    pub(crate) name: String,
}

#[derive(Entity, Debug)]
#[entity(table = "app.show_directors", key = (show_id, director_id))]
pub(crate) struct ShowDirector {
    #[belongs_to(Show)]
    pub(crate) show_id: String,
    #[belongs_to(Director)]
    pub(crate) director_id: i64,
    pub(crate) position: i32,
}

#[derive(FromRow, Debug, PartialEq)]
pub(crate) struct YearCount {
    pub(crate) release_year: i32,
    #[column("shows")]
    pub(crate) count: i64,
}

#[derive(FromRow, Debug, PartialEq)]
pub(crate) struct Extremes(pub(crate) i64, pub(crate) Option<String>);

/// What is done to the table `shows`.
#[repository(entity = Show, dyn)]
pub(crate) trait Shows {
    #[find]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;
    #[find]
    async fn get(&self, id: &str) -> Result<Show>;
    #[list]
    async fn list(&self) -> Result<Vec<Show>>;
    #[list]
    async fn first(&self, limit: i64) -> Result<Vec<Show>>;
    #[list]
    fn stream(&self) -> impl Stream<Item = Result<Show>> + Send;
    #[insert]
    async fn insert(&self, values: &NewShow) -> Result<Show>;
    #[insert]
    async fn insert_key(&self, new: NewShow) -> Result<String>;
    #[insert]
    async fn insert_quietly(&self, new: &NewShow) -> Result<()>;
    #[insert_many]
    async fn insert_many(&self, new: &[NewShow]) -> Result<u64>;
    #[insert_many(on_conflict = "ignore")]
    async fn insert_missing(&self, new: Vec<NewShow>) -> Result<()>;
    #[update]
    async fn update(&self, show: &Show) -> Result<Show>;
    #[update]
    async fn update_if_there(&self, show: &Show) -> Result<Option<Show>>;
    #[update]
    async fn was_updated(&self, show: &Show) -> Result<bool>;
    #[update]
    async fn must_update(&self, show: &Show) -> Result<()>;
    #[upsert]
    async fn upsert(&self, new: &NewShow) -> Result<Show>;
    #[upsert(on = ("title", "release_year"))]
    async fn upsert_by_title(&self, new: &NewShow) -> Result<u64>;
    #[upsert_many(on = "title")]
    async fn upsert_many(&self, new: &[NewShow]) -> Result<u64>;
    #[delete]
    async fn delete(&self, show_id: &str) -> Result<bool>;
    #[delete]
    async fn must_delete(&self, show_id: &str) -> Result<()>;
    #[delete]
    async fn take(&self, show_id: &str) -> Result<Option<Show>>;

    #[query(
        "SELECT {*} FROM shows WHERE release_year >= :year AND release_year <> :limit
         AND release_year > :year LIMIT :limit"
    )]
    async fn list_recent(&self, year: i32, limit: i64) -> Result<Vec<Show>>;
    #[query("SELECT {s.*} FROM shows s WHERE show_id IN (:ids)")]
    async fn by_ids(&self, ids: &[String]) -> Result<Vec<Show>>;
    #[query("SELECT {*} FROM shows WHERE title NOT IN (:titles) AND rating IN (:rating)")]
    async fn named<'a>(&self, titles: &'a [&'a str], rating: Option<&'a str>) -> Result<Vec<Show>>;
    #[query("SELECT {*} FROM shows WHERE poster IN (:poster)")]
    async fn by_poster(&self, poster: &[u8]) -> Result<Vec<Show>>;
    #[query(file = "tests/expansion/sql/report.sql", not_null = "shows")]
    async fn report(&self, since: i32) -> Result<Vec<YearCount>>;
    #[query(
        sqlite(file = "tests/expansion/sql/report.sql"),
        postgres = "SELECT release_year, shows FROM report(:since)"
    )]
    async fn native_report(&self, since: i32) -> Result<Option<YearCount>>;
    #[query(postgres = "SELECT pg_backend_pid()")]
    async fn backend(&self) -> Result<i32>;
    #[query("SELECT count(*) FROM shows WHERE type = :type")]
    async fn count(&self, r#type: &Kind) -> Result<i64>;
    #[query("SELECT count(*), max(title) FROM shows")]
    async fn extremes(&self) -> Result<Extremes>;
    #[query("SELECT count(*), max(title) FROM shows", not_null = ("count", "max"))]
    async fn pair(&self) -> Result<(i64, Option<String>)>;
    #[query("SELECT poster FROM shows WHERE show_id = :show_id")]
    async fn poster(&self, show_id: &str) -> Result<Option<Vec<u8>>>;
    #[query("UPDATE shows SET rating = :rating WHERE show_id = :show_id RETURNING {*}")]
    async fn rate(&self, show_id: &str, rating: &Rating) -> Result<Option<Show>>;
    #[query("SELECT {*} FROM shows WHERE release_year = :year AND show_id IN (:ids)")]
    fn stream_year(&self, year: i32, ids: Vec<String>) -> impl Stream<Item = Result<Show>> + Send;
    #[exec("UPDATE shows SET rating = :rating WHERE show_id = :show_id")]
    async fn set_rating(&self, show_id: &str, rating: &str) -> Result<u64>;
    #[exec("DELETE FROM shows WHERE show_id IN (:ids)")]
    async fn delete_all(&self, ids: Vec<String>) -> Result<bool>;
    #[exec("DELETE FROM shows")]
    async fn clear(&self) -> Result<()>;
    #[exec("SET application_name = 'shows'")]
    async fn introduce(&self) -> Result<()>;

    /// Two shows at once, by the methods above.
    async fn two(&self, one: &str, other: &str) -> Result<(Option<Show>, Option<Show>)> {
        Ok((self.find(one).await?, self.find(other).await?))
    }
    /// Needs no database.
    fn table(&self) -> &'static str {
        <Show as Entity>::TABLE
    }
}

#[repository]
pub(crate) trait Ratings {
    #[query("SELECT {*} FROM shows WHERE rating = :rating")]
    fn stream(&self, rating: &str) -> impl Stream<Item = Result<Show>> + Send;
}

#[repository(entity = ShowDirector)]
pub(crate) trait ShowDirectors {
    #[find]
    async fn find(&self, show_id: &str, director_id: i64) -> Result<Option<ShowDirector>>;
    #[delete]
    async fn delete(&self, show_id: &str, director_id: i64) -> Result<u64>;
}

#[repository]
pub(crate) trait Directors {
    #[upsert(on = "name")]
    async fn id_of(&self, new: &NewDirector) -> Result<i64>;
}
