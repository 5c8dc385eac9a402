//! The table `actors` and what joins it to the shows.

use shelfmark::prelude::*;

use crate::domain::{Actor, NewActor, ShowActor};

/// Who appears in a show.
#[repository(entity = Actor)]
pub trait Actors {
    /// Adds the names that are not there yet.
    #[insert_many(on_conflict = "ignore")]
    async fn add_missing(&self, new: &[NewActor]) -> Result<u64>;

    /// The actors of these names.
    #[query("SELECT {*} FROM actors WHERE name IN (:names)")]
    async fn by_names(&self, names: &[String]) -> Result<Vec<Actor>>;

    /// The actors of a show, in the order of its source.
    #[query(
        "SELECT {n.*} FROM actors AS n
         JOIN show_actors AS link ON link.actor_id = n.id
         WHERE link.show_id = :show_id
         ORDER BY link.position, n.id"
    )]
    async fn of_show(&self, show_id: &str) -> Result<Vec<Actor>>;

    /// Joins shows to actors.
    #[insert_many]
    async fn link(&self, links: &[ShowActor]) -> Result<u64>;

    /// Parts shows from all their actors.
    #[exec("DELETE FROM show_actors WHERE show_id IN (:show_ids)")]
    async fn unlink(&self, show_ids: &[String]) -> Result<u64>;
}
