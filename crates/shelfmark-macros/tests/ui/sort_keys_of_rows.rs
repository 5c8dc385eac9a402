use shelfmark::prelude::*;

#[derive(FromRow)]
pub struct RatingCount {
    pub rating: String,
    pub shows: i64,
}

#[derive(SortBy)]
#[sort(RatingCount)]
pub enum CountSort {
    Shows,
}

fn main() {}
