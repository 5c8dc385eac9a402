//! Shelfmark with its defaults, on PostgreSQL and on SQLite: the same code.

use std::process::ExitCode;

use contestant::catalogue::{self, AuthorRow, BookRow};
use contestant::library::{Library, WithBooks, run};
use contestant::{Answer, Order, answer};
use shelfmark::prelude::*;
use shelfmark::{DatabaseConfig, Db};

fn main() -> ExitCode {
    answer(measured)
}

async fn measured(order: Order) -> anyhow::Result<Answer> {
    let mut config = DatabaseConfig::from_url(&order.url)?;
    if order.case == "connections" {
        config.pool.max = order.tasks;
    }
    run(&order, Contestant(Db::connect(config).await?)).await
}

#[derive(Entity, Clone, Debug)]
#[entity(table = "authors")]
struct Author {
    #[id]
    id: i64,
    name: String,
    country: Option<String>,
    born: i64,
}

#[derive(Entity, Clone, Debug)]
#[entity(table = "books")]
struct Book {
    #[id]
    id: i64,
    #[belongs_to(Author)]
    author_id: i64,
    title: String,
    year: i64,
}

#[derive(Entity, Clone, Debug)]
#[entity(table = "notes")]
struct Note {
    #[id(generated)]
    id: i64,
    author_id: i64,
    text: String,
}

#[derive(Insert, Debug)]
#[insert(Note)]
struct NewNote {
    author_id: i64,
    text: String,
}

#[derive(Entity, Clone, Debug)]
#[entity(table = "new_authors")]
struct Stored {
    #[id]
    id: i64,
    name: String,
    country: Option<String>,
    born: i64,
}

#[derive(Insert, Debug)]
#[insert(Stored)]
struct NewAuthor {
    id: i64,
    name: String,
    country: Option<String>,
    born: i64,
}

#[derive(View, Debug)]
struct WithTheirBooks {
    #[view(root)]
    author: Author,
    #[view(many, order = "id")]
    books: Vec<Book>,
}

#[repository(entity = Author)]
trait Authors {
    #[find]
    async fn find(&self, id: i64) -> Result<Option<Author>>;
    #[query("SELECT {*} FROM authors WHERE id >= :id ORDER BY id LIMIT :limit")]
    async fn list(&self, id: i64, limit: i64) -> Result<Vec<Author>>;
    #[query("SELECT {*} FROM authors WHERE id >= :id ORDER BY id LIMIT :limit")]
    async fn with_books(&self, id: i64, limit: i64) -> Result<Vec<WithTheirBooks>>;
    #[exec("UPDATE tallies SET last_note = :note WHERE author_id = :author_id")]
    async fn set_tally(&self, author_id: i64, note: i64) -> Result<u64>;
}

#[repository(entity = Note)]
trait Notes {
    #[insert]
    async fn insert(&self, new: &NewNote) -> Result<Note>;
}

#[repository(entity = Stored)]
trait NewAuthors {
    #[insert_many]
    async fn insert_many(&self, new: &[NewAuthor]) -> Result<u64>;
}

fn new_note(author_id: i64, text: &str) -> NewNote {
    NewNote {
        author_id,
        text: text.to_owned(),
    }
}

#[derive(Clone)]
struct Contestant(Db);

impl Library for Contestant {
    type Author = Author;
    type Book = Book;

    async fn author(&self, id: i64) -> anyhow::Result<Option<Author>> {
        Ok(self.0.authors().find(id).await?)
    }

    async fn authors(&self, id: i64, limit: i64) -> anyhow::Result<Vec<Author>> {
        Ok(self.0.authors().list(id, limit).await?)
    }

    async fn with_books(&self, id: i64, limit: i64) -> anyhow::Result<WithBooks<Self>> {
        let found = self.0.authors().with_books(id, limit).await?;
        Ok(found
            .into_iter()
            .map(|one| (one.author, one.books))
            .collect())
    }

    async fn add_note(&self, author_id: i64, text: &str) -> anyhow::Result<i64> {
        let note = self.0.notes().insert(&new_note(author_id, text)).await?;
        Ok(note.id)
    }

    async fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> anyhow::Result<Option<Author>> {
        let scope = async |tx: Tx| -> Result<Option<Author>> {
            let author = tx.authors().find(author_id).await?;
            let note = tx.notes().insert(&new_note(author_id, text)).await?;
            tx.authors().set_tally(author_id, note.id).await?;
            Ok(author)
        };
        Ok(self.0.transaction(scope).await?)
    }

    async fn add_authors(&self, rows: &[catalogue::NewAuthor]) -> anyhow::Result<()> {
        let rows: Vec<NewAuthor> = rows
            .iter()
            .map(|row| NewAuthor {
                id: row.id,
                name: row.name.clone(),
                country: row.country.clone(),
                born: row.born,
            })
            .collect();
        self.0.new_authors().insert_many(&rows).await?;
        Ok(())
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
