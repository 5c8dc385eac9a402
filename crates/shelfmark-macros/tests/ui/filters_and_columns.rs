use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
    pub release_year: i32,
    pub extra: Json<Vec<String>>,
}

#[derive(Filters)]
#[filters(Show)]
pub struct ShowFilters {
    #[filter(eq)]
    pub year: Option<i32>,
    #[filter(eq)]
    pub release_year: Option<i64>,
    #[filter(contains, column = release_year)]
    pub digits: Option<i32>,
    #[filter(any, column = release_year)]
    pub years: Vec<String>,
    #[filter(eq)]
    pub title: Option<Vec<String>>,
    #[filter(any, column = title)]
    pub titles: Option<String>,
    #[filter(eq)]
    pub extra: Option<Json<Vec<String>>>,
}

fn main() {}
