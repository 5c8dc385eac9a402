//! The shows, their people and their words into an SQLite file, in one transaction.

use std::path::Path;

use catalog::domain::words_of;
use rusqlite::{Connection, params};

use crate::generate::Catalogue;
use crate::people::{People, Role};

/// Loads everything that a search looks at. The triggers of the catalogue fill the full-text indexes.
pub(crate) fn load(path: &Path, catalogue: &Catalogue, people: &People) -> anyhow::Result<()> {
    let mut connection = Connection::open(path)?;
    // What is loaded is lost with the benchmark, and holds by how it was made.
    connection.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -262144",
    )?;
    let whole = connection.transaction()?;
    {
        let mut show = whole.prepare(
            "INSERT INTO shows (show_id, type, title, title_folded, release_year, rating, duration, description) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut words = whole.prepare(
            "INSERT INTO search_titles (show_id, release_year, words) VALUES (?1, ?2, ?3)",
        )?;
        for one in &catalogue.shows {
            show.execute(params![
                one.show_id,
                one.kind,
                one.title,
                one.title_folded,
                one.release_year,
                one.rating,
                one.duration,
                one.description,
            ])?;
            words.execute(params![one.show_id, one.release_year, words_of(&one.title)])?;
        }
        load_role(&whole, "director", &people.directors, catalogue)?;
        load_role(&whole, "actor", &people.actors, catalogue)?;
        whole.execute("DELETE FROM search_pending", [])?;
    }
    whole.commit()?;
    connection.execute_batch("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

fn load_role(
    at: &Connection,
    kind: &str,
    role: &Role,
    catalogue: &Catalogue,
) -> anyhow::Result<()> {
    let mut name = at.prepare(&format!(
        "INSERT INTO {kind}s (id, name, name_words) VALUES (?1, ?2, ?3)"
    ))?;
    for (id, one) in (1_i64..).zip(&role.names) {
        name.execute(params![id, one, words_of(one)])?;
    }
    let mut link = at.prepare(&format!(
        "INSERT INTO show_{kind}s (show_id, {kind}_id, position) VALUES (?1, ?2, ?3)"
    ))?;
    for (show, ids) in catalogue.shows.iter().zip(&role.of_shows) {
        for (position, id) in (0_i64..).zip(ids) {
            link.execute(params![show.show_id, id, position])?;
        }
    }
    Ok(())
}
