//! diesel-async on PostgreSQL: its deadpool with 16 connections, which its defaults differ from by the number alone.
//!
//! Many rows are stored by `insert_into` in chunks, in one transaction. What belongs to authors is loaded by
//! `belonging_to` and `grouped_by`.

use std::process::ExitCode;

use contestant::catalogue::{AuthorRow, BookRow, NewAuthor};
use contestant::library::{Library, WithBooks, run};
use contestant::{Answer, Order, answer};
use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

/// PostgreSQL takes 65,535 parameters, of which a row has four.
const CHUNK_ROWS: usize = 65_535 / 4;

fn main() -> ExitCode {
    answer(measured)
}

async fn measured(order: Order) -> anyhow::Result<Answer> {
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(&order.url);
    let size = match order.case.as_str() {
        "connections" => order.tasks,
        _ => 16,
    };
    let pool = Pool::builder(manager).max_size(size).build()?;
    run(&order, Contestant(pool)).await
}

#[derive(Clone)]
struct Contestant(Pool<AsyncPgConnection>);

impl Library for Contestant {
    type Author = Author;
    type Book = Book;

    async fn author(&self, id: i64) -> anyhow::Result<Option<Author>> {
        let mut at = self.0.get().await?;
        let author = authors::table.find(id).select(Author::as_select());
        Ok(author.first(&mut at).await.optional()?)
    }

    async fn authors(&self, id: i64, limit: i64) -> anyhow::Result<Vec<Author>> {
        let mut at = self.0.get().await?;
        let list = authors::table.filter(authors::id.ge(id)).order(authors::id);
        let list = list.limit(limit).select(Author::as_select());
        Ok(list.load(&mut at).await?)
    }

    async fn with_books(&self, id: i64, limit: i64) -> anyhow::Result<WithBooks<Self>> {
        let authors = self.authors(id, limit).await?;
        let mut at = self.0.get().await?;
        let books = Book::belonging_to(&authors).select(Book::as_select());
        let books: Vec<Book> = books.load(&mut at).await?;
        let books = books.grouped_by(&authors);
        Ok(authors.into_iter().zip(books).collect())
    }

    async fn add_note(&self, author_id: i64, text: &str) -> anyhow::Result<i64> {
        let mut at = self.0.get().await?;
        let note = diesel::insert_into(notes::table).values(NewNote { author_id, text });
        Ok(note.returning(notes::id).get_result(&mut at).await?)
    }

    async fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> anyhow::Result<Option<Author>> {
        let mut lent = self.0.get().await?;
        let at: &mut AsyncPgConnection = &mut lent;
        let scope = async move |at: &mut AsyncPgConnection| -> QueryResult<Option<Author>> {
            let author = authors::table.find(author_id).select(Author::as_select());
            let author = author.first(at).await.optional()?;
            let note = diesel::insert_into(notes::table).values(NewNote { author_id, text });
            let note: i64 = note.returning(notes::id).get_result(at).await?;
            let tally = diesel::update(tallies::table.find(author_id));
            tally.set(tallies::last_note.eq(note)).execute(at).await?;
            Ok(author)
        };
        Ok(at.transaction(scope).await?)
    }

    async fn add_authors(&self, rows: &[NewAuthor]) -> anyhow::Result<()> {
        let mut lent = self.0.get().await?;
        let at: &mut AsyncPgConnection = &mut lent;
        let scope = async move |at: &mut AsyncPgConnection| -> QueryResult<()> {
            for chunk in rows.chunks(CHUNK_ROWS) {
                let chunk: Vec<Stored<'_>> = chunk.iter().map(stored).collect();
                let insert = diesel::insert_into(new_authors::table).values(chunk);
                insert.execute(at).await?;
            }
            Ok(())
        };
        Ok(at.transaction(scope).await?)
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
