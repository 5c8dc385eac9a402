use shelfmark::prelude::*;

pub struct Title(String);

#[repository]
pub trait Shows {
    #[query("SELECT title FROM shows")]
    async fn titles(&self) -> Result<Vec<Title>>;

    #[exec("DELETE FROM shows WHERE title = :title")]
    async fn delete(&self, title: &Title) -> Result<u64>;
}

fn main() {}

