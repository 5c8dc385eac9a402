//! The tables as toasty's models.

use toasty::{Deferred, Model};

#[derive(Debug, Model)]
#[table = "authors"]
pub(crate) struct Author {
    #[key]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) country: Option<String>,
    pub(crate) born: i64,
    #[has_many]
    books: Deferred<Vec<Book>>,
}

#[derive(Debug, Model)]
#[table = "books"]
pub(crate) struct Book {
    #[key]
    pub(crate) id: i64,
    #[index]
    pub(crate) author_id: i64,
    #[belongs_to(key = author_id, references = id)]
    author: Deferred<Author>,
    pub(crate) title: String,
    pub(crate) year: i64,
}

#[derive(Debug, Model)]
#[table = "notes"]
pub(crate) struct Note {
    #[key]
    #[auto]
    pub(crate) id: i64,
    pub(crate) author_id: i64,
    text: String,
}

#[derive(Debug, Model)]
#[table = "tallies"]
pub(crate) struct Tally {
    #[key]
    pub(crate) author_id: i64,
    last_note: i64,
}

#[derive(Debug, Model)]
#[table = "new_authors"]
pub(crate) struct Stored {
    #[key]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) country: Option<String>,
    pub(crate) born: i64,
}

impl Author {
    /// The author beside the books that were loaded with it.
    pub(crate) fn with_books(mut self) -> (Author, Vec<Book>) {
        let books = std::mem::take(&mut self.books);
        (self, books.into_inner())
    }
}
