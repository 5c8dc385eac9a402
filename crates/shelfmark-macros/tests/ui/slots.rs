use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[repository]
pub trait Shows {
    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY {sort} {page}")]
    async fn search(&self) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows ORDER BY {title}")]
    async fn sorted(&self) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows")]
    async fn page(&self) -> Result<Page<Show>>;
}

fn main() {}

