//! Films and series.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

use super::kind::ShowKind;
use super::names::{
    Actor, Country, Director, Genre, ShowActor, ShowCountry, ShowDirector, ShowGenre,
};

/// A film or a series.
#[derive(Entity, Clone, Debug, PartialEq, Eq, Serialize)]
#[entity(table = "shows")]
pub struct Show {
    /// The key its source gave it.
    #[id]
    pub show_id: String,
    /// A film or a series.
    #[column("type")]
    #[serde(rename = "type")]
    pub kind: ShowKind,
    /// The title as it is shown.
    pub title: String,
    /// The title as it is searched and sorted.
    #[serde(skip)]
    pub title_folded: String,
    /// When it came into the catalogue.
    pub date_added: Option<Date>,
    /// When it came out.
    pub release_year: i32,
    /// The age it is meant for, such as `PG-13`.
    pub rating: Option<String>,
    /// `121 min` or `3 Seasons`.
    pub duration: Option<String>,
    /// What it is about.
    pub description: Option<String>,
}

/// A show to be added or replaced.
#[derive(Insert, Clone, Debug)]
#[insert(Show)]
pub struct NewShow {
    /// The key.
    pub show_id: String,
    /// A film or a series.
    pub kind: ShowKind,
    /// The title as it is shown.
    pub title: String,
    /// The title as it is searched and sorted: [`fold`](super::fold) of the title.
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

impl From<NewShow> for Show {
    fn from(new: NewShow) -> Show {
        Show {
            show_id: new.show_id,
            kind: new.kind,
            title: new.title,
            title_folded: new.title_folded,
            date_added: new.date_added,
            release_year: new.release_year,
            rating: new.rating,
            duration: new.duration,
            description: new.description,
        }
    }
}

/// What is changed of a show; what is absent stays as it is, and null takes away what is there.
#[derive(Patch, Clone, Debug, Default, Deserialize)]
#[patch(Show)]
#[serde(default, deny_unknown_fields)]
pub struct ShowPatch {
    /// When it came into the catalogue.
    pub date_added: Change<Option<Date>>,
    /// The age it is meant for.
    pub rating: Change<Option<String>>,
    /// `121 min` or `3 Seasons`.
    pub duration: Change<Option<String>>,
    /// What it is about.
    pub description: Change<Option<String>>,
}

/// A show with the names it is described with, in order: what an import or a client hands over.
#[derive(Clone, Debug)]
pub struct ShowRecord {
    /// The show itself.
    pub show: NewShow,
    /// Its directors.
    pub directors: Vec<String>,
    /// Its cast.
    pub actors: Vec<String>,
    /// Its genres.
    pub genres: Vec<String>,
    /// Its countries.
    pub countries: Vec<String>,
}

/// A show with everything that is known of it.
#[derive(View, Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShowDetails {
    /// The show itself.
    #[view(root)]
    #[serde(flatten)]
    pub show: Show,
    /// Its directors, in the order of the source.
    #[view(many, through = ShowDirector, order = "position")]
    pub directors: Vec<Director>,
    /// Its cast, in the order of the source.
    #[view(many, through = ShowActor, order = "position")]
    pub actors: Vec<Actor>,
    /// Its genres, in the order of the source.
    #[view(many, through = ShowGenre, order = "position")]
    pub genres: Vec<Genre>,
    /// Its countries, in the order of the source.
    #[view(many, through = ShowCountry, order = "position")]
    pub countries: Vec<Country>,
}

/// How many shows came out in a year.
#[derive(FromRow, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct YearCount {
    /// The year.
    pub release_year: i32,
    /// How many came out in it.
    pub shows: i64,
}
