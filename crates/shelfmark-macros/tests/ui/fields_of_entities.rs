use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id(auto)]
    pub id: i64,
    #[unique(title)]
    pub title: String,
    #[belongs_to]
    pub author_id: i64,
    #[column(name = "year")]
    pub release_year: i32,
}

#[derive(Entity)]
#[entity(table = "shows")]
pub struct SameColumn {
    #[id]
    pub id: i64,
    pub title: String,
    #[column("title")]
    pub name: String,
}

#[derive(Entity)]
#[entity(table = "shows")]
pub struct SameConstant {
    #[id]
    pub id: i64,
    pub primary_key: String,
}

fn main() {}

