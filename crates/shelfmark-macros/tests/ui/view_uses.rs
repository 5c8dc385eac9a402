use shelfmark::prelude::*;

#[derive(Entity, Clone)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub id: i64,
}

#[derive(Entity)]
#[entity(table = "seasons")]
pub struct Season {
    #[id]
    pub id: i64,
    #[belongs_to(Show)]
    pub show_id: i64,
}

#[derive(View)]
pub struct NotClone {
    #[view(root)]
    pub show: Show,
    #[view(many)]
    pub seasons: Vec<Season>,
}

#[derive(View)]
pub struct ShowDetails {
    #[view(root)]
    pub show: Show,
}

#[repository(entity = Show)]
pub trait Shows {
    #[query("SELECT {*} FROM shows")]
    fn stream(&self) -> impl Stream<Item = Result<ShowDetails>> + Send;
}

fn main() {}
