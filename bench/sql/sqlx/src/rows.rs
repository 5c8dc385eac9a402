//! What rows are read into, on both engines.

use contestant::catalogue::{AuthorRow, BookRow};
use sqlx::FromRow;

pub(crate) const AUTHOR: &str = "SELECT id, name, country, born FROM authors WHERE id = $1";
pub(crate) const AUTHORS: &str =
    "SELECT id, name, country, born FROM authors WHERE id >= $1 ORDER BY id LIMIT $2";
pub(crate) const ADD_NOTE: &str =
    "INSERT INTO notes (author_id, text) VALUES ($1, $2) RETURNING id";
pub(crate) const SET_TALLY: &str = "UPDATE tallies SET last_note = $2 WHERE author_id = $1";

#[derive(FromRow)]
pub(crate) struct Author {
    pub(crate) id: i64,
    name: String,
    country: Option<String>,
    born: i64,
}

#[derive(FromRow)]
pub(crate) struct Book {
    id: i64,
    author_id: i64,
    title: String,
    year: i64,
}

/// Each of `authors` with its own of `books`, which are in the same order.
pub(crate) fn joined(authors: Vec<Author>, books: Vec<Book>) -> Vec<(Author, Vec<Book>)> {
    let mut books = books.into_iter().peekable();
    let mut found = Vec::with_capacity(authors.len());
    for author in authors {
        let mut own = Vec::new();
        while let Some(book) = books.next_if(|book| book.author_id == author.id) {
            own.push(book);
        }
        found.push((author, own));
    }
    found
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
