//! What the search keeps beside the shows, and what it finds.

use std::cmp::Reverse;

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

impl NewTitleWords {
    /// The words in the order in which they are written: the newest first.
    ///
    /// That is the order of the full-text index on SQLite, which writes out what it has collected whenever a row comes
    /// that stands before the one that came last. In any other order a batch takes ten times as long.
    #[must_use]
    pub fn in_order(words: impl IntoIterator<Item = NewTitleWords>) -> Vec<NewTitleWords> {
        let mut words: Vec<NewTitleWords> = words.into_iter().collect();
        words.sort_by_key(|one| Reverse(one.release_year));
        words
    }
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
