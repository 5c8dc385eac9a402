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
    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY {sort} {page}")]
    async fn arguments_are_missing(&self) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows ORDER BY {title}")]
    async fn no_such_slot(&self) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows WHERE {filter}")]
    async fn misspelt(&self, filter: &ShowFilters) -> Result<Vec<Show>>;

    #[query("SELECT {s.*} FROM shows s ORDER BY {s.sort} {s.page}")]
    async fn an_alias_of_no_columns(&self, sort: Sort<ShowSort>, page: PageRequest) -> Result<Slice<Show>>;

    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY title, {sort} {page}")]
    async fn ordered_by_more(
        &self,
        filters: &ShowFilters,
        sort: Sort<ShowSort>,
        page: PageRequest,
    ) -> Result<Slice<Show>>;

    #[query("SELECT {*} FROM shows WHERE {filters} ORDER BY {sort} {page} {page}")]
    async fn twice(
        &self,
        filters: &ShowFilters,
        sort: Sort<ShowSort>,
        page: PageRequest,
    ) -> Result<Slice<Show>>;

    #[query("SELECT {*} FROM shows WHERE {after} ORDER BY {sort}")]
    async fn after_what(&self, sort: Sort<ShowSort>) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows ORDER BY title")]
    async fn not_used(&self, filters: &ShowFilters) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows WHERE title = {tenant}")]
    async fn tenant_of_what(&self) -> Result<Vec<Show>>;

    #[query(
        sqlite = "SELECT {*} FROM shows WHERE {filters} ORDER BY title",
        postgres = "SELECT {*} FROM shows ORDER BY title COLLATE \"C\""
    )]
    async fn on_one_engine_only(&self, filters: &ShowFilters) -> Result<Vec<Show>>;
}

fn main() {}
