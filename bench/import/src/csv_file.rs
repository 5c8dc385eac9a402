//! The generated catalogue in the layout that people have: one line per show, several names in one field.

use std::path::Path;

use anyhow::Context as _;

use crate::generate::{Catalogue, Day};
use crate::names::Names;

/// The columns of the published file.
pub(crate) const HEADER: [&str; 12] = [
    "show_id",
    "type",
    "title",
    "director",
    "cast",
    "country",
    "date_added",
    "release_year",
    "rating",
    "duration",
    "listed_in",
    "description",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Writes the file and gives its length in bytes.
pub(crate) fn write(catalogue: &Catalogue, path: &Path) -> anyhow::Result<u64> {
    let mut file = csv::Writer::from_path(path)?;
    file.write_record(HEADER)?;
    for show in &catalogue.shows {
        file.write_record([
            show.show_id.as_str(),
            show.kind,
            &show.title,
            &joined(&catalogue.directors, &show.directors),
            &joined(&catalogue.actors, &show.actors),
            &joined(&catalogue.countries, &show.countries),
            &show.date_added.map(in_words).unwrap_or_default(),
            &show.release_year.to_string(),
            show.rating.unwrap_or_default(),
            &show.duration,
            &joined(&catalogue.genres, &show.genres),
            &show.description,
        ])?;
    }
    file.flush()?;
    Ok(path
        .metadata()
        .context("can't read the length of the file")?
        .len())
}

/// A file with nothing but the header: importing it makes the tables.
pub(crate) fn write_header(path: &Path) -> anyhow::Result<()> {
    let mut file = csv::Writer::from_path(path)?;
    file.write_record(HEADER)?;
    Ok(file.flush()?)
}

fn joined(names: &Names, ids: &[u32]) -> String {
    let names: Vec<&str> = ids.iter().map(|id| names.name(*id)).collect();
    names.join(", ")
}

/// `September 25, 2021`.
fn in_words(date: Day) -> String {
    let month = MONTHS
        .get(usize::from(date.month).saturating_sub(1))
        .unwrap_or(&"");
    format!("{month} {}, {}", date.day, date.year)
}
