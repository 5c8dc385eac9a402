//! The tables as toasty's models.

use contestant::catalogue::{AuthorRow, BookRow};
use toasty::{Deferred, Model};

#[derive(Debug, Model)]
#[table = "authors"]
pub(crate) struct Author {
    #[key]
    id: i64,
    name: String,
    country: Option<String>,
    born: i64,
    #[has_many]
    books: Deferred<Vec<Book>>,
}

#[derive(Clone, Debug, Model)]
#[table = "books"]
pub(crate) struct Book {
    #[key]
    id: i64,
    #[index]
    author_id: i64,
    #[belongs_to(key = author_id, references = id)]
    author: Deferred<Author>,
    title: String,
    year: i64,
}

#[derive(Debug, Model)]
#[table = "notes"]
pub(crate) struct Note {
    #[key]
    #[auto]
    pub(crate) id: i64,
    author_id: i64,
    text: String,
}

#[derive(Debug, Model)]
#[table = "tallies"]
pub(crate) struct Tally {
    #[key]
    author_id: i64,
    last_note: i64,
}

#[derive(Debug, Model)]
#[table = "new_authors"]
pub(crate) struct Stored {
    #[key]
    id: i64,
    name: String,
    country: Option<String>,
    born: i64,
}

impl Author {
    /// The author beside the books that were loaded with it.
    pub(crate) fn with_books(mut self) -> (Author, Vec<Book>) {
        let books = std::mem::take(&mut self.books);
        (self, books.into_inner())
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
