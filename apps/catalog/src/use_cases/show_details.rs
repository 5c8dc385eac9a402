//! One show with everything that is known of it.

use shelfmark::Result;
use tokio::try_join;

use crate::domain::ShowDetails;
use crate::repositories::{Actors, Countries, Directors, Genres, Shows};

/// The show of a key with its directors, cast, genres and countries, if there is one.
///
/// # Errors
/// What a statement fails with.
pub async fn show_details(
    shows: &impl Shows,
    directors: &impl Directors,
    actors: &impl Actors,
    genres: &impl Genres,
    countries: &impl Countries,
    show_id: &str,
) -> Result<Option<ShowDetails>> {
    let Some(show) = shows.find(show_id).await? else {
        return Ok(None);
    };
    let (directors, actors, genres, countries) = try_join!(
        directors.of_show(show_id),
        actors.of_show(show_id),
        genres.of_show(show_id),
        countries.of_show(show_id),
    )?;
    Ok(Some(ShowDetails {
        show,
        directors,
        actors,
        genres,
        countries,
    }))
}
