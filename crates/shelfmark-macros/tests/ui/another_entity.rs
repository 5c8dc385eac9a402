use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[derive(Entity)]
#[entity(table = "genres")]
pub struct Genre {
    #[id]
    pub name: String,
}

#[repository(entity = Show)]
pub trait Shows {
    #[find]
    async fn find(&self, show_id: &str) -> Result<Option<Genre>>;
}

fn main() {}

