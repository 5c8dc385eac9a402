//! What a database holds, as one number per table: equal numbers, equal rows.
//!
//! The generated catalogue is one source of them, a database that a contestant has filled the other. Ids differ between
//! contestants, so names stand for them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use anyhow::{bail, ensure};
use futures_util::TryStreamExt as _;
use rusqlite::Connection;

use crate::generate::{Catalogue, LINKS, Show};
use crate::raw_copy::connected;

/// The rows of every table, in short.
#[derive(Debug, Default)]
pub(crate) struct Contents(Vec<Table>);

#[derive(Debug, PartialEq, Eq)]
struct Table {
    name: &'static str,
    rows: u64,
    hash: u64,
}

/// Takes rows in and gives the [`Table`].
struct Digest {
    rows: u64,
    hash: DefaultHasher,
}

impl Contents {
    /// Fails with the first table that is not the same.
    pub(crate) fn hold_against(&self, found: &Contents) -> anyhow::Result<()> {
        for (wanted, found) in self.0.iter().zip(&found.0) {
            if wanted.rows != found.rows {
                bail!(
                    "{} has {} rows, not {}",
                    found.name,
                    found.rows,
                    wanted.rows
                );
            }
            if wanted != found {
                bail!("{} has other rows than were generated", found.name);
            }
        }
        Ok(())
    }
}

impl Digest {
    fn new() -> Self {
        Digest {
            rows: 0,
            hash: DefaultHasher::new(),
        }
    }

    fn row<'t>(&mut self, fields: impl IntoIterator<Item = Option<&'t str>>) {
        self.rows += 1;
        for field in fields {
            field.hash(&mut self.hash);
        }
    }

    fn table(self, name: &'static str) -> Table {
        Table {
            name,
            rows: self.rows,
            hash: self.hash.finish(),
        }
    }
}

/// What the generated catalogue must become.
pub(crate) fn of_generated(catalogue: &Catalogue) -> Contents {
    let mut shows: Vec<&Show> = catalogue.shows.iter().collect();
    shows.sort_by_key(|show| &show.show_id);
    let mut tables = Vec::new();
    let mut digest = Digest::new();
    for show in &shows {
        let added = show.date_added;
        let added = added.map(|at| format!("{:04}-{:02}-{:02}", at.year, at.month, at.day));
        digest.row([
            Some(&*show.show_id),
            Some(show.kind),
            Some(&show.title),
            Some(&show.title_folded),
            added.as_deref(),
            Some(&show.release_year.to_string()),
            show.rating,
            Some(&show.duration),
            Some(&show.description),
        ]);
    }
    tables.push(digest.table("shows"));
    let mut digest = Digest::new();
    for show in &shows {
        let year = show.release_year.to_string();
        digest.row([Some(&*show.show_id), Some(&year), Some(&show.title_words)]);
    }
    tables.push(digest.table("search_titles"));
    for link in LINKS {
        let names = (link.list)(catalogue);
        let mut sorted: Vec<_> = names.with_words().collect();
        sorted.sort_unstable();
        let mut digest = Digest::new();
        for (name, words) in sorted {
            digest.row([Some(&**name), link.has_words.then_some(&**words)]);
        }
        tables.push(digest.table(link.names));
        let mut digest = Digest::new();
        for show in &shows {
            for (position, id) in (0_u32..).zip((link.of)(show)) {
                let position = position.to_string();
                digest.row([
                    Some(&*show.show_id),
                    Some(&*position),
                    Some(names.name(*id)),
                ]);
            }
        }
        tables.push(digest.table(link.table));
    }
    Contents(tables)
}

/// Queries that give the rows of every table as text, in an order that does not depend on ids.
fn queries() -> Vec<(&'static str, String)> {
    let mut queries = vec![(
        "shows",
        "SELECT show_id, type, title, title_folded, CAST(date_added AS text), CAST(release_year AS text), rating, \
         duration, description FROM shows ORDER BY show_id"
            .to_owned(),
    )];
    queries.push((
        "search_titles",
        "SELECT show_id, CAST(release_year AS text), words FROM search_titles ORDER BY show_id"
            .to_owned(),
    ));
    for link in LINKS {
        let words = if link.has_words {
            "name_words"
        } else {
            "CAST(NULL AS text)"
        };
        queries.push((
            link.names,
            format!("SELECT name, {words} FROM {} ORDER BY name", link.names),
        ));
        queries.push((
            link.table,
            format!(
                "SELECT l.show_id, CAST(l.position AS text), n.name FROM {} AS l JOIN {} AS n ON n.id = l.{} \
                 ORDER BY l.show_id, l.position",
                link.table, link.names, link.column
            ),
        ));
    }
    queries
}

/// What an SQLite file holds.
pub(crate) fn of_sqlite(path: &Path) -> anyhow::Result<Contents> {
    let connection = Connection::open(path)?;
    let mut tables = Vec::new();
    for (name, query) in queries() {
        let mut statement = connection.prepare(&query)?;
        let width = statement.column_count();
        let mut rows = statement.query([])?;
        let mut digest = Digest::new();
        while let Some(row) = rows.next()? {
            let fields: Vec<Option<&str>> = (0..width)
                .map(|column| Ok(row.get_ref(column)?.as_str_or_null()?))
                .collect::<anyhow::Result<_>>()?;
            digest.row(fields);
        }
        tables.push(digest.table(name));
    }
    let waiting = "SELECT count(*) FROM search_pending";
    let waiting: i64 = connection.query_row(waiting, [], |row| row.get(0))?;
    ensure!(
        waiting == 0,
        "{waiting} rows wait to be found by their words"
    );
    Ok(Contents(tables))
}

/// What a PostgreSQL database holds.
pub(crate) async fn of_postgres(url: &str) -> anyhow::Result<Contents> {
    connected(url, async |client| {
        let mut tables = Vec::new();
        for (name, query) in queries() {
            let mut rows = std::pin::pin!(client.query_raw(&query, [""; 0]).await?);
            let mut digest = Digest::new();
            while let Some(row) = rows.try_next().await? {
                let fields: Vec<Option<&str>> = (0..row.len())
                    .map(|column| row.try_get(column))
                    .collect::<Result<_, _>>()?;
                digest.row(fields);
            }
            tables.push(digest.table(name));
        }
        Ok(Contents(tables))
    })
    .await
}
