use shelfmark::prelude::*;

use futures_core::Stream;

#[repository(dyn)]
pub trait Shows {
    #[query("SELECT title FROM shows WHERE rating = :rating")]
    fn titles(&self, rating: &str) -> impl Stream<Item = Result<String>> + Send;
}

fn main() {}

