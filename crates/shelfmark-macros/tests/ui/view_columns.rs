use shelfmark::prelude::*;

#[derive(Entity, Clone)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub id: i64,
    pub title: String,
    #[belongs_to(Studio)]
    pub studio_id: Option<i64>,
    #[belongs_to(Version)]
    pub version_id: i64,
}

#[derive(Entity, Clone)]
#[entity(table = "studios")]
pub struct Studio {
    #[id]
    pub id: i64,
    pub title: String,
}

#[derive(Entity, Clone)]
#[entity(table = "versions", key = (id, version))]
pub struct Version {
    pub id: i64,
    pub version: i32,
}

#[derive(View)]
pub struct NullIsNoRow {
    #[view(root)]
    pub show: Show,
    #[view(one)]
    pub studio: Studio,
}

#[derive(View)]
pub struct AnotherType {
    #[view(root)]
    pub show: Show,
    #[view(one, by = title)]
    pub studio: Option<Studio>,
}

#[derive(View)]
pub struct ManyColumns {
    #[view(root)]
    pub show: Show,
    #[view(one)]
    pub version: Version,
}

#[derive(View)]
pub struct UnknownColumn {
    #[view(root)]
    pub studio: Studio,
    #[view(many, order = "-titel")]
    pub shows: Vec<Show>,
}

#[derive(Entity, Clone)]
#[entity(table = "links")]
pub struct Link {
    #[id]
    pub id: i64,
    #[belongs_to(Show)]
    pub show_id: i64,
    #[belongs_to(Studio)]
    pub studio_id: i64,
    pub title: String,
}

#[derive(View)]
pub struct ColumnsOfBoth {
    #[view(root)]
    pub show: Show,
    #[view(many, through = Link, order = "title")]
    pub ambiguous: Vec<Studio>,
    #[view(many, through = Link, order = "year")]
    pub unknown: Vec<Studio>,
}

fn main() {}
