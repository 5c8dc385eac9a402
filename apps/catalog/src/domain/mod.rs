//! What the catalogue is about, as types. Nothing in here knows of HTTP or of a file's layout.

mod fold;
mod names;
mod show;

pub use fold::fold;
pub use names::{
    Actor, Country, Director, Genre, GenreCount, NewActor, NewCountry, NewDirector, NewGenre,
    ShowActor, ShowCountry, ShowDirector, ShowGenre,
};
pub use show::{NewShow, Show, ShowDetails, ShowKind, ShowRecord, YearCount};
