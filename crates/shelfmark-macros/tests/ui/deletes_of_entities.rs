use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[derive(Entity)]
#[entity(table = "casts", key = (show_id, actor_id))]
pub struct Cast {
    pub show_id: String,
    pub actor_id: i64,
}

#[repository(entity = Show)]
pub trait Shows {
    #[delete(hard)]
    async fn for_good(&self, show_id: &str) -> Result<bool>;

    #[restore]
    async fn restore(&self, show_id: &str) -> Result<bool>;

    #[delete_many]
    async fn by_pairs(&self, keys: &[(String, i64)]) -> Result<u64>;
}

#[repository(entity = Cast)]
pub trait Casts {
    #[delete_many]
    async fn by_shows(&self, shows: &[String]) -> Result<u64>;

    #[delete_many]
    async fn by_triples(&self, keys: &[(String, i64, i64)]) -> Result<u64>;
}

fn main() {}
