//! The SQL of the catalogue, and nothing but: one repository per table.

mod actors;
mod countries;
mod directors;
mod genres;
mod show_filters;
mod shows;
mod tables;
mod titles;

pub use actors::{Actors, ActorsExt};
pub use countries::{Countries, CountriesExt};
pub use directors::{Directors, DirectorsExt};
pub use genres::{Genres, GenresExt};
pub use show_filters::{ShowFilters, ShowSort};
pub use shows::{Shows, ShowsExt};
pub use tables::{Tables, TablesExt};
pub use titles::{Titles, TitlesExt};
