use jiff::Timestamp;
use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows", key = (show_id, season))]
pub struct Show {
    pub show_id: String,
    pub season: i32,
    pub title: String,
    pub rating: Option<String>,
    #[version]
    pub version: i64,
    #[created_at]
    pub created_at: Timestamp,
}

#[derive(Patch)]
#[patch(Show)]
pub struct Wrong {
    pub show_id: Change<String>,
    pub created_at: Change<Timestamp>,
    pub version: Change<i64>,
    pub title: Change<Option<String>>,
    pub rating: Option<String>,
    pub subtitle: Change<String>,
}

#[derive(Patch)]
#[patch(Show)]
pub struct WrongVersion {
    pub title: Change<String>,
    #[version]
    pub version: i32,
}

#[derive(Patch)]
#[patch(Show)]
pub struct ShowPatch {
    pub title: Change<String>,
}

#[repository(entity = Show)]
pub trait Shows {
    #[patch]
    async fn another_key(&self, show_id: &str, patch: &ShowPatch) -> Result<Show>;

    #[patch]
    async fn another_row(&self, show_id: &str, season: i32, patch: &ShowPatch) -> Result<String>;
}

fn main() {}
