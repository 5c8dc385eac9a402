use shelfmark::prelude::*;

#[derive(Entity)]
pub struct WithoutTable {
    #[id]
    pub id: i64,
}

#[derive(Entity)]
#[entity(table = "shows")]
pub struct WithoutKey {
    pub title: String,
}

#[derive(Entity)]
#[entity(table = "shows", key = (id))]
pub struct TwoKeys {
    #[id]
    pub id: i64,
}

#[derive(Entity)]
#[entity(table = "shows", key = (show_id, gener_id), unique = (title, title))]
pub struct UnknownField {
    pub show_id: i64,
    pub genre_id: i64,
    pub title: String,
}

#[derive(Entity)]
#[entity(name = "shows")]
pub struct UnknownOption {
    #[id]
    pub id: i64,
}

#[derive(Entity)]
#[entity(table = "shows")]
pub struct GeneratedPair {
    #[id(generated)]
    pub a: i64,
    #[id]
    pub b: i64,
}

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Generic<T> {
    #[id]
    pub id: T,
}

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Tuple(#[id] i64);

fn main() {}

