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
    pub code: String,
}

#[derive(Entity, Clone)]
#[entity(table = "studios")]
pub struct Studio {
    #[id]
    pub id: i64,
}

#[derive(Entity, Clone)]
#[entity(table = "versions", key = (id, version))]
pub struct Version {
    pub id: i64,
    pub version: i32,
}

#[derive(Entity, Clone)]
#[entity(table = "transfers")]
pub struct Transfer {
    #[id]
    pub id: i64,
    #[belongs_to(Studio)]
    pub seller_id: i64,
    #[belongs_to(Studio)]
    pub buyer_id: i64,
    #[belongs_to(Show)]
    pub show_id: i64,
}

#[derive(View)]
pub struct Referring {
    #[view(root)]
    pub transfer: Transfer,
    #[view(one)]
    pub buyer: Studio,
}

#[derive(View)]
pub struct NotReferring {
    #[view(root)]
    pub studio: Studio,
    #[view(many)]
    pub versions: Vec<Version>,
}

#[derive(View)]
pub struct NotAField {
    #[view(root)]
    pub transfer: Transfer,
    #[view(one, by = byuer_id)]
    pub buyer: Studio,
}

#[derive(View)]
pub struct NotAnEntity {
    #[view(root)]
    pub show: Show,
    #[view(one, by = title)]
    pub title: String,
}

fn main() {}
