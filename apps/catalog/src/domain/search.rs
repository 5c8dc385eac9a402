//! What the search keeps beside the shows, and what it finds.

use shelfmark::prelude::*;

use super::search_words::words_of;
use super::show::NewShow;

/// The words of a show's title.
#[derive(Entity, Clone, Debug, PartialEq, Eq)]
#[entity(table = "search_titles")]
pub struct TitleWords {
    /// In the order of arrival.
    #[id(generated)]
    pub n: i64,
    /// The show.
    #[unique]
    pub show_id: String,
    /// The year of the show: the newest matches come first.
    pub release_year: i32,
    /// The words of its title.
    pub words: String,
}

/// The words of a title to be added or replaced.
#[derive(Insert, Clone, Debug)]
#[insert(TitleWords)]
pub struct NewTitleWords {
    /// The show.
    pub show_id: String,
    /// Its year.
    pub release_year: i32,
    /// The words of its title.
    pub words: String,
}

impl From<&NewShow> for NewTitleWords {
    fn from(show: &NewShow) -> Self {
        NewTitleWords {
            show_id: show.show_id.clone(),
            release_year: show.release_year,
            words: words_of(&show.title_folded),
        }
    }
}

/// A show that was found, as far as its place among others depends on it.
#[derive(FromRow, Clone, Debug, PartialEq, Eq)]
pub struct TitleMatch {
    /// The show.
    pub show_id: String,
    /// Its year.
    pub release_year: i32,
    /// Its place among those of the same year.
    pub n: i64,
}

/// Somebody of a show, with the words of the name.
#[derive(FromRow, Clone, Debug, PartialEq, Eq)]
pub struct PersonMatch {
    /// The show.
    pub show_id: String,
    /// The name.
    pub name: String,
    /// Its words.
    pub name_words: Option<String>,
}
