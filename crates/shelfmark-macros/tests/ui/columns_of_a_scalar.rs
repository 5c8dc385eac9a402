use shelfmark::prelude::*;

#[repository]
pub trait Shows {
    #[query("SELECT {*} FROM shows")]
    async fn titles(&self) -> Result<Vec<String>>;
}

fn main() {}

