use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub rating: Option<String>,
    pub extra: Json<Vec<String>>,
}

#[derive(SortBy)]
#[sort(Show)]
pub enum ShowSort {
    Titel,
    Rating,
    Extra,
    #[sort(sql = "length({table}.rating)", ty = Option<i64>)]
    Length,
}

fn main() {}
