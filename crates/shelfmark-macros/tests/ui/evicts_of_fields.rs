use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

#[derive(Entity, Serialize, Deserialize, Clone)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[repository(entity = Show)]
pub trait Shows {
    #[update]
    #[evicts(key = "show:{show.id}")]
    async fn no_such_field(&self, show: &Show) -> Result<()>;

    #[update]
    #[evicts(key = "show:{show}")]
    async fn a_whole_row(&self, show: &Show) -> Result<()>;
}

fn main() {}
