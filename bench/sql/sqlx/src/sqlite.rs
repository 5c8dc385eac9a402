//! On SQLite.

use contestant::catalogue::NewAuthor;
use contestant::library::{Library, WithBooks};
use sqlx::{QueryBuilder, Sqlite, SqlitePool, query, query_as, query_scalar};

use crate::rows::{ADD_NOTE, AUTHOR, AUTHORS, Author, Book, SET_TALLY, joined};

/// SQLite takes 32,766 parameters, of which a row has four.
const CHUNK_ROWS: usize = 32_766 / 4;

#[derive(Clone)]
pub(crate) struct Contestant(pub(crate) SqlitePool);

impl Library for Contestant {
    type Author = Author;
    type Book = Book;

    async fn author(&self, id: i64) -> anyhow::Result<Option<Author>> {
        Ok(query_as(AUTHOR).bind(id).fetch_optional(&self.0).await?)
    }

    async fn authors(&self, id: i64, limit: i64) -> anyhow::Result<Vec<Author>> {
        Ok(query_as(AUTHORS)
            .bind(id)
            .bind(limit)
            .fetch_all(&self.0)
            .await?)
    }

    async fn add_note(&self, author_id: i64, text: &str) -> anyhow::Result<i64> {
        let note = query_scalar(ADD_NOTE).bind(author_id).bind(text);
        Ok(note.fetch_one(&self.0).await?)
    }

    async fn note_in_transaction(
        &self,
        author_id: i64,
        text: &str,
    ) -> anyhow::Result<Option<Author>> {
        let mut whole = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let author = query_as(AUTHOR).bind(author_id);
        let author = author.fetch_optional(&mut *whole).await?;
        let note = query_scalar(ADD_NOTE).bind(author_id).bind(text);
        let note: i64 = note.fetch_one(&mut *whole).await?;
        let tally = query(SET_TALLY).bind(author_id).bind(note);
        tally.execute(&mut *whole).await?;
        whole.commit().await?;
        Ok(author)
    }

    async fn with_books(&self, id: i64, limit: i64) -> anyhow::Result<WithBooks<Self>> {
        let authors = self.authors(id, limit).await?;
        let mut books = QueryBuilder::<Sqlite>::new(
            "SELECT id, author_id, title, year FROM books WHERE author_id IN (",
        );
        let mut ids = books.separated(", ");
        for author in &authors {
            ids.push_bind(author.id);
        }
        ids.push_unseparated(") ORDER BY author_id, id");
        let books = books.build_query_as().fetch_all(&self.0).await?;
        Ok(joined(authors, books))
    }

    async fn add_authors(&self, rows: &[NewAuthor]) -> anyhow::Result<()> {
        let mut whole = self.0.begin_with("BEGIN IMMEDIATE").await?;
        for chunk in rows.chunks(CHUNK_ROWS) {
            let mut insert =
                QueryBuilder::<Sqlite>::new("INSERT INTO new_authors (id, name, country, born) ");
            insert.push_values(chunk, |mut values, row| {
                values
                    .push_bind(row.id)
                    .push_bind(row.name.as_str())
                    .push_bind(row.country.as_deref())
                    .push_bind(row.born);
            });
            insert.build().execute(&mut *whole).await?;
        }
        Ok(whole.commit().await?)
    }
}
