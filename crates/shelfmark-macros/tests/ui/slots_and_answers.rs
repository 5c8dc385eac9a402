use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[derive(SortBy)]
#[sort(Show)]
pub enum ShowSort {
    Title,
}

#[repository]
pub trait Shows {
    #[query("SELECT {*} FROM shows")]
    async fn page_of_all(&self) -> Result<Page<Show>>;

    #[query("SELECT {*} FROM shows ORDER BY {sort}")]
    async fn slice_of_all(&self, sort: Sort<ShowSort>) -> Result<Slice<Show>>;

    #[query("SELECT {*} FROM shows WHERE {after} ORDER BY {sort} {page}")]
    fn stream(&self, sort: Sort<ShowSort>, page: PageRequest) -> impl Stream<Item = Result<Show>> + Send;

    #[exec("DELETE FROM shows ORDER BY {sort} {page}")]
    async fn delete(&self, sort: Sort<ShowSort>, page: PageRequest) -> Result<u64>;
}

async fn slots_of_a_statement_without_a_trait(db: &Db) -> Result<Vec<Show>> {
    db.fetch_all(sql!("SELECT {*} FROM shows WHERE {filters}")).await
}

fn main() {}
