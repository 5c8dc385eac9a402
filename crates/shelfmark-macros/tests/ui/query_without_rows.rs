use shelfmark::prelude::*;

#[repository]
pub trait Shows {
    #[query("INSERT INTO shows (title) VALUES (:title)")]
    async fn insert(&self, title: &str) -> Result<i64>;

    #[query("CREATE TABLE shows (title TEXT)")]
    async fn create(&self) -> Result<Vec<String>>;

    #[query("WITH old AS (SELECT 1) DELETE FROM shows")]
    async fn delete(&self) -> Result<Vec<String>>;
}

fn main() {}

