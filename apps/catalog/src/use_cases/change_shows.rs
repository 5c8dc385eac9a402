//! A client's change to one show.

use std::slice;

use shelfmark::Error;
use thiserror::Error as DomainError;

use super::save_shows::complete;
use crate::domain::{Show, ShowRecord};
use crate::repositories::{Actors, Countries, Directors, Genres, Shows, Titles};

/// Why a change was refused.
#[derive(Debug, DomainError)]
pub enum ChangeError {
    /// A show of this key is there already.
    #[error("a show with the id `{0}` exists already")]
    Taken(String),
    /// There is no show of this key.
    #[error("there is no show with the id `{0}`")]
    Unknown(String),
    /// A statement failed.
    #[error(transparent)]
    Database(#[from] Error),
}

/// Adds a show with its names. Call it inside of a transaction.
///
/// # Errors
/// `Taken` when its key is in use.
pub async fn add_show(
    shows: &impl Shows,
    titles: &impl Titles,
    directors: &impl Directors,
    actors: &impl Actors,
    genres: &impl Genres,
    countries: &impl Countries,
    record: &ShowRecord,
) -> Result<(), ChangeError> {
    // The insert, not a look before it, decides whether the key is free: two clients may ask at once.
    match shows.insert(&record.show).await {
        Err(error) if error.violates(Show::PRIMARY_KEY) => {
            return Err(ChangeError::Taken(record.show.show_id.clone()));
        }
        inserted => inserted?,
    };
    Ok(complete(
        titles,
        directors,
        actors,
        genres,
        countries,
        slice::from_ref(record),
    )
    .await?)
}

/// Replaces a show and its names. Call it inside of a transaction.
///
/// # Errors
/// `Unknown` when there is no show of its key.
pub async fn replace_show(
    shows: &impl Shows,
    titles: &impl Titles,
    directors: &impl Directors,
    actors: &impl Actors,
    genres: &impl Genres,
    countries: &impl Countries,
    record: &ShowRecord,
) -> Result<(), ChangeError> {
    match shows.update(&Show::from(record.show.clone())).await {
        Err(error) if error.is_not_found() => {
            return Err(ChangeError::Unknown(record.show.show_id.clone()));
        }
        updated => updated?,
    };
    Ok(complete(
        titles,
        directors,
        actors,
        genres,
        countries,
        slice::from_ref(record),
    )
    .await?)
}
