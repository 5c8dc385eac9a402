//! A show as it is looked at: what the page shows of it, and nothing that only searches need.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shelfmark::Shape;

use super::{ShowDetails, ShowKind};

/// A show with everything that is shown of it.
#[derive(Shape, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowPage {
    /// The key.
    pub show_id: String,
    /// A film or a series.
    #[serde(rename = "type")]
    pub kind: ShowKind,
    /// The title.
    pub title: String,
    /// The day on which it came into the catalogue.
    pub date_added: Option<Date>,
    /// The year in which it came out.
    pub release_year: i32,
    /// For whom it is.
    pub rating: Option<String>,
    /// How long it is, as the source says.
    pub duration: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Its directors, in the order of the source.
    pub directors: Vec<Name>,
    /// Its cast, in the order of the source.
    pub actors: Vec<Name>,
    /// Its genres, in the order of the source.
    pub genres: Vec<Name>,
    /// Its countries, in the order of the source.
    pub countries: Vec<Name>,
}

/// Somebody or something that a show is joined to.
#[derive(Shape, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The key.
    pub id: i64,
    /// What it is called.
    pub name: String,
}

impl From<ShowDetails> for ShowPage {
    fn from(details: ShowDetails) -> ShowPage {
        let show = details.show;
        // The four types have the same two fields.
        macro_rules! names {
            ($field:ident) => {
                details
                    .$field
                    .into_iter()
                    .map(|one| Name {
                        id: one.id,
                        name: one.name,
                    })
                    .collect()
            };
        }
        ShowPage {
            show_id: show.show_id,
            kind: show.kind,
            title: show.title,
            date_added: show.date_added,
            release_year: show.release_year,
            rating: show.rating,
            duration: show.duration,
            description: show.description,
            directors: names!(directors),
            actors: names!(actors),
            genres: names!(genres),
            countries: names!(countries),
        }
    }
}
