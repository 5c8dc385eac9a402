//! People, countries and genres: names that shows share.

use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

use super::search_words::words_of;
use super::show::Show;

/// Who directed a show.
#[derive(Entity, Clone, Debug, PartialEq, Eq, Serialize)]
#[entity(table = "directors")]
pub struct Director {
    /// Given by the database.
    #[id(generated)]
    pub id: i64,
    /// As written in the source; unique.
    #[unique]
    pub name: String,
    /// The name as it is searched; none where nobody has looked at it since it was changed by hand.
    #[serde(skip)]
    pub name_words: Option<String>,
}

/// A name to be added to the directors.
#[derive(Insert, Clone, Debug)]
#[insert(Director)]
pub struct NewDirector {
    /// As written in the source.
    pub name: String,
    /// The name as it is searched: [`words_of`] the name.
    pub name_words: Option<String>,
}

impl NewDirector {
    /// The name with its words.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            name_words: Some(words_of(name)),
        }
    }
}

/// One of a show's directors.
#[derive(Entity, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[entity(table = "show_directors", key = (show_id, director_id))]
#[insert(ShowDirector)]
#[serde(deny_unknown_fields)]
pub struct ShowDirector {
    /// The show.
    #[belongs_to(Show)]
    pub show_id: String,
    /// The director.
    #[belongs_to(Director)]
    pub director_id: i64,
    /// The place in the source's list, from 0.
    pub position: i32,
}

/// Who appears in a show.
#[derive(Entity, Clone, Debug, PartialEq, Eq, Serialize)]
#[entity(table = "actors")]
pub struct Actor {
    /// Given by the database.
    #[id(generated)]
    pub id: i64,
    /// As written in the source; unique.
    #[unique]
    pub name: String,
    /// The name as it is searched; none where nobody has looked at it since it was changed by hand.
    #[serde(skip)]
    pub name_words: Option<String>,
}

/// A name to be added to the actors.
#[derive(Insert, Clone, Debug)]
#[insert(Actor)]
pub struct NewActor {
    /// As written in the source.
    pub name: String,
    /// The name as it is searched: [`words_of`] the name.
    pub name_words: Option<String>,
}

impl NewActor {
    /// The name with its words.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            name_words: Some(words_of(name)),
        }
    }
}

/// One of a show's actors.
#[derive(Entity, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[entity(table = "show_actors", key = (show_id, actor_id))]
#[insert(ShowActor)]
#[serde(deny_unknown_fields)]
pub struct ShowActor {
    /// The show.
    #[belongs_to(Show)]
    pub show_id: String,
    /// The actor.
    #[belongs_to(Actor)]
    pub actor_id: i64,
    /// The place in the source's list, from 0.
    pub position: i32,
}

/// What kind of show it is.
#[derive(Entity, Clone, Debug, PartialEq, Eq, Serialize)]
#[entity(table = "genres")]
pub struct Genre {
    /// Given by the database.
    #[id(generated)]
    pub id: i64,
    /// As written in the source; unique.
    #[unique]
    pub name: String,
}

/// A name to be added to the genres.
#[derive(Insert, Clone, Debug)]
#[insert(Genre)]
pub struct NewGenre {
    /// As written in the source.
    pub name: String,
}

impl NewGenre {
    /// The name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }
}

/// One of a show's genres.
#[derive(Entity, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[entity(table = "show_genres", key = (show_id, genre_id))]
#[insert(ShowGenre)]
#[serde(deny_unknown_fields)]
pub struct ShowGenre {
    /// The show.
    #[belongs_to(Show)]
    pub show_id: String,
    /// The genre.
    #[belongs_to(Genre)]
    pub genre_id: i64,
    /// The place in the source's list, from 0.
    pub position: i32,
}

/// Where a show was made.
#[derive(Entity, Clone, Debug, PartialEq, Eq, Serialize)]
#[entity(table = "countries")]
pub struct Country {
    /// Given by the database.
    #[id(generated)]
    pub id: i64,
    /// As written in the source; unique.
    #[unique]
    pub name: String,
}

/// A name to be added to the countries.
#[derive(Insert, Clone, Debug)]
#[insert(Country)]
pub struct NewCountry {
    /// As written in the source.
    pub name: String,
}

impl NewCountry {
    /// The name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }
}

/// One of a show's countries.
#[derive(Entity, Insert, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[entity(table = "show_countries", key = (show_id, country_id))]
#[insert(ShowCountry)]
#[serde(deny_unknown_fields)]
pub struct ShowCountry {
    /// The show.
    #[belongs_to(Show)]
    pub show_id: String,
    /// The country.
    #[belongs_to(Country)]
    pub country_id: i64,
    /// The place in the source's list, from 0.
    pub position: i32,
}

/// A genre and how many shows it has.
#[derive(FromRow, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenreCount {
    /// The genre's id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// How many shows it has.
    pub shows: i64,
}
