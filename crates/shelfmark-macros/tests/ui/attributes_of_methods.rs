use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[repository(entity = Show)]
pub trait Shows {
    #[find]
    #[query("SELECT {*} FROM shows WHERE show_id = :show_id")]
    async fn twice(&self, show_id: &str) -> Result<Option<Show>>;

    async fn without(&self, show_id: &str) -> Result<Option<Show>>;

    #[find(by = "title")]
    async fn with_options(&self, title: &str) -> Result<Option<Show>>;

    #[cached(key = "show:{show_id}", ttl = "5m")]
    async fn only_cached(&self, show_id: &str) -> Result<Option<Show>>;

    #[evicts(key = "show:{show_id}")]
    async fn only_evicts(&self, show_id: &str) -> Result<()>;
}

fn main() {}

