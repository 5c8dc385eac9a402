//! The rows of the tables as they are stored, keys and search words included: what a backup holds.
//!
//! A column that is added later gets `#[serde(default)]`, so that older backups stay readable.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

use super::kind::ShowKind;
use super::names::{Actor, Country, Director, Genre};
use super::search::TitleWords;
use super::show::Show;

/// A row of `shows`.
#[derive(FromRow, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[insert(Show)]
#[serde(deny_unknown_fields)]
pub struct StoredShow {
    /// The key.
    pub show_id: String,
    /// A film or a series.
    #[serde(rename = "type")]
    pub kind: ShowKind,
    /// The title as it is shown.
    pub title: String,
    /// The title as it is sorted.
    pub title_folded: String,
    /// When it came into the catalogue.
    pub date_added: Option<Date>,
    /// When it came out.
    pub release_year: i32,
    /// The age it is meant for.
    pub rating: Option<String>,
    /// `121 min` or `3 Seasons`.
    pub duration: Option<String>,
    /// What it is about.
    pub description: Option<String>,
}

/// A row of `directors`.
#[derive(FromRow, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[insert(Director)]
#[serde(deny_unknown_fields)]
pub struct StoredDirector {
    /// The key.
    pub id: i64,
    /// As written in the source.
    pub name: String,
    /// The name as it is searched, if somebody has looked at it.
    pub name_words: Option<String>,
}

/// A row of `actors`.
#[derive(FromRow, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[insert(Actor)]
#[serde(deny_unknown_fields)]
pub struct StoredActor {
    /// The key.
    pub id: i64,
    /// As written in the source.
    pub name: String,
    /// The name as it is searched, if somebody has looked at it.
    pub name_words: Option<String>,
}

/// A row of `genres`.
#[derive(FromRow, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[insert(Genre)]
#[serde(deny_unknown_fields)]
pub struct StoredGenre {
    /// The key.
    pub id: i64,
    /// As written in the source.
    pub name: String,
}

/// A row of `countries`.
#[derive(FromRow, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[insert(Country)]
#[serde(deny_unknown_fields)]
pub struct StoredCountry {
    /// The key.
    pub id: i64,
    /// As written in the source.
    pub name: String,
}

/// A row of `search_titles`.
#[derive(FromRow, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[insert(TitleWords)]
#[serde(deny_unknown_fields)]
pub struct StoredTitle {
    /// In the order of arrival.
    pub n: i64,
    /// The show.
    pub show_id: String,
    /// The year of the show.
    pub release_year: i32,
    /// The words of its title.
    pub words: String,
}
