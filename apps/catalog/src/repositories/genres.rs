//! The table `genres` and what joins it to the shows.

use shelfmark::prelude::*;

use crate::domain::{Genre, GenreCount, NewGenre, ShowGenre};

/// What kind of show it is.
#[repository(entity = Genre)]
pub trait Genres {
    /// Adds the names that are not there yet.
    #[insert_many(on_conflict = "ignore")]
    async fn add_missing(&self, new: &[NewGenre]) -> Result<u64>;

    /// The genres of these names.
    #[query("SELECT {*} FROM genres WHERE name IN (:names)")]
    async fn by_names(&self, names: &[String]) -> Result<Vec<Genre>>;

    /// Joins shows to genres.
    #[insert_many]
    async fn link(&self, links: &[ShowGenre]) -> Result<u64>;

    /// Parts shows from all their genres.
    #[exec("DELETE FROM show_genres WHERE show_id IN (:show_ids)")]
    async fn unlink(&self, show_ids: &[String]) -> Result<u64>;

    /// Every genre with the number of its shows, by name.
    #[cached(key = "genres-with-counts", ttl = "5m", tag = "statistics")]
    #[query(
        "SELECT g.id, g.name, count(link.show_id) AS shows FROM genres AS g
         LEFT JOIN show_genres AS link ON link.genre_id = g.id
         GROUP BY g.id, g.name
         ORDER BY g.name"
    )]
    async fn with_counts(&self) -> Result<Vec<GenreCount>>;
}
