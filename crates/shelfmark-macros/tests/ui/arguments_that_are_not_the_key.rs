use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[derive(Entity)]
#[entity(table = "show_genres", key = (show_id, genre_id))]
pub struct ShowGenre {
    pub show_id: String,
    pub genre_id: i64,
}

#[repository(entity = ShowGenre)]
pub trait ShowGenres {
    #[find]
    async fn find(&self, genre_id: i64, show_id: &str) -> Result<Option<ShowGenre>>;

    #[delete]
    async fn delete(&self, show_id: &str) -> Result<bool>;
}

#[repository(entity = Show)]
pub trait Shows {
    #[find]
    async fn find(&self, show_id: &str, title: &str) -> Result<Option<Show>>;
}

fn main() {}

