use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[derive(Insert)]
#[insert(Show)]
pub struct NewShow {
    pub show_id: String,
    pub titel: String,
}

#[derive(Insert)]
pub struct WithoutEntity {
    pub show_id: String,
}

#[derive(Insert)]
#[insert(Show)]
pub struct Borrowed<'a> {
    pub show_id: &'a str,
}

fn main() {}

