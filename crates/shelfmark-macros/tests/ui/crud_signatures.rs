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
    #[find]
    async fn without_key(&self) -> Result<Option<Show>>;

    #[find]
    async fn many(&self, show_id: &str) -> Result<Vec<Show>>;

    #[list]
    async fn filtered(&self, title: &str) -> Result<Vec<Show>>;

    #[insert]
    async fn insert(&self, show_id: &str, title: &str) -> Result<Show>;

    #[insert]
    async fn insert_several(&self, new: &[NewShow]) -> Result<()>;

    #[insert]
    async fn insert_perhaps(&self, new: &NewShow) -> Result<bool>;

    #[insert_many]
    async fn insert_many(&self, new: &NewShow) -> Result<u64>;

    #[insert_many]
    async fn insert_and_return(&self, new: &[NewShow]) -> Result<Show>;

    #[update]
    async fn update(&self, show_id: &str, title: &str) -> Result<Show>;

    #[delete]
    async fn delete(&self, show_id: &str) -> Result<Vec<Show>>;
}

#[repository]
pub trait WithoutEntity {
    #[find]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;
}

fn main() {}

