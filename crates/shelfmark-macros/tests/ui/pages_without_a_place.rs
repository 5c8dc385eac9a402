use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[derive(Filters)]
#[filters(Show)]
pub struct ShowFilters {
    #[filter(eq)]
    pub title: Option<String>,
}

#[derive(SortBy)]
#[sort(Show)]
pub enum ShowSort {
    Title,
}

#[repository]
pub trait Shows {
    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY title {page}")]
    async fn without_sort(&self, filters: &ShowFilters, page: PageRequest) -> Result<Slice<Show>>;

    #[query("SELECT {*} FROM shows ORDER BY {sort} {page}")]
    async fn without_filters(&self, sort: Sort<ShowSort>, page: PageRequest) -> Result<Slice<Show>>;
}

fn main() {}
