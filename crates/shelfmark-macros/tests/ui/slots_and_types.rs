use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

pub struct NoFilters;

pub enum NoSort {}

#[repository]
pub trait Shows {
    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY title")]
    async fn filtered(&self, filters: &NoFilters) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows ORDER BY {sort}")]
    async fn sorted(&self, sort: Sort<NoSort>) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows ORDER BY title {page}")]
    async fn paged(&self, page: u64) -> Result<Vec<Show>>;
}

fn main() {}
