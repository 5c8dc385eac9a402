//! toasty with its defaults, on PostgreSQL and on SQLite: the same code.
//!
//! What belongs to authors is loaded by `include`. Many rows are stored by `create_many` in chunks, in one transaction. On
//! SQLite transactions begin as IMMEDIATE, since others fail.

mod models;
mod rows;

use std::process::ExitCode;

use contestant::catalogue::NewAuthor;
use contestant::library::{Library, WithBooks, run};
use contestant::{Answer, Order, answer};
use toasty::Db;
use toasty_core::driver::operation::TransactionMode;

use crate::models::{Author, Book, Note, Stored, Tally};

fn main() -> ExitCode {
    answer(measured)
}

async fn measured(order: Order) -> anyhow::Result<Answer> {
    let models = toasty::models!(Author, Book, Note, Stored, Tally);
    let is_sqlite = order.url.starts_with("sqlite:");
    // It wants a path behind one slash less.
    let url = order.url.replace("sqlite://", "sqlite:");
    let mut builder = Db::builder();
    builder.models(models);
    if order.case == "connections" {
        builder.max_pool_size(order.tasks);
    }
    let db = builder.connect(&url).await?;
    run(&order, Contestant { db, is_sqlite }).await
}

#[derive(Clone)]
struct Contestant {
    db: Db,
    is_sqlite: bool,
}

impl Contestant {
    fn mode(&self) -> TransactionMode {
        if self.is_sqlite {
            TransactionMode::Immediate
        } else {
            TransactionMode::Default
        }
    }
}

impl Library for Contestant {
    type Author = Author;
    type Book = Book;

    async fn author(&self, id: i64) -> anyhow::Result<Option<Author>> {
        let mut db = self.db.clone();
        Ok(Author::filter_by_id(id).first().exec(&mut db).await?)
    }

    async fn authors(&self, id: i64, limit: i64) -> anyhow::Result<Vec<Author>> {
        let mut db = self.db.clone();
        let list = Author::filter(Author::fields().id().ge(id));
        let list = list.order_by(Author::fields().id().asc());
        Ok(list.limit(usize::try_from(limit)?).exec(&mut db).await?)
    }

    async fn with_books(&self, id: i64, limit: i64) -> anyhow::Result<WithBooks<Self>> {
        let mut db = self.db.clone();
        let list = Author::filter(Author::fields().id().ge(id));
        let list = list.order_by(Author::fields().id().asc());
        let list = list.limit(usize::try_from(limit)?);
        let authors = list.include(Author::fields().books()).exec(&mut db).await?;
        Ok(authors.into_iter().map(Author::with_books).collect())
    }

    async fn add_note(&self, author_id: i64, text: &str) -> anyhow::Result<i64> {
        let mut db = self.db.clone();
        let note = Note::create().author_id(author_id).text(text);
        Ok(note.exec(&mut db).await?.id)
    }

    async fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> anyhow::Result<Option<Author>> {
        let mut db = self.db.clone();
        let mut whole = db.transaction_builder().mode(self.mode()).begin().await?;
        let author = Author::filter_by_id(author_id)
            .first()
            .exec(&mut whole)
            .await?;
        let note = Note::create().author_id(author_id).text(text);
        let note = note.exec(&mut whole).await?;
        let tally = Tally::filter_by_author_id(author_id).update();
        tally.last_note(note.id).exec(&mut whole).await?;
        whole.commit().await?;
        Ok(author)
    }

    async fn add_authors(&self, rows: &[NewAuthor]) -> anyhow::Result<()> {
        // As many parameters as the engine takes, of which a row has four.
        let chunk_rows = if self.is_sqlite {
            32_766 / 4
        } else {
            65_535 / 4
        };
        let mut db = self.db.clone();
        let mut whole = db.transaction_builder().mode(self.mode()).begin().await?;
        for chunk in rows.chunks(chunk_rows) {
            let mut insert = Stored::create_many();
            for row in chunk {
                insert = insert.item(
                    Stored::create()
                        .id(row.id)
                        .name(&row.name)
                        .country(row.country.clone())
                        .born(row.born),
                );
            }
            insert.exec(&mut whole).await?;
        }
        Ok(whole.commit().await?)
    }
}
