//! A page of shows by filters and order.

use shelfmark::Result;

use crate::domain::{Show, ShowKind, fold};
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
    /// Only titles that contain this, without regard to case and accents.
    pub title: Option<String>,
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
    let pattern = wanted.title.as_deref().map(contains);
    let (year, title, id) = match after {
        Some(After::Year(year, id)) => (Some(*year), None, Some(id.as_str())),
        Some(After::Title(title, id)) => (None, Some(title.as_str()), Some(id.as_str())),
        None => (None, None, None),
    };
    let (rating, genre) = (wanted.rating.as_deref(), wanted.genre.as_deref());
    let (director, country) = (wanted.director.as_deref(), wanted.country.as_deref());
    let (kind, from, to, pattern) = (
        wanted.kind,
        wanted.year_from,
        wanted.year_to,
        pattern.as_deref(),
    );
    match order {
        ShowOrder::NewestFirst => {
            shows
                .newest_first(
                    kind, rating, genre, director, country, from, to, pattern, year, id, limit,
                )
                .await
        }
        ShowOrder::OldestFirst => {
            shows
                .oldest_first(
                    kind, rating, genre, director, country, from, to, pattern, year, id, limit,
                )
                .await
        }
        ShowOrder::Title => {
            shows
                .by_title(
                    kind, rating, genre, director, country, from, to, pattern, title, id, limit,
                )
                .await
        }
        ShowOrder::TitleBackwards => {
            shows
                .by_title_backwards(
                    kind, rating, genre, director, country, from, to, pattern, title, id, limit,
                )
                .await
        }
    }
}

/// The LIKE pattern of titles that contain `text`, whose own wildcards are escaped with `!`.
fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in fold(text).chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_are_letters() {
        assert_eq!(contains("100% Ré_al!"), "%100!% re!_al!!%");
    }
}
