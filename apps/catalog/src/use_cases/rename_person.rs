//! Another name for somebody, under which the shows are found from then on.

use shelfmark::Result;

use crate::domain::words_of;
use crate::repositories::{Actors, Directors};

/// Renames a director; whether there is one of the id. Call it inside of a transaction.
///
/// # Errors
/// A unique violation of `directors_name_key` when somebody has the name.
pub async fn rename_director(directors: &impl Directors, id: i64, name: &str) -> Result<bool> {
    // Another name takes the words away that belong to the old one.
    let is_there = directors.rename(id, name).await?;
    directors.keep_words(id, &words_of(name)).await?;
    Ok(is_there)
}

/// Renames an actor; whether there is one of the id. Call it inside of a transaction.
///
/// # Errors
/// A unique violation of `actors_name_key` when somebody has the name.
pub async fn rename_actor(actors: &impl Actors, id: i64, name: &str) -> Result<bool> {
    let is_there = actors.rename(id, name).await?;
    actors.keep_words(id, &words_of(name)).await?;
    Ok(is_there)
}
