use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

#[derive(Entity, Serialize, Deserialize, Clone)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    #[serde(skip)]
    pub title: String,
}

#[derive(FromRow, Clone)]
pub struct NotSerialized {
    pub title: String,
}

#[derive(Serialize, Deserialize, Clone)]
pub struct Settings {
    pub theme: String,
}

#[derive(FromRow, Serialize, Deserialize, Clone)]
pub struct WithSettings {
    pub settings: Json<Settings>,
}

#[repository(entity = Show)]
pub trait Shows {
    #[find]
    #[cached(ttl = "5m")]
    async fn loses_a_field(&self, show_id: &str) -> Result<Option<Show>>;

    #[query("SELECT title FROM shows")]
    #[cached(ttl = "5m")]
    async fn not_serialized(&self) -> Result<Vec<NotSerialized>>;

    #[query("SELECT settings FROM accounts")]
    #[cached(ttl = "5m")]
    async fn without_a_shape(&self) -> Result<Vec<WithSettings>>;
}

fn main() {}
