use shelfmark::prelude::*;

#[repository]
pub trait Shows {
    #[exec("SELECT count(*) FROM shows")]
    async fn count(&self) -> Result<u64>;

    #[exec("DELETE FROM shows WHERE title = :title RETURNING id")]
    async fn delete(&self, title: &str) -> Result<u64>;

    #[exec("INSERT INTO shows SELECT {*} FROM old_shows")]
    async fn copy(&self) -> Result<u64>;

    #[exec("DELETE FROM shows")]
    async fn clear(&self) -> Result<Vec<String>>;
}

fn main() {}

