//! The table `directors` and what joins it to the shows.

use shelfmark::prelude::*;

use crate::domain::{Director, NewDirector, Show, ShowDirector};

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

    /// The directors of a show, in the order of its source.
    #[query(
        "SELECT {n.*} FROM directors AS n
         JOIN show_directors AS link ON link.director_id = n.id
         WHERE link.show_id = :show_id
         ORDER BY link.position, n.id"
    )]
    async fn of_show(&self, show_id: &str) -> Result<Vec<Director>>;

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
         ORDER BY s.release_year DESC, s.show_id
         LIMIT :limit"
    )]
    async fn shows_of(&self, director_id: i64, limit: i64) -> Result<Vec<Show>>;
}
