use shelfmark::Between;
use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
    pub release_year: i32,
}

#[derive(Filters)]
pub struct OfNothing {
    #[filter(eq)]
    pub title: Option<String>,
}

#[derive(Filters)]
#[filters(Show)]
pub enum Choice {
    Title,
}

#[derive(Filters)]
#[filters(Show)]
pub struct Comparisons {
    pub title: Option<String>,
    #[filter(equals)]
    pub show_id: Option<String>,
    #[filter(start_with, column = title)]
    pub begins: Option<String>,
    #[filter(ge, le)]
    pub release_year: Option<i32>,
    #[filter(eq, sql = "{table}.title = :name")]
    pub name: Option<String>,
    #[filter(eq, column = title, column = show_id)]
    pub two_columns: Option<String>,
}

#[derive(Filters)]
#[filters(Show)]
pub struct Containers {
    #[filter(eq)]
    pub title: String,
    #[filter(eq, column = title)]
    pub titles: Vec<String>,
    #[filter(any, column = title)]
    pub any_title: String,
    #[filter(eq, column = release_year)]
    pub new: bool,
    #[filter(between, column = release_year)]
    pub years: Between<i32>,
}

#[derive(Filters)]
#[filters(Show)]
pub struct Written {
    #[filter(sql = "{table}.release_year > 2000")]
    pub new: Option<i32>,
    #[filter(sql = "{table}.title = :titel")]
    pub title: Option<String>,
    #[filter(sql = "{table}.title = :other")]
    pub unlike: Option<String>,
    #[filter(sql = "{table}.title = :name", with(length: i64 = |name| name.len() as i64))]
    pub name: Option<String>,
    #[filter(sql = "{table}.title = :untyped", with(length = |name| name.len() as i64))]
    pub untyped: Option<String>,
    #[filter(sqlite = "{table}.title = :engine")]
    pub engine: Option<String>,
    #[filter(sql = "{tabel}.title = :slot")]
    pub slot: Option<String>,
    #[filter(sql = "title = :column", column = title)]
    pub column: Option<String>,
}

fn main() {}
