//! The limit on SQLite: the normalized rows, with their ids, by prepared statements in one transaction, found by their words
//! at its end as they are after an import.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::generate::{Catalogue, LINKS};

/// Stores the whole catalogue.
pub(crate) fn load(path: &Path, catalogue: &Catalogue) -> anyhow::Result<()> {
    let mut connection = Connection::open(path)?;
    // As durable and as checked as the library makes it; the file is in WAL mode already.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")?;
    let whole = connection.transaction()?;
    for link in LINKS {
        let names = (1_i64..).zip((link.list)(catalogue).with_words());
        if link.has_words {
            let into = format!(
                "INSERT INTO {} (id, name, name_words) VALUES (?1, ?2, ?3)",
                link.names
            );
            let mut insert = whole.prepare(&into)?;
            for (id, (name, words)) in names {
                insert.execute(params![id, name, words])?;
            }
        } else {
            let into = format!("INSERT INTO {} (id, name) VALUES (?1, ?2)", link.names);
            let mut insert = whole.prepare(&into)?;
            for (id, (name, _)) in names {
                insert.execute(params![id, name])?;
            }
        }
    }
    let mut insert = whole.prepare(
        "INSERT INTO shows (show_id, type, title, title_folded, date_added, release_year, rating, duration, \
         description) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for show in &catalogue.shows {
        let added = show.date_added;
        insert.execute(params![
            show.show_id,
            show.kind,
            show.title,
            show.title_folded,
            added.map(|at| format!("{:04}-{:02}-{:02}", at.year, at.month, at.day)),
            show.release_year,
            show.rating,
            show.duration,
            show.description,
        ])?;
    }
    drop(insert);
    let into = "INSERT INTO search_titles (show_id, release_year, words) VALUES (?1, ?2, ?3)";
    let mut insert = whole.prepare(into)?;
    for show in &catalogue.shows {
        insert.execute(params![show.show_id, show.release_year, show.title_words])?;
    }
    drop(insert);
    for link in LINKS {
        let into = format!(
            "INSERT INTO {} (show_id, {}, position) VALUES (?1, ?2, ?3)",
            link.table, link.column
        );
        let mut insert = whole.prepare(&into)?;
        for show in &catalogue.shows {
            for (position, id) in (0_i64..).zip((link.of)(show)) {
                insert.execute(params![show.show_id, id, position])?;
            }
        }
    }
    // What was collected goes into the full-text indexes.
    whole.execute("DELETE FROM search_pending", [])?;
    Ok(whole.commit()?)
}
