//! The servers and files, each made when the first part needs it, and gone with the driver.

mod postgres;
mod redis;
mod sqlite;

use contestant::Order;
use contestant::catalogue::BOOKS_EACH;

use self::postgres::Postgres;
use self::redis::Redis;
use self::sqlite::Sqlite;
use crate::parts::{AUTHORS, Ground, Part, Size};

/// What there is so far.
#[derive(Default)]
pub(crate) struct Grounds {
    redis: Option<Redis>,
    postgres: Option<Postgres>,
    sqlite: Option<Sqlite>,
}

impl Grounds {
    /// Makes what one turn needs, with what turns before have written taken away, and answers the order for it, without
    /// its setting.
    pub(crate) fn order(&mut self, part: &Part, size: Size, seconds: f64) -> anyhow::Result<Order> {
        // A table that is written to is read from as well, and holds so many rows then.
        let rows = if part.case == "bulk-insert" {
            1000
        } else {
            size.rows
        };
        let (url, server_pid) = match part.ground {
            Ground::Process | Ground::Cache => (String::new(), None),
            Ground::Redis => {
                let redis = made(&mut self.redis, Redis::start)?;
                (redis.url.clone(), redis.pid)
            }
            Ground::Postgres => {
                let postgres = made(&mut self.postgres, Postgres::start)?;
                (postgres.prepared(rows)?, postgres.pid())
            }
            Ground::Sqlite => {
                let sqlite = made(&mut self.sqlite, Sqlite::new)?;
                (sqlite.prepared(rows, part.writes())?, None)
            }
        };
        Ok(Order {
            case: part.case.to_owned(),
            setting: String::new(),
            url,
            tasks: size.tasks,
            seconds,
            rows: size.rows,
            server_pid,
        })
    }

    /// Fails unless what the turn of `order` has written is what it should have.
    pub(crate) fn check(&self, part: &Part, order: &Order) -> anyhow::Result<()> {
        match (part.ground, &self.postgres, &self.sqlite) {
            (Ground::Postgres, Some(postgres), _) => postgres.check(order),
            (Ground::Sqlite, _, Some(sqlite)) => sqlite.check(order),
            _ => Ok(()),
        }
    }

    /// The servers with their versions.
    pub(crate) fn versions(&self) -> Vec<String> {
        let mut versions = Vec::new();
        versions.extend(self.redis.as_ref().map(|redis| redis.version.clone()));
        versions.extend(self.postgres.as_ref().map(Postgres::version));
        versions.extend(self.sqlite.as_ref().map(|_| sqlite::version()));
        versions
    }
}

fn made<T>(
    place: &mut Option<T>,
    make: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<&mut T> {
    match place {
        Some(made) => Ok(made),
        None => Ok(place.insert(make()?)),
    }
}

/// How many rows a table gets: only the first authors have books and tallies, since no more are asked for.
fn catalogue_rows(into: &str, authors: u64) -> u64 {
    let first = authors.min(AUTHORS);
    match into.split(' ').next() {
        Some("books") => first * BOOKS_EACH,
        Some("tallies") => first,
        _ => authors,
    }
}

/// What must be true of the tables after each piece of work that writes; each query counts what is wrong.
///
/// A note has the text that follows from its author, a tally the key of a note of its author, and rows that were stored
/// together, of which there are `rows`, are all there.
pub(crate) fn wrong_after(case: &str, rows: u64) -> Vec<String> {
    let notes = "SELECT count(*) FROM notes \
                 WHERE text <> 'A note about author ' || author_id || ', as long as such notes are'";
    let none = "SELECT CASE WHEN count(*) = 0 THEN 1 ELSE 0 END FROM";
    match case {
        "insert" => vec![format!("{none} notes"), notes.to_owned()],
        "transaction" | "connections" => vec![
            format!("{none} notes"),
            notes.to_owned(),
            "SELECT count(*) FROM tallies t WHERE last_note <> 0 AND NOT EXISTS \
             (SELECT 1 FROM notes n WHERE n.id = t.last_note AND n.author_id = t.author_id)"
                .to_owned(),
            "SELECT count(*) FROM notes n JOIN tallies t ON t.author_id = n.author_id WHERE t.last_note = 0"
                .to_owned(),
        ],
        "bulk-insert" => vec![
            format!("{none} new_authors"),
            format!("SELECT count(*) % {rows} FROM new_authors"),
            format!(
                "SELECT count(*) FROM (SELECT (id - 1) % {rows} + 1 AS n, name, country, born FROM new_authors) AS s \
                 WHERE name <> 'Author ' || n OR born <> 1900 + n % 100 \
                 OR coalesce(country, '') <> CASE WHEN n % 3 = 0 THEN '' ELSE 'Country ' || (n % 50) END"
            ),
        ],
        _ => Vec::new(),
    }
}
