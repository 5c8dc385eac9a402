//! On PostgreSQL.

use contestant::catalogue::NewAuthor;
use contestant::library::{Library, WithBooks};
use sqlx::{PgPool, query, query_as, query_scalar};

use crate::rows::{ADD_NOTE, AUTHOR, AUTHORS, Author, Book, SET_TALLY, joined};

#[derive(Clone)]
pub(crate) struct Contestant(pub(crate) PgPool);

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
        let mut whole = self.0.begin().await?;
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
        let ids: Vec<i64> = authors.iter().map(|author| author.id).collect();
        let books = query_as(
            "SELECT id, author_id, title, year FROM books WHERE author_id = ANY($1) ORDER BY author_id, id",
        );
        let books = books.bind(ids).fetch_all(&self.0).await?;
        Ok(joined(authors, books))
    }

    async fn add_authors(&self, rows: &[NewAuthor]) -> anyhow::Result<()> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let countries: Vec<Option<&str>> = rows.iter().map(|row| row.country.as_deref()).collect();
        let born: Vec<i64> = rows.iter().map(|row| row.born).collect();
        query(
            "INSERT INTO new_authors (id, name, country, born) \
             SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::bigint[])",
        )
        .bind(ids)
        .bind(names)
        .bind(countries)
        .bind(born)
        .execute(&self.0)
        .await?;
        Ok(())
    }
}
