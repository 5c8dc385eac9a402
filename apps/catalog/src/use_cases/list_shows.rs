//! A page of shows by filters and order.

use shelfmark::Result;

use crate::domain::{SearchWords, Show, ShowKind};
use crate::repositories::Shows;

/// What a list is asked for.
#[derive(Clone, Debug, Default)]
pub struct ListShows {
    /// Only films or only series.
    pub kind: Option<ShowKind>,
    /// Only this age rating.
    pub rating: Option<String>,
    /// Only this genre, by its whole name.
    pub genre: Option<String>,
    /// Only this director, by the whole name.
    pub director: Option<String>,
    /// Only this country, by its whole name.
    pub country: Option<String>,
    /// Only from this year on.
    pub year_from: Option<i32>,
    /// Only up to this year.
    pub year_to: Option<i32>,
    /// Only shows that have all words of this in the title, or in the name of a director or an actor; the last word may be
    /// the beginning of one. A text of white space alone is none; one without a letter and a digit finds nothing.
    pub text: Option<String>,
}

/// The orders in which shows can be listed. Ties are broken by the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShowOrder {
    /// By year, the newest first.
    NewestFirst,
    /// By year, the oldest first.
    OldestFirst,
    /// By title, from A.
    Title,
    /// By title, from Z.
    TitleBackwards,
}

/// The row that a page begins after.
#[derive(Clone, Debug)]
pub enum After {
    /// In an order by year.
    Year(i32, String),
    /// In an order by title.
    Title(String, String),
}

/// At most `limit` shows that fit, beginning after the row `after`.
///
/// # Errors
/// What the statement fails with.
pub async fn list_shows(
    shows: &impl Shows,
    wanted: &ListShows,
    order: ShowOrder,
    after: Option<&After>,
    limit: i64,
) -> Result<Vec<Show>> {
    let text = wanted
        .text
        .as_deref()
        .filter(|text| !text.trim().is_empty());
    let words = text.map(SearchWords::typed);
    if words == Some(None) {
        return Ok(Vec::new());
    }
    let words = words.flatten();
    let (year, title, id) = match after {
        Some(After::Year(year, id)) => (Some(*year), None, Some(id.as_str())),
        Some(After::Title(title, id)) => (None, Some(title.as_str()), Some(id.as_str())),
        None => (None, None, None),
    };
    let (rating, genre) = (wanted.rating.as_deref(), wanted.genre.as_deref());
    let (director, country) = (wanted.director.as_deref(), wanted.country.as_deref());
    let (kind, from, to, words) = (
        wanted.kind,
        wanted.year_from,
        wanted.year_to,
        words.as_ref().map(SearchWords::as_str),
    );
    match order {
        ShowOrder::NewestFirst => {
            shows
                .newest_first(
                    kind, rating, genre, director, country, from, to, words, year, id, limit,
                )
                .await
        }
        ShowOrder::OldestFirst => {
            shows
                .oldest_first(
                    kind, rating, genre, director, country, from, to, words, year, id, limit,
                )
                .await
        }
        ShowOrder::Title => {
            shows
                .by_title(
                    kind, rating, genre, director, country, from, to, words, title, id, limit,
                )
                .await
        }
        ShowOrder::TitleBackwards => {
            shows
                .by_title_backwards(
                    kind, rating, genre, director, country, from, to, words, title, id, limit,
                )
                .await
        }
    }
}
