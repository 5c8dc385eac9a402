//! The table `countries` and what joins it to the shows.

use shelfmark::prelude::*;

use crate::domain::{Country, NewCountry, ShowCountry};

/// Where a show was made.
#[repository(entity = Country)]
pub trait Countries {
    /// Adds the names that are not there yet.
    #[insert_many(on_conflict = "ignore")]
    async fn add_missing(&self, new: &[NewCountry]) -> Result<u64>;

    /// The countries of these names.
    #[query("SELECT {*} FROM countries WHERE name IN (:names)")]
    async fn by_names(&self, names: &[String]) -> Result<Vec<Country>>;

    /// Joins shows to countries.
    #[insert_many]
    async fn link(&self, links: &[ShowCountry]) -> Result<u64>;

    /// Parts shows from all their countries.
    #[exec("DELETE FROM show_countries WHERE show_id IN (:show_ids)")]
    async fn unlink(&self, show_ids: &[String]) -> Result<u64>;
}
