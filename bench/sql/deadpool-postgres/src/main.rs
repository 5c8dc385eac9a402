//! deadpool-postgres, with its cached statements, and tokio-postgres' own means on the connection that it lends.
//!
//! `defaults`: as many connections as its configuration has by default, two for each core. `large`: 16. Rows in bulk are
//! one COPY as text, which is what tokio-postgres offers for that.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use contestant::catalogue::{AuthorRow, BookRow, NewAuthor};
use contestant::library::{Library, WithBooks, run};
use contestant::{Answer, Order, answer};
use deadpool_postgres::{Config, ManagerConfig, Pool, PoolConfig, RecyclingMethod, Runtime};
use futures_util::SinkExt as _;
use futures_util::future::try_join;
use tokio_postgres::{NoTls, Row};

fn main() -> ExitCode {
    answer(measured)
}

async fn measured(order: Order) -> anyhow::Result<Answer> {
    let mut config = Config {
        url: Some(order.url.clone()),
        // As its documentation has it.
        manager: Some(ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        }),
        ..Config::default()
    };
    match order.setting.as_str() {
        _ if order.case == "connections" => config.pool = Some(PoolConfig::new(order.tasks)),
        "defaults" => {}
        "large" => config.pool = Some(PoolConfig::new(16)),
        setting => bail!("there is no setting {setting}"),
    }
    let pool = config.create_pool(Some(Runtime::Tokio1), NoTls)?;
    run(&order, Contestant(pool)).await
}

#[derive(Clone)]
struct Contestant(Pool);

const AUTHOR: &str = "SELECT id, name, country, born FROM authors WHERE id = $1";
const AUTHORS: &str =
    "SELECT id, name, country, born FROM authors WHERE id >= $1 ORDER BY id LIMIT $2";
const BOOKS: &str =
    "SELECT id, author_id, title, year FROM books WHERE author_id = ANY($1) ORDER BY author_id, id";
const ADD_NOTE: &str = "INSERT INTO notes (author_id, text) VALUES ($1, $2) RETURNING id";
const SET_TALLY: &str = "UPDATE tallies SET last_note = $2 WHERE author_id = $1";

impl Library for Contestant {
    type Author = Author;
    type Book = Book;

    async fn author(&self, id: i64) -> anyhow::Result<Option<Author>> {
        let client = self.0.get().await?;
        let statement = client.prepare_cached(AUTHOR).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        Ok(row.as_ref().map(author).transpose()?)
    }

    async fn authors(&self, id: i64, limit: i64) -> anyhow::Result<Vec<Author>> {
        let client = self.0.get().await?;
        let statement = client.prepare_cached(AUTHORS).await?;
        let rows = client.query(&statement, &[&id, &limit]).await?;
        Ok(rows.iter().map(author).collect::<Result<_, _>>()?)
    }

    async fn with_books(&self, id: i64, limit: i64) -> anyhow::Result<WithBooks<Self>> {
        let client = self.0.get().await?;
        let of_authors = client.prepare_cached(AUTHORS).await?;
        let of_books = client.prepare_cached(BOOKS).await?;
        let rows = client.query(&of_authors, &[&id, &limit]).await?;
        let authors: Vec<Author> = rows.iter().map(author).collect::<Result<_, _>>()?;
        let ids: Vec<i64> = authors.iter().map(|author| author.id).collect();
        let rows = client.query(&of_books, &[&ids]).await?;
        let mut books = rows.iter().map(book).peekable();
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
        let client = self.0.get().await?;
        let statement = client.prepare_cached(ADD_NOTE).await?;
        let row = client.query_one(&statement, &[&author_id, &text]).await?;
        Ok(row.try_get(0)?)
    }

    async fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> anyhow::Result<Option<Author>> {
        let mut client = self.0.get().await?;
        let whole = client.transaction().await?;
        let of_author = whole.prepare_cached(AUTHOR).await?;
        let of_note = whole.prepare_cached(ADD_NOTE).await?;
        let of_tally = whole.prepare_cached(SET_TALLY).await?;
        let (row, note) = try_join(
            whole.query_opt(&of_author, &[&author_id]),
            whole.query_one(&of_note, &[&author_id, &text]),
        )
        .await?;
        let note: i64 = note.try_get(0)?;
        whole.execute(&of_tally, &[&author_id, &note]).await?;
        whole.commit().await?;
        Ok(row.as_ref().map(author).transpose()?)
    }

    async fn add_authors(&self, rows: &[NewAuthor]) -> anyhow::Result<()> {
        let client = self.0.get().await?;
        let into = "COPY new_authors (id, name, country, born) FROM STDIN";
        let mut sink = std::pin::pin!(client.copy_in::<_, std::io::Cursor<String>>(into).await?);
        let mut chunk = String::new();
        for row in rows {
            // None of the values has what COPY would have to be told of.
            let country = row.country.as_deref().unwrap_or("\\N");
            writeln!(chunk, "{}\t{}\t{country}\t{}", row.id, row.name, row.born)?;
            if chunk.len() >= 64 * 1024 {
                sink.send(std::io::Cursor::new(std::mem::take(&mut chunk)))
                    .await?;
            }
        }
        sink.send(std::io::Cursor::new(chunk)).await?;
        sink.finish().await?;
        Ok(())
    }
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

fn author(row: &Row) -> Result<Author, tokio_postgres::Error> {
    Ok(Author {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        country: row.try_get(2)?,
        born: row.try_get(3)?,
    })
}

fn book(row: &Row) -> Result<Book, tokio_postgres::Error> {
    Ok(Book {
        id: row.try_get(0)?,
        author_id: row.try_get(1)?,
        title: row.try_get(2)?,
        year: row.try_get(3)?,
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
