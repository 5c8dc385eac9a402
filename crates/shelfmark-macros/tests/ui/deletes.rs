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
    #[delete(soft)]
    async fn softly(&self, show_id: &str) -> Result<bool>;

    #[restore(all)]
    async fn restore_all(&self, show_id: &str) -> Result<bool>;

    #[restore]
    async fn restored(&self, show_id: &str) -> Result<Vec<Show>>;

    #[delete_many]
    async fn one_of_many(&self, show_id: &str) -> Result<u64>;

    #[delete_many]
    async fn whether(&self, keys: &[String]) -> Result<bool>;

    #[update_many]
    async fn update_one(&self, show: &Show) -> Result<u64>;

    #[update_many]
    async fn update_perhaps(&self, shows: &[Show]) -> Result<Option<Show>>;
}

fn main() {}
