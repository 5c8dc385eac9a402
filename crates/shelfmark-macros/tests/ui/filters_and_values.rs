use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub release_year: i32,
}

pub enum Kind {
    Movie,
}

#[derive(Filters)]
#[filters(Show)]
pub struct ShowFilters {
    #[filter(between)]
    pub release_year: Option<i32>,
    #[filter(is_null, column = release_year)]
    pub undated: Option<String>,
    #[filter(sql = "{table}.kind = :kind")]
    pub kind: Option<Kind>,
}

fn main() {}
