//! diesel on SQLite, where it blocks: a thread and a connection for each task.
//!
//! Writers wait for each other for up to 30 s, and transactions begin as IMMEDIATE, since others fail.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contestant::catalogue::{AuthorRow, BookRow, NewAuthor};
use contestant::library::{Library, WithBooks, run};
use contestant::{Answer, Order, answer};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
// It links SQLite into the program, and nothing of it is named.
use libsqlite3_sys as _;

/// SQLite takes 32,766 parameters, of which a row has four.
const CHUNK_ROWS: usize = 32_766 / 4;

fn main() -> ExitCode {
    answer(measured)
}

async fn measured(order: Order) -> anyhow::Result<Answer> {
    run(&order, Contestant::open(&order.url)?).await
}

#[derive(Clone)]
struct Contestant {
    url: Arc<str>,
    connection: Arc<Mutex<SqliteConnection>>,
}

impl Contestant {
    fn open(url: &str) -> anyhow::Result<Contestant> {
        let mut connection = SqliteConnection::establish(url)?;
        connection.batch_execute("PRAGMA busy_timeout = 30000; PRAGMA synchronous = FULL")?;
        Ok(Contestant {
            url: url.into(),
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Nobody else ever locks it.
    fn connection(&self) -> MutexGuard<'_, SqliteConnection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Library for Contestant {
    type Author = Author;
    type Book = Book;
    const BLOCKS: bool = true;

    fn own(&self, _: usize) -> anyhow::Result<Self> {
        Contestant::open(&self.url)
    }

    async fn author(&self, id: i64) -> anyhow::Result<Option<Author>> {
        let author = authors::table.find(id).select(Author::as_select());
        Ok(author.first(&mut *self.connection()).optional()?)
    }

    async fn authors(&self, id: i64, limit: i64) -> anyhow::Result<Vec<Author>> {
        let list = authors::table.filter(authors::id.ge(id)).order(authors::id);
        let list = list.limit(limit).select(Author::as_select());
        Ok(list.load(&mut *self.connection())?)
    }

    async fn with_books(&self, id: i64, limit: i64) -> anyhow::Result<WithBooks<Self>> {
        let authors = self.authors(id, limit).await?;
        let books = Book::belonging_to(&authors).select(Book::as_select());
        let books: Vec<Book> = books.load(&mut *self.connection())?;
        let books = books.grouped_by(&authors);
        Ok(authors.into_iter().zip(books).collect())
    }

    async fn add_note(&self, author_id: i64, text: &str) -> anyhow::Result<i64> {
        let note = diesel::insert_into(notes::table).values(NewNote { author_id, text });
        Ok(note
            .returning(notes::id)
            .get_result(&mut *self.connection())?)
    }

    async fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> anyhow::Result<Option<Author>> {
        let scope = |at: &mut SqliteConnection| -> QueryResult<Option<Author>> {
            let author = authors::table.find(author_id).select(Author::as_select());
            let author = author.first(at).optional()?;
            let note = diesel::insert_into(notes::table).values(NewNote { author_id, text });
            let note: i64 = note.returning(notes::id).get_result(at)?;
            let tally = diesel::update(tallies::table.find(author_id));
            tally.set(tallies::last_note.eq(note)).execute(at)?;
            Ok(author)
        };
        Ok(self.connection().immediate_transaction(scope)?)
    }

    async fn add_authors(&self, rows: &[NewAuthor]) -> anyhow::Result<()> {
        let scope = |at: &mut SqliteConnection| -> QueryResult<()> {
            for chunk in rows.chunks(CHUNK_ROWS) {
                let chunk: Vec<Stored<'_>> = chunk.iter().map(stored).collect();
                diesel::insert_into(new_authors::table)
                    .values(chunk)
                    .execute(at)?;
            }
            Ok(())
        };
        Ok(self.connection().immediate_transaction(scope)?)
    }
}

diesel::table! {
    authors (id) {
        id -> BigInt,
        name -> Text,
        country -> Nullable<Text>,
        born -> BigInt,
    }
}

diesel::table! {
    books (id) {
        id -> BigInt,
        author_id -> BigInt,
        title -> Text,
        year -> BigInt,
    }
}

diesel::table! {
    notes (id) {
        id -> BigInt,
        author_id -> BigInt,
        text -> Text,
    }
}

diesel::table! {
    tallies (author_id) {
        author_id -> BigInt,
        last_note -> BigInt,
    }
}

diesel::table! {
    new_authors (id) {
        id -> BigInt,
        name -> Text,
        country -> Nullable<Text>,
        born -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(authors, books);

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = authors)]
struct Author {
    id: i64,
    name: String,
    country: Option<String>,
    born: i64,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = books, belongs_to(Author))]
struct Book {
    id: i64,
    author_id: i64,
    title: String,
    year: i64,
}

#[derive(Insertable)]
#[diesel(table_name = notes)]
struct NewNote<'a> {
    author_id: i64,
    text: &'a str,
}

#[derive(Insertable)]
#[diesel(table_name = new_authors)]
struct Stored<'a> {
    id: i64,
    name: &'a str,
    country: Option<&'a str>,
    born: i64,
}

fn stored(row: &NewAuthor) -> Stored<'_> {
    Stored {
        id: row.id,
        name: &row.name,
        country: row.country.as_deref(),
        born: row.born,
    }
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
