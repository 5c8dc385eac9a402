//! The limit on SQLite: plain rusqlite, a thread and a connection for each task, statements from its cache.
//!
//! The database is the file that all contestants get: in WAL, synced at each commit. Writers wait for each other for up to
//! 30 s.

use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contestant::catalogue::{AuthorRow, BookRow, NewAuthor};
use contestant::library::{Library, WithBooks, run};
use contestant::{Answer, Order, answer};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

fn main() -> ExitCode {
    answer(measured)
}

async fn measured(order: Order) -> anyhow::Result<Answer> {
    run(&order, Contestant::open(&order.url)?).await
}

#[derive(Clone)]
struct Contestant {
    file: Arc<str>,
    connection: Arc<Mutex<Connection>>,
}

impl Contestant {
    fn open(url: &str) -> anyhow::Result<Contestant> {
        let file = url.trim_start_matches("sqlite://");
        let connection = Connection::open(file)?;
        connection.busy_timeout(Duration::from_secs(30))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        rusqlite::vtab::array::load_module(&connection)?;
        Ok(Contestant {
            file: file.into(),
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Nobody else ever locks it.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

const AUTHOR: &str = "SELECT id, name, country, born FROM authors WHERE id = ?1";
const ADD_NOTE: &str = "INSERT INTO notes (author_id, text) VALUES (?1, ?2) RETURNING id";

impl Library for Contestant {
    type Author = Author;
    type Book = Book;
    const BLOCKS: bool = true;

    fn own(&self, _: usize) -> anyhow::Result<Self> {
        Contestant::open(&self.file)
    }

    async fn author(&self, id: i64) -> anyhow::Result<Option<Author>> {
        let at = self.connection();
        Ok(at
            .prepare_cached(AUTHOR)?
            .query_row([id], author)
            .optional()?)
    }

    async fn authors(&self, id: i64, limit: i64) -> anyhow::Result<Vec<Author>> {
        Ok(authors(&self.connection(), id, limit)?)
    }

    async fn with_books(&self, id: i64, limit: i64) -> anyhow::Result<WithBooks<Self>> {
        let at = self.connection();
        let authors = authors(&at, id, limit)?;
        let ids: Vec<Value> = authors.iter().map(|author| author.id.into()).collect();
        let mut statement = at.prepare_cached(
            "SELECT id, author_id, title, year FROM books WHERE author_id IN rarray(?1) ORDER BY author_id, id",
        )?;
        let mut books = statement.query_map([Rc::new(ids)], book)?.peekable();
        let mut found = Vec::with_capacity(authors.len());
        for author in authors {
            let mut own = Vec::new();
            while let Some(book) = books.next_if(|book| match book {
                Ok(book) => book.author_id == author.id,
                Err(_) => true,
            }) {
                own.push(book?);
            }
            found.push((author, own));
        }
        Ok(found)
    }

    async fn add_note(&self, author_id: i64, text: &str) -> anyhow::Result<i64> {
        let at = self.connection();
        let mut statement = at.prepare_cached(ADD_NOTE)?;
        Ok(statement.query_row(params![author_id, text], |row| row.get(0))?)
    }

    async fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> anyhow::Result<Option<Author>> {
        let mut at = self.connection();
        let whole = at.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = whole
            .prepare_cached(AUTHOR)?
            .query_row([author_id], author)
            .optional()?;
        let note: i64 = whole
            .prepare_cached(ADD_NOTE)?
            .query_row(params![author_id, text], |row| row.get(0))?;
        whole
            .prepare_cached("UPDATE tallies SET last_note = ?2 WHERE author_id = ?1")?
            .execute([author_id, note])?;
        whole.commit()?;
        Ok(found)
    }

    async fn add_authors(&self, rows: &[NewAuthor]) -> anyhow::Result<()> {
        let mut at = self.connection();
        let whole = at.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let insert = "INSERT INTO new_authors (id, name, country, born) VALUES (?1, ?2, ?3, ?4)";
        let mut statement = whole.prepare_cached(insert)?;
        for row in rows {
            statement.execute(params![row.id, row.name, row.country, row.born])?;
        }
        drop(statement);
        Ok(whole.commit()?)
    }
}

fn authors(at: &Connection, id: i64, limit: i64) -> rusqlite::Result<Vec<Author>> {
    let sql = "SELECT id, name, country, born FROM authors WHERE id >= ?1 ORDER BY id LIMIT ?2";
    at.prepare_cached(sql)?
        .query_map([id, limit], author)?
        .collect()
}

struct Author {
    id: i64,
    name: String,
    country: Option<String>,
    born: i64,
}

struct Book {
    id: i64,
    author_id: i64,
    title: String,
    year: i64,
}

fn author(row: &Row<'_>) -> rusqlite::Result<Author> {
    Ok(Author {
        id: row.get(0)?,
        name: row.get(1)?,
        country: row.get(2)?,
        born: row.get(3)?,
    })
}

fn book(row: &Row<'_>) -> rusqlite::Result<Book> {
    Ok(Book {
        id: row.get(0)?,
        author_id: row.get(1)?,
        title: row.get(2)?,
        year: row.get(3)?,
    })
}

impl AuthorRow for Author {
    fn id(&self) -> i64 {
        self.id
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }
    fn born(&self) -> i64 {
        self.born
    }
}

impl BookRow for Book {
    fn id(&self) -> i64 {
        self.id
    }
    fn author_id(&self) -> i64 {
        self.author_id
    }
    fn title(&self) -> &str {
        &self.title
    }
    fn year(&self) -> i64 {
        self.year
    }
}
