//! What a list of shows can be narrowed to and sorted by.

use serde::Deserialize;
use shelfmark::prelude::*;

use crate::domain::{SearchWords, Show, ShowKind};

/// What a list of shows is narrowed to; everything may be left out.
#[derive(Filters, Clone, Debug, Default, Deserialize)]
#[filters(Show)]
#[serde(default, deny_unknown_fields)]
pub struct ShowFilters {
    /// Only films or only series.
    #[filter(eq, column = r#type)]
    #[serde(rename = "type")]
    pub kind: Option<ShowKind>,
    /// Only this age rating.
    #[filter(eq)]
    pub rating: Option<String>,
    /// Only this genre, by its whole name.
    #[filter(
        sql = "EXISTS (SELECT 1 FROM show_genres AS l JOIN genres AS n ON n.id = l.genre_id
                            WHERE l.show_id = {table}.show_id AND n.name = :genre)"
    )]
    pub genre: Option<String>,
    /// Only this director, by the whole name.
    #[filter(
        sql = "EXISTS (SELECT 1 FROM show_directors AS l JOIN directors AS n ON n.id = l.director_id
                            WHERE l.show_id = {table}.show_id AND n.name = :director)"
    )]
    pub director: Option<String>,
    /// Only this country, by its whole name.
    #[filter(
        sql = "EXISTS (SELECT 1 FROM show_countries AS l JOIN countries AS n ON n.id = l.country_id
                            WHERE l.show_id = {table}.show_id AND n.name = :country)"
    )]
    pub country: Option<String>,
    /// Only from this year on.
    #[filter(ge, column = release_year)]
    pub year_from: Option<i32>,
    /// Only up to this year.
    #[filter(le, column = release_year)]
    pub year_to: Option<i32>,
    /// Only shows that have all words of this in the title, or in the name of a director or an actor; the last word may be
    /// the beginning of one. What has no letter and no digit finds nothing.
    ///
    /// Answered from the indexes of words; the cost grows with the number of matches, unlike that of a search.
    #[filter(
        sqlite(file = "src/repositories/sql/found_by_words.sqlite.sql"),
        postgres(file = "src/repositories/sql/found_by_words.postgres.sql"),
        with(words: String = |text| words_typed(text))
    )]
    pub q: Option<String>,
}

/// The words that are looked for, or a mark that is no word, which nothing has.
fn words_typed(text: &str) -> String {
    SearchWords::typed(text).map_or_else(|| "-".to_owned(), |words| words.as_str().to_owned())
}

/// What shows can be sorted by. Ties are broken by the key.
#[derive(SortBy, Clone, Copy, Debug, PartialEq, Eq)]
#[sort(Show)]
pub enum ShowSort {
    /// The year in which they came out.
    ReleaseYear,
    /// The title without regard to case and accents.
    #[sort(column = title_folded)]
    Title,
}
