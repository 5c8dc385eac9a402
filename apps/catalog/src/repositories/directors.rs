//! The table `directors` and what joins it to the shows.

use shelfmark::prelude::*;

use crate::domain::{Director, NewDirector, PersonMatch, Show, ShowDirector, TitleMatch};

/// Who directed a show.
#[repository(entity = Director)]
pub trait Directors {
    /// The director of an id.
    #[find]
    async fn find(&self, id: i64) -> Result<Option<Director>>;

    /// Adds the names that are not there yet.
    #[insert_many(on_conflict = "ignore")]
    async fn add_missing(&self, new: &[NewDirector]) -> Result<u64>;

    /// The directors of these names.
    #[query("SELECT {*} FROM directors WHERE name IN (:names)")]
    async fn by_names(&self, names: &[String]) -> Result<Vec<Director>>;

    /// Joins shows to directors.
    #[insert_many]
    async fn link(&self, links: &[ShowDirector]) -> Result<u64>;

    /// Parts shows from all their directors.
    #[exec("DELETE FROM show_directors WHERE show_id IN (:show_ids)")]
    async fn unlink(&self, show_ids: &[String]) -> Result<u64>;

    /// The shows of a director, newest first.
    #[query(
        "SELECT {s.*} FROM shows AS s
         JOIN show_directors AS link ON link.show_id = s.show_id
         WHERE link.director_id = :director_id
         ORDER BY s.release_year DESC, s.show_id DESC
         LIMIT :limit"
    )]
    async fn shows_of(&self, director_id: i64, limit: i64) -> Result<Vec<Show>>;

    /// The ids of those with all `words` in their names, the first that came first; with `begun`, the last word at least as
    /// the beginning of one. Answered as [`Titles::matching`](super::Titles::matching) is.
    #[query(
        sqlite(file = "src/repositories/sql/directors_matching.sqlite.sql"),
        postgres(file = "src/repositories/sql/directors_matching.postgres.sql")
    )]
    async fn matching(&self, words: &str, begun: bool, limit: i64) -> Result<Vec<i64>>;

    /// The newest shows of these people, of whose shows at most `most` are looked at.
    #[query(
        "SELECT t.show_id, t.release_year, t.n FROM search_titles AS t
         WHERE t.show_id IN (
               SELECT l.show_id FROM (
                      SELECT show_id FROM show_directors WHERE director_id IN (:ids)
                      ORDER BY director_id, show_id LIMIT :most) AS l)
         ORDER BY t.release_year DESC, t.n
         LIMIT :limit"
    )]
    async fn newest_shows(&self, ids: &[i64], most: i64, limit: i64) -> Result<Vec<TitleMatch>>;

    /// The people of these shows, in the order of their sources.
    #[query(
        "SELECT l.show_id, n.name, n.name_words FROM show_directors AS l
         JOIN directors AS n ON n.id = l.director_id
         WHERE l.show_id IN (:show_ids)
         ORDER BY l.show_id, l.position, n.id"
    )]
    async fn of_shows(&self, show_ids: &[String]) -> Result<Vec<PersonMatch>>;

    /// Gives somebody another name, which is found when its words are kept as well. Whether there is somebody of the id.
    #[exec("UPDATE directors SET name = :name WHERE id = :id")]
    #[evicts(tag = "shows")]
    async fn rename(&self, id: i64, name: &str) -> Result<bool>;

    /// Keeps the words of a name.
    #[exec("UPDATE directors SET name_words = :words WHERE id = :id")]
    async fn keep_words(&self, id: i64, words: &str) -> Result<()>;

    /// Those whose names have not been looked at.
    #[query("SELECT {*} FROM directors WHERE name_words IS NULL ORDER BY id LIMIT :limit")]
    async fn without_words(&self, limit: i64) -> Result<Vec<Director>>;
}
