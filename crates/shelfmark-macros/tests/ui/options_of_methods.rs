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
    pub title: String,
}

#[repository(entity = Show)]
pub trait Shows {
    #[query]
    async fn without_sql(&self) -> Result<i64>;

    #[query(SELECT)]
    async fn without_quotes(&self) -> Result<i64>;

    #[query("SELECT 1", notnull = "a")]
    async fn mistyped(&self) -> Result<i64>;

    #[query("SELECT 1", with_deletd)]
    async fn mistyped_word(&self) -> Result<i64>;

    #[query("SELECT 1", across_tenants, across_tenants)]
    async fn said_twice(&self) -> Result<i64>;

    #[query("SELECT 1", postgres = "SELECT 2")]
    async fn both(&self) -> Result<i64>;

    #[query(file = "sql/no_such_file.sql")]
    async fn file(&self) -> Result<i64>;

    #[insert_many(on_conflict = "update")]
    async fn insert_many(&self, new: &[NewShow]) -> Result<u64>;

    #[upsert(by = "title")]
    async fn upsert(&self, new: &NewShow) -> Result<u64>;
}

fn main() {}

