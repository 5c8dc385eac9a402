//! The limit on PostgreSQL: plain tokio-postgres, every statement prepared once.
//!
//! Reads and single writes of all tasks are pipelined on as many connections as there are cores. A transaction needs a
//! connection of its own, so there each task has one, up to 64, and sends BEGIN and the first two statements together.
//! Rows in bulk are one COPY in binary.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use anyhow::Context as _;
use bytes::{BufMut as _, Bytes, BytesMut};
use contestant::catalogue::{AuthorRow, BookRow, NewAuthor};
use contestant::library::{Library, WithBooks, run};
use contestant::{Answer, Order, answer};
use futures_util::SinkExt as _;
use futures_util::future::{try_join, try_join3};
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls, Row, Statement};

fn main() -> ExitCode {
    answer(measured)
}

async fn measured(order: Order) -> anyhow::Result<Answer> {
    let count = match order.case.as_str() {
        "transaction" => order.tasks.min(64),
        "connections" => order.tasks,
        _ => available_parallelism()?.get(),
    };
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(&order.url).await?);
    }
    let contestant = Contestant {
        connections: connections.into(),
        next: Arc::default(),
        own: None,
    };
    run(&order, contestant).await
}

struct Connection {
    client: Client,
    author: Statement,
    authors: Statement,
    books: Statement,
    add_note: Statement,
    set_tally: Statement,
    /// Held for a transaction.
    alone: Mutex<()>,
}

impl Connection {
    async fn open(url: &str) -> anyhow::Result<Connection> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        // Ends with the client.
        tokio::spawn(connection);
        let of = "SELECT id, name, country, born FROM authors";
        let books = "SELECT id, author_id, title, year FROM books WHERE author_id = ANY($1) ORDER BY author_id, id";
        Ok(Connection {
            author: client.prepare(&format!("{of} WHERE id = $1")).await?,
            authors: client
                .prepare(&format!("{of} WHERE id >= $1 ORDER BY id LIMIT $2"))
                .await?,
            books: client.prepare(books).await?,
            add_note: client
                .prepare("INSERT INTO notes (author_id, text) VALUES ($1, $2) RETURNING id")
                .await?,
            set_tally: client
                .prepare("UPDATE tallies SET last_note = $2 WHERE author_id = $1")
                .await?,
            alone: Mutex::new(()),
            client,
        })
    }
}

#[derive(Clone)]
struct Contestant {
    connections: Arc<[Connection]>,
    next: Arc<AtomicUsize>,
    /// Which connection this task uses; requests of a service, which are no tasks of ours, take turns.
    own: Option<usize>,
}

impl Contestant {
    fn connection(&self) -> anyhow::Result<&Connection> {
        let place = match self.own {
            Some(place) => place,
            None => self.next.fetch_add(1, Ordering::Relaxed),
        };
        let place = place % self.connections.len();
        self.connections
            .get(place)
            .context("there is no connection")
    }
}

impl Library for Contestant {
    type Author = Author;
    type Book = Book;

    fn own(&self, number: usize) -> anyhow::Result<Self> {
        Ok(Contestant {
            own: Some(number),
            ..self.clone()
        })
    }

    async fn author(&self, id: i64) -> anyhow::Result<Option<Author>> {
        let at = self.connection()?;
        let row = at.client.query_opt(&at.author, &[&id]).await?;
        Ok(row.as_ref().map(author).transpose()?)
    }

    async fn authors(&self, id: i64, limit: i64) -> anyhow::Result<Vec<Author>> {
        let at = self.connection()?;
        let rows = at.client.query(&at.authors, &[&id, &limit]).await?;
        Ok(rows.iter().map(author).collect::<Result<_, _>>()?)
    }

    async fn with_books(&self, id: i64, limit: i64) -> anyhow::Result<WithBooks<Self>> {
        let at = self.connection()?;
        let authors = self.authors(id, limit).await?;
        let ids: Vec<i64> = authors.iter().map(|author| author.id).collect();
        let rows = at.client.query(&at.books, &[&ids]).await?;
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
        let at = self.connection()?;
        let row = at
            .client
            .query_one(&at.add_note, &[&author_id, &text])
            .await?;
        Ok(row.try_get(0)?)
    }

    async fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> anyhow::Result<Option<Author>> {
        let at = self.connection()?;
        let _alone = at.alone.lock().await;
        let (_, row, note) = try_join3(
            at.client.batch_execute("BEGIN"),
            at.client.query_opt(&at.author, &[&author_id]),
            at.client.query_one(&at.add_note, &[&author_id, &text]),
        )
        .await?;
        let note: i64 = note.try_get(0)?;
        try_join(
            at.client.execute(&at.set_tally, &[&author_id, &note]),
            at.client.batch_execute("COMMIT"),
        )
        .await?;
        Ok(row.as_ref().map(author).transpose()?)
    }

    async fn add_authors(&self, rows: &[NewAuthor]) -> anyhow::Result<()> {
        let into = "COPY new_authors (id, name, country, born) FROM STDIN (FORMAT binary)";
        let sink = self.connection()?.client.copy_in::<_, Bytes>(into).await?;
        let mut sink = std::pin::pin!(sink);
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES + 1024);
        // The head of the format: its signature, no flags, no extension.
        chunk.put_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
        for row in rows {
            chunk.put_i16(4);
            field(&mut chunk, Some(&row.id.to_be_bytes()))?;
            field(&mut chunk, Some(row.name.as_bytes()))?;
            field(&mut chunk, row.country.as_ref().map(String::as_bytes))?;
            field(&mut chunk, Some(&row.born.to_be_bytes()))?;
            if chunk.len() >= CHUNK_BYTES {
                sink.send(chunk.split().freeze()).await?;
            }
        }
        chunk.put_i16(-1);
        sink.send(chunk.freeze()).await?;
        sink.finish().await?;
        Ok(())
    }
}

/// How much is sent at once.
const CHUNK_BYTES: usize = 64 * 1024;

fn field(chunk: &mut BytesMut, value: Option<&[u8]>) -> anyhow::Result<()> {
    match value {
        None => chunk.put_i32(-1),
        Some(value) => {
            chunk.put_i32(i32::try_from(value.len())?);
            chunk.put_slice(value);
        }
    }
    Ok(())
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
