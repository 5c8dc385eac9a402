//! The tables of the suite as entities and repositories.

use futures_util::Stream;
use jiff::{Timestamp, civil};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;
use uuid::Uuid;

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "books")]
pub struct Book {
    #[id]
    pub book_id: String,
    #[unique]
    pub title: String,
    pub year: i32,
    pub rating: Option<String>,
}

#[derive(Insert, Clone, Debug)]
#[insert(Book)]
pub struct NewBook {
    pub book_id: String,
    pub title: String,
    pub year: i32,
    pub rating: Option<String>,
}

pub fn book(book_id: &str, title: &str, year: i32) -> NewBook {
    NewBook {
        book_id: book_id.into(),
        title: title.into(),
        year,
        rating: None,
    }
}

#[repository(entity = Book)]
pub trait Books {
    #[find]
    async fn find(&self, book_id: &str) -> Result<Option<Book>>;
    #[find]
    async fn get(&self, book_id: &str) -> Result<Book>;
    #[list]
    async fn list(&self) -> Result<Vec<Book>>;
    #[list]
    async fn first(&self, limit: i64) -> Result<Vec<Book>>;
    #[insert]
    async fn insert(&self, new: &NewBook) -> Result<Book>;
    #[insert]
    async fn insert_quietly(&self, new: &NewBook) -> Result<()>;
    #[insert_many]
    async fn insert_many(&self, new: &[NewBook]) -> Result<u64>;
    #[insert_many(on_conflict = "ignore")]
    async fn insert_missing(&self, new: &[NewBook]) -> Result<u64>;
    #[update]
    async fn update(&self, book: &Book) -> Result<Book>;
    #[upsert]
    async fn upsert(&self, new: &NewBook) -> Result<Book>;
    #[upsert(on = "title")]
    async fn upsert_by_title(&self, new: &NewBook) -> Result<Book>;
    #[upsert_many]
    async fn upsert_many(&self, new: &[NewBook]) -> Result<u64>;
    #[delete]
    async fn delete(&self, book_id: &str) -> Result<bool>;
    #[delete]
    async fn remove(&self, book_id: &str) -> Result<()>;

    #[query("SELECT {*} FROM books WHERE year >= :year ORDER BY year, book_id")]
    async fn since(&self, year: i32) -> Result<Vec<Book>>;
    #[query("SELECT {b.*} FROM books AS b WHERE b.title = :title")]
    async fn by_title(&self, title: &str) -> Result<Option<Book>>;
    #[query("SELECT {*} FROM books WHERE year = :year")]
    async fn only_of(&self, year: i32) -> Result<Book>;
    #[query("SELECT {*} FROM books WHERE book_id IN (:ids) ORDER BY book_id")]
    async fn by_ids(&self, ids: &[String]) -> Result<Vec<Book>>;
    #[query("SELECT {*} FROM books WHERE book_id NOT IN (:ids) ORDER BY book_id")]
    async fn except(&self, ids: &[String]) -> Result<Vec<Book>>;
    #[query("SELECT count(*) FROM books")]
    async fn count(&self) -> Result<i64>;
    #[query("SELECT max(year) FROM books")]
    async fn newest_year(&self) -> Result<Option<i32>>;
    #[query("SELECT title FROM books ORDER BY title")]
    async fn titles(&self) -> Result<Vec<String>>;
    #[query("SELECT title, year FROM books WHERE book_id = :book_id")]
    async fn title_and_year(&self, book_id: &str) -> Result<Option<(String, i32)>>;
    #[query("SELECT count(*) AS books, year FROM books GROUP BY year ORDER BY year")]
    async fn per_year(&self) -> Result<Vec<YearCount>>;
    #[exec("UPDATE books SET rating = :rating WHERE year = :year")]
    async fn rate(&self, year: i32, rating: Option<&str>) -> Result<u64>;
    #[query("SELECT {*} FROM books ORDER BY book_id")]
    fn stream_all(&self) -> impl Stream<Item = Result<Book>> + Send;
}

#[derive(FromRow, Debug, PartialEq)]
pub struct YearCount {
    pub year: i32,
    pub books: i64,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "authors")]
pub struct Author {
    #[id(generated)]
    pub id: i64,
    #[unique]
    pub name: String,
    pub born: Option<i32>,
}

#[derive(Insert, Clone, Debug)]
#[insert(Author)]
pub struct NewAuthor {
    pub name: String,
    pub born: Option<i32>,
}

#[repository(entity = Author)]
pub trait Authors {
    #[find]
    async fn find(&self, id: i64) -> Result<Option<Author>>;
    #[insert]
    async fn insert(&self, new: &NewAuthor) -> Result<Author>;
    #[insert]
    async fn insert_for_id(&self, new: &NewAuthor) -> Result<i64>;
    #[upsert(on = "name")]
    async fn upsert(&self, new: &NewAuthor) -> Result<Author>;
    #[query("SELECT count(*) FROM authors")]
    async fn count(&self) -> Result<i64>;
}

#[derive(Entity, Insert, Clone, Debug, PartialEq)]
#[entity(table = "book_authors", key = (book_id, author_id))]
#[insert(BookAuthor)]
pub struct BookAuthor {
    #[belongs_to(Book)]
    pub book_id: String,
    #[belongs_to(Author)]
    pub author_id: i64,
    pub position: i32,
}

#[repository(entity = BookAuthor)]
pub trait BookAuthors {
    #[find]
    async fn find(&self, book_id: &str, author_id: i64) -> Result<Option<BookAuthor>>;
    #[list]
    async fn list(&self) -> Result<Vec<BookAuthor>>;
    #[insert]
    async fn insert(&self, new: &BookAuthor) -> Result<BookAuthor>;
    #[update]
    async fn update(&self, row: &BookAuthor) -> Result<BookAuthor>;
    #[upsert]
    async fn upsert(&self, new: &BookAuthor) -> Result<BookAuthor>;
    #[delete]
    async fn delete(&self, book_id: &str, author_id: i64) -> Result<bool>;
}

#[derive(Entity, Insert, Clone, Debug, PartialEq)]
#[entity(table = "accounts")]
#[insert(Account)]
pub struct Account {
    #[id]
    pub account_id: String,
    pub balance: i64,
}

#[repository(entity = Account)]
pub trait Accounts {
    #[find]
    async fn get(&self, account_id: &str) -> Result<Account>;
    #[insert]
    async fn insert(&self, new: &Account) -> Result<()>;
    #[exec("UPDATE accounts SET balance = balance + :amount WHERE account_id = :account_id")]
    async fn add(&self, account_id: &str, amount: i64) -> Result<u64>;
    #[query("SELECT balance FROM accounts WHERE account_id = :account_id")]
    async fn balance(&self, account_id: &str) -> Result<i64>;
}

#[repository]
pub trait Log {
    #[exec("INSERT INTO log (entry) VALUES (:entry)")]
    async fn write(&self, entry: &str) -> Result<()>;
    #[query("SELECT entry FROM log ORDER BY id")]
    async fn entries(&self) -> Result<Vec<String>>;
}

#[derive(Value, Clone, Copy, Debug, PartialEq, Eq)]
#[value(rename_all = "snake_case")]
pub enum Mood {
    Happy,
    VerySad,
}

#[derive(Value, Clone, Debug, PartialEq, Eq)]
pub struct Tag(pub Uuid);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub name: String,
    pub pages: Vec<u32>,
}

/// One column per type, each of them nullable.
#[derive(Entity, Insert, Clone, Debug, PartialEq)]
#[entity(table = "samples")]
#[insert(Sample)]
pub struct Sample {
    #[id]
    pub id: String,
    pub flag: Option<bool>,
    pub small: Option<i16>,
    pub medium: Option<i32>,
    pub large: Option<i64>,
    pub single_float: Option<f32>,
    pub double_float: Option<f64>,
    pub words: Option<String>,
    pub raw: Option<Vec<u8>>,
    pub tag: Option<Tag>,
    pub moment: Option<Timestamp>,
    pub day: Option<civil::Date>,
    pub clock: Option<civil::Time>,
    pub amount: Option<Decimal>,
    pub document: Option<Json<Document>>,
    pub mood: Option<Mood>,
}

impl Sample {
    pub fn empty(id: &str) -> Sample {
        Sample {
            id: id.into(),
            flag: None,
            small: None,
            medium: None,
            large: None,
            single_float: None,
            double_float: None,
            words: None,
            raw: None,
            tag: None,
            moment: None,
            day: None,
            clock: None,
            amount: None,
            document: None,
            mood: None,
        }
    }
}

#[repository(entity = Sample)]
pub trait Samples {
    #[find]
    async fn get(&self, id: &str) -> Result<Sample>;
    #[insert]
    async fn insert(&self, new: &Sample) -> Result<Sample>;
    #[insert_many]
    async fn insert_many(&self, new: &[Sample]) -> Result<u64>;
    #[list]
    async fn list(&self) -> Result<Vec<Sample>>;
}
