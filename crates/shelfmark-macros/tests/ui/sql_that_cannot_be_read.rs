use shelfmark::prelude::*;

#[repository]
pub trait Shows {
    #[exec("DELETE FROM shows; DELETE FROM genres")]
    async fn clear(&self) -> Result<()>;

    #[query("SELECT count(*) FROM shows WHERE title = $1")]
    async fn by_position(&self, title: &str) -> Result<i64>;

    #[query("SELECT count(*) FROM shows WHERE title = 'it")]
    async fn unclosed(&self) -> Result<i64>;

    #[query("")]
    async fn empty(&self) -> Result<i64>;
}

fn main() {}

