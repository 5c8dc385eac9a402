//! sea-orm with its defaults, on PostgreSQL and on SQLite: the same code.
//!
//! Many rows are stored by `insert_many` in chunks, in one transaction. What belongs to authors is loaded by the loader,
//! in one statement. On SQLite its transactions are begun as IMMEDIATE, since others fail.

mod entities;

use std::process::ExitCode;

use contestant::catalogue::NewAuthor;
use contestant::library::{Library, WithBooks, run};
use contestant::{Answer, Order, answer};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, ConnectOptions, Database,
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait as _, LoaderTrait as _,
    NotSet, QueryFilter as _, QueryOrder as _, QuerySelect as _, SqliteTransactionMode,
    TransactionOptions, TransactionTrait as _,
};

use crate::entities::{authors, books, new_authors, notes, tallies};

fn main() -> ExitCode {
    answer(measured)
}

async fn measured(order: Order) -> anyhow::Result<Answer> {
    let mut options = ConnectOptions::new(&order.url);
    if order.case == "connections" {
        options.max_connections(u32::try_from(order.tasks)?);
    }
    run(&order, Contestant(Database::connect(options).await?)).await
}

#[derive(Clone)]
struct Contestant(DatabaseConnection);

impl Contestant {
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        match self.0.get_database_backend() {
            DbBackend::Sqlite => self.0.begin_with_options(options).await,
            _ => self.0.begin().await,
        }
    }
}

fn note(author_id: i64, text: &str) -> notes::ActiveModel {
    notes::ActiveModel {
        id: NotSet,
        author_id: Set(author_id),
        text: Set(text.to_owned()),
    }
}

impl Library for Contestant {
    type Author = authors::Model;
    type Book = books::Model;

    async fn author(&self, id: i64) -> anyhow::Result<Option<authors::Model>> {
        Ok(authors::Entity::find_by_id(id).one(&self.0).await?)
    }

    async fn authors(&self, id: i64, limit: i64) -> anyhow::Result<Vec<authors::Model>> {
        let list = authors::Entity::find().filter(authors::Column::Id.gte(id));
        let list = list.order_by_asc(authors::Column::Id);
        Ok(list.limit(limit.cast_unsigned()).all(&self.0).await?)
    }

    async fn with_books(&self, id: i64, limit: i64) -> anyhow::Result<WithBooks<Self>> {
        let authors = self.authors(id, limit).await?;
        let books = authors.load_many(books::Entity, &self.0).await?;
        Ok(authors.into_iter().zip(books).collect())
    }

    async fn add_note(&self, author_id: i64, text: &str) -> anyhow::Result<i64> {
        Ok(note(author_id, text).insert(&self.0).await?.id)
    }

    async fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> anyhow::Result<Option<authors::Model>> {
        let whole = self.begin().await?;
        let author = authors::Entity::find_by_id(author_id).one(&whole).await?;
        let note = note(author_id, text).insert(&whole).await?;
        let tally = tallies::ActiveModel {
            author_id: Set(author_id),
            last_note: Set(note.id),
        };
        tally.update(&whole).await?;
        whole.commit().await?;
        Ok(author)
    }

    async fn add_authors(&self, rows: &[NewAuthor]) -> anyhow::Result<()> {
        // As many parameters as the engine takes, of which a row has four.
        let chunk_rows = match self.0.get_database_backend() {
            DbBackend::Sqlite => 32_766 / 4,
            _ => 65_535 / 4,
        };
        let whole = self.begin().await?;
        for chunk in rows.chunks(chunk_rows) {
            let chunk = chunk.iter().map(|row| new_authors::ActiveModel {
                id: Set(row.id),
                name: Set(row.name.clone()),
                country: Set(row.country.clone()),
                born: Set(row.born),
            });
            new_authors::Entity::insert_many(chunk)
                .exec_without_returning(&whole)
                .await?;
        }
        Ok(whole.commit().await?)
    }
}
