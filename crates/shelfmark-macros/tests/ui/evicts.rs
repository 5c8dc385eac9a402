use futures_core::Stream;
use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

#[derive(Entity, Serialize, Deserialize, Clone)]
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
    #[find]
    #[evicts(key = "show:{show_id}")]
    async fn reads(&self, show_id: &str) -> Result<Option<Show>>;

    #[query("SELECT {*} FROM shows")]
    #[evicts(tag = "shows")]
    async fn selects(&self) -> Result<Vec<Show>>;

    #[insert]
    #[evicts]
    async fn nothing(&self, new: &NewShow) -> Result<Show>;

    #[insert]
    #[evicts(key = "show:{nwe.show_id}")]
    async fn mistyped(&self, new: &NewShow) -> Result<Show>;

    #[insert_many]
    #[evicts(key = "show:{new.show_id}")]
    async fn fields_of_a_list(&self, new: &[NewShow]) -> Result<u64>;

    #[delete_many]
    #[evicts(keys = ["show:{keys}"])]
    async fn a_list(&self, keys: &[String]) -> Result<u64>;

    #[delete]
    #[evicts(ttl = "5m", key = "show:{show_id}")]
    async fn with_a_time(&self, show_id: &str) -> Result<bool>;

    #[delete]
    #[evicts(key = "show:{show_id}", tag = "a,b")]
    async fn reserved(&self, show_id: &str) -> Result<bool>;

    #[query("DELETE FROM shows RETURNING {*}")]
    #[evicts(tag = "shows")]
    fn stream(&self) -> impl Stream<Item = Result<Show>> + Send;
}

fn main() {}
