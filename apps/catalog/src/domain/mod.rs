//! What the catalogue is about, as types and rules. Nothing in here knows of HTTP or of a file's layout.

mod fold;
mod kind;
pub mod limits;
mod names;
mod search;
mod search_words;
mod show;
mod show_page;
mod stored;
mod text;

pub use fold::fold;
pub use kind::ShowKind;
pub use names::{
    Actor, Country, Director, Genre, GenreCount, NewActor, NewCountry, NewDirector, NewGenre,
    ShowActor, ShowCountry, ShowDirector, ShowGenre,
};
pub use search::{NewTitleWords, PersonMatch, TitleMatch, TitleWords};
pub use search_words::{SearchWords, words_of};
pub use show::{NewShow, Show, ShowDetails, ShowPatch, ShowRecord, YearCount};
pub use show_page::{Name, ShowPage};
pub use stored::{
    StoredActor, StoredCountry, StoredDirector, StoredGenre, StoredShow, StoredTitle,
};
pub(crate) use text::{is_direction_mark, is_invisible, same_name};
pub use text::{tidy, tidy_lines};
