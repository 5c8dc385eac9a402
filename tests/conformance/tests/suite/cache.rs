//! A cache beside the database: what is kept is what the tables have.

use std::time::Duration;

use conformance::{Ground, on_every_engine};
use serde::{Deserialize, Serialize};
use shelfmark::Evictions;
use shelfmark::prelude::*;
use shelfmark_kv::Cache;

use crate::library::{NewBook, book};

#[derive(Entity, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[entity(table = "books")]
pub struct KeptBook {
    #[id]
    pub book_id: String,
    pub title: String,
    pub year: i32,
    pub rating: Option<String>,
}

#[repository(entity = KeptBook)]
pub trait KeptBooks {
    #[cached(key = "book:{book_id}", ttl = "1h", tag = "books")]
    #[find]
    async fn find(&self, book_id: &str) -> Result<Option<KeptBook>>;
    #[cached(ttl = "1h", tag = "books")]
    #[query("SELECT title FROM books WHERE year >= :since ORDER BY title")]
    async fn titles(&self, since: i32) -> Result<Vec<String>>;
    #[evicts(key = "book:{book_id}", tag = "books")]
    #[exec("INSERT INTO books (book_id, title, year) VALUES (:book_id, :title, :year)")]
    async fn add(&self, book_id: &str, title: &str, year: i32) -> Result<u64>;
    #[evicts(key = "book:{book_id}", tag = "books")]
    #[query("UPDATE books SET title = :title WHERE book_id = :book_id RETURNING title")]
    async fn rename(&self, book_id: &str, title: &str) -> Result<String>;
    #[evicts(key = "book:{book.book_id}", tag = "books")]
    #[update]
    async fn update(&self, book: &KeptBook) -> Result<KeptBook>;
    #[evicts(key = "book:{book_id}", tag = "books")]
    #[delete]
    async fn delete(&self, book_id: &str) -> Result<()>;
}

/// The database with a cache that keeps values, so that what is read next comes from it.
async fn cached(ground: &Ground) -> anyhow::Result<(Db, Cache)> {
    let cache = Cache::in_process();
    let db = ground.db().with_cache(cache.clone());
    // On PostgreSQL nothing is kept before other instances can be heard.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while cache.stats().hits == 0 {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "nothing is kept");
        db.kept_books().find("nothing").await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok((db, cache))
}

/// What is answered, from the cache where it has it, is what the tables have.
async fn agrees(db: &Db, ground: &Ground) -> anyhow::Result<()> {
    for _ in 0..2 {
        for id in ["a", "b", "c"] {
            assert_eq!(
                db.kept_books().find(id).await?,
                ground.kept_books().find(id).await?
            );
        }
        assert_eq!(
            db.kept_books().titles(1980).await?,
            ground.kept_books().titles(1980).await?
        );
    }
    Ok(())
}

on_every_engine! {
    async fn an_answer_is_kept_until_it_is_evicted(ground) {
        let (db, cache) = cached(ground).await?;
        let books = db.kept_books();
        books.add("a", "Alien", 1979).await?;
        assert_eq!(books.find("a").await?.map(|book| book.title).as_deref(), Some("Alien"));
        // Past the cache, so it is not noticed.
        ground.kept_books().rename("a", "Aliens").await?;
        assert_eq!(books.find("a").await?.map(|book| book.title).as_deref(), Some("Alien"));
        db.evict(Evictions::new().tag("books")).await?;
        assert_eq!(books.find("a").await?.map(|book| book.title).as_deref(), Some("Aliens"));
        assert!(cache.stats().hits > 1);
    }

    async fn each_kind_of_write_evicts_what_it_changed(ground) {
        let (db, _) = cached(ground).await?;
        let books = db.kept_books();
        agrees(&db, ground).await?;
        books.add("a", "Alien", 1979).await?;
        agrees(&db, ground).await?;
        books.add("b", "Brazil", 1985).await?;
        agrees(&db, ground).await?;
        books.rename("b", "Brazil!").await?;
        agrees(&db, ground).await?;
        let mut alien = books.find("a").await?.unwrap();
        alien.year = 1986;
        books.update(&alien).await?;
        agrees(&db, ground).await?;
        assert!(books.add("c", "Alien", 1).await.unwrap_err().is_unique_violation());
        agrees(&db, ground).await?;
        books.delete("a").await?;
        agrees(&db, ground).await?;
        assert!(books.delete("a").await.unwrap_err().is_not_found());
        agrees(&db, ground).await?;
    }

    async fn a_transaction_evicts_with_its_commit_and_never_without(ground) {
        let (db, _) = cached(ground).await?;
        db.kept_books().add("a", "Alien", 1979).await?;
        agrees(&db, ground).await?;
        db.transaction(async |tx| {
            tx.kept_books().add("b", "Brazil", 1985).await?;
            assert!(tx.kept_books().find("b").await?.is_some());
            let undone = tx.savepoint(async |sp| {
                sp.kept_books().rename("a", "undone").await?;
                assert_eq!(sp.kept_books().find("a").await?.map(|book| book.title).as_deref(), Some("undone"));
                Err::<(), _>(Error::not_found("undo"))
            }).await;
            assert!(undone.unwrap_err().is_not_found());
            Ok::<_, Error>(())
        }).await?;
        agrees(&db, ground).await?;
        let undone = db.transaction(async |tx| {
            tx.kept_books().delete("a").await?;
            assert!(tx.kept_books().find("a").await?.is_none());
            Err::<(), _>(Error::not_found("undo"))
        }).await;
        assert!(undone.unwrap_err().is_not_found());
        assert!(db.kept_books().find("a").await?.is_some());
        agrees(&db, ground).await?;
    }

    async fn sql_without_evicts_evicts_by_hand(ground) {
        let (db, _) = cached(ground).await?;
        let new: NewBook = book("a", "Alien", 1979);
        db.kept_books().add(&new.book_id, &new.title, new.year).await?;
        agrees(&db, ground).await?;
        db.transaction(async |tx| {
            tx.execute(sql!("UPDATE books SET year = 1986")).await?;
            tx.evict(Evictions::new().key("book:a").tag("books"))
        }).await?;
        agrees(&db, ground).await?;
        assert_eq!(db.kept_books().titles(1980).await?, ["Alien"]);
    }
}
