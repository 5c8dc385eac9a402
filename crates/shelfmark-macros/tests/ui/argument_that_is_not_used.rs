use shelfmark::prelude::*;

#[repository]
pub trait Shows {
    #[query("SELECT count(*) FROM shows")]
    async fn count(&self, limit: i64) -> Result<i64>;

    #[exec(sqlite = "DELETE FROM shows WHERE year = :year", postgres = "DELETE FROM shows")]
    async fn clear(&self, year: i32) -> Result<u64>;
}

fn main() {}

