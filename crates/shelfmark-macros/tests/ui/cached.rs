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

#[derive(Filters)]
#[filters(Show)]
pub struct ShowFilters {
    #[filter(eq)]
    pub title: Option<String>,
}

#[repository(entity = Show)]
pub trait Keys {
    #[find]
    #[cached(key = "show:{shwo_id}", ttl = "5m")]
    async fn mistyped(&self, show_id: &str) -> Result<Option<Show>>;

    #[query("SELECT {*} FROM shows WHERE title = :title LIMIT :limit")]
    #[cached(key = "shows:{title}", ttl = "5m")]
    async fn left_out(&self, title: &str, limit: i64) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows WHERE {filters}")]
    #[cached(key = "shows:{filters.title}", ttl = "5m")]
    async fn a_field_only(&self, filters: &ShowFilters) -> Result<Vec<Show>>;

    #[query("SELECT {*} FROM shows WHERE title = :title LIMIT :limit")]
    #[cached(key = "shows:{title}-{limit}", ttl = "5m")]
    async fn not_separated(&self, title: &str, limit: i64) -> Result<Vec<Show>>;

    #[find]
    #[cached(key = "show|{show_id}", ttl = "5m")]
    async fn reserved(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(key = "show:{show_id", ttl = "5m")]
    async fn unclosed(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(ttl = "5m", tags = ["show:{}"])]
    async fn nameless(&self, show_id: &str) -> Result<Option<Show>>;

    #[list]
    #[cached(key = "", ttl = "5m")]
    async fn empty(&self) -> Result<Vec<Show>>;

    #[list]
    #[cached(key = "shows:{limit}", ttl = "5m")]
    async fn no_arguments(&self) -> Result<Vec<Show>>;

    #[list]
    #[cached(ttl = "5m", tag = "shows:{kind}")]
    async fn unknown_in_a_tag(&self, limit: i64) -> Result<Vec<Show>>;
}

#[repository(entity = Show)]
pub trait Times {
    #[find]
    #[cached]
    async fn without(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(key = "show:{show_id}")]
    async fn without_one(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(ttl = "5 minutes")]
    async fn no_unit(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(ttl = 300)]
    async fn a_number(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(ttl = "0s")]
    async fn zero(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(ttl = "5m", none_ttl = "0s")]
    async fn zero_for_none(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(tll = "5m")]
    async fn mistyped(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(ttl = "5m", tags = "shows")]
    async fn tags_without_brackets(&self, show_id: &str) -> Result<Option<Show>>;
}

#[repository(entity = Show)]
pub trait Places {
    #[insert]
    #[cached(ttl = "5m")]
    async fn insert(&self, new: &NewShow) -> Result<Show>;

    #[query("DELETE FROM shows WHERE title = :title RETURNING {*}")]
    #[cached(ttl = "5m")]
    async fn writes(&self, title: &str) -> Result<Vec<Show>>;

    #[exec("DELETE FROM shows")]
    #[cached(ttl = "5m")]
    async fn exec(&self) -> Result<u64>;

    #[list]
    #[cached(ttl = "5m")]
    fn stream(&self) -> impl Stream<Item = Result<Show>> + Send;

    #[find]
    #[cached(ttl = "5m")]
    #[evicts(key = "show:{show_id}")]
    async fn both(&self, show_id: &str) -> Result<Option<Show>>;

    #[find]
    #[cached(ttl = "5m")]
    #[cached(ttl = "1m")]
    async fn twice(&self, show_id: &str) -> Result<Option<Show>>;
}

fn main() {}
