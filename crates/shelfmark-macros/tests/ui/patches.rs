use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[derive(Patch)]
pub struct OfNothing {
    pub title: Change<String>,
}

#[derive(Patch)]
#[patch(Show)]
pub struct Plain {
    pub title: String,
}

#[derive(Patch)]
#[patch(Show)]
pub struct Empty {}

#[derive(Patch)]
#[patch(Show)]
pub struct Renamed {
    #[column("title")]
    pub name: Change<String>,
}

#[derive(Patch)]
#[patch(Show)]
pub struct ShowPatch {
    pub title: Change<String>,
}

#[repository(entity = Show)]
pub trait Shows {
    #[patch]
    async fn without_key(&self, patch: &ShowPatch) -> Result<Show>;

    #[patch]
    async fn of_many(&self, show_id: &str, patch: &[ShowPatch]) -> Result<Show>;

    #[patch]
    async fn answers_many(&self, show_id: &str, patch: &ShowPatch) -> Result<Vec<Show>>;

    #[patch(all)]
    async fn with_options(&self, show_id: &str, patch: &ShowPatch) -> Result<Show>;
}

fn main() {}
