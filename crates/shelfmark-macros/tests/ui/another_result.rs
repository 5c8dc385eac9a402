use shelfmark::prelude::*;

type Result<T> = std::result::Result<T, String>;

#[repository]
pub trait Shows {
    #[query("SELECT count(*) FROM shows")]
    async fn count(&self) -> Result<i64>;
}

fn main() {}

