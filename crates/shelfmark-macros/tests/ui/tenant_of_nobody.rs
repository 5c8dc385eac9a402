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
    #[query("SELECT {*} FROM shows WHERE tenant_id = {tenant} ORDER BY show_id")]
    async fn mine(&self) -> Result<Vec<Show>>;
}

fn main() {}
