//! Statements of one transaction that are under way together: as if each had waited for the one before, in fewer round
//! trips. The other engines do one after the other, which the same cases hold too.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; their names say what they hold"
)]

#[path = "pipelining/network.rs"]
mod network;
#[path = "pipelining/programs.rs"]
mod programs;
#[path = "pipelining/round_trips.rs"]
mod round_trips;

use conformance::{Engine, Ground};
use shelfmark::prelude::*;

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "items")]
pub struct Item {
    #[id]
    pub id: i64,
    pub name: String,
    #[version]
    pub version: i64,
}

#[derive(Insert, Clone, Debug)]
#[insert(Item)]
pub struct NewItem {
    pub id: i64,
    pub name: String,
}

#[repository(entity = Item)]
pub trait Items {
    #[find]
    async fn find(&self, id: i64) -> Result<Option<Item>>;
    #[insert]
    async fn insert(&self, new: &NewItem) -> Result<Item>;
    #[update_many]
    async fn update_many(&self, items: &[Item]) -> Result<u64>;
    #[query("SELECT count(*) FROM items WHERE id < 1000")]
    async fn count(&self) -> Result<i64>;
    #[query("SELECT id FROM items ORDER BY id")]
    async fn ids(&self) -> Result<Vec<i64>>;
}

pub fn item(id: i64) -> NewItem {
    NewItem {
        id,
        name: format!("item {id}"),
    }
}

/// An empty table of items.
pub async fn with_items(engine: Engine) -> anyhow::Result<Ground> {
    let ground = Ground::bare(engine).await?;
    create_items(&ground).await?;
    Ok(ground)
}

pub async fn create_items(db: &Db) -> Result<()> {
    db.execute(sql!(
        postgres = "CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL, version bigint NOT NULL)",
        sqlite = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL) STRICT"
    ))
    .await?;
    Ok(())
}
