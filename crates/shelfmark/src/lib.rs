//! The data layer for Rust services: declare a repository as a trait, write SQL on its methods, and the same code runs
//! on an embedded SQLite file, in memory and on PostgreSQL.
//!
//! Start with [`Db`]: [`Db::from_env`] opens the database that `DATABASE_URL` names, [`Db::memory`] one for a test.
//! Declare tables with `#[derive(Entity)]`, new rows with `#[derive(Insert)]`, and what the service does to them with
//! [`macro@repository`]. [`Db::transaction`] makes several calls one.
//!
//! ```
//! use shelfmark::prelude::*;
//!
//! #[derive(Entity, Debug)]
//! #[entity(table = "shows")]
//! struct Show {
//!     #[id(generated)]
//!     id: i64,
//!     title: String,
//! }
//!
//! #[derive(Insert)]
//! #[insert(Show)]
//! struct NewShow {
//!     title: String,
//! }
//!
//! #[repository(entity = Show)]
//! trait Shows {
//!     #[insert]
//!     async fn add(&self, new: &NewShow) -> Result<Show>;
//!     #[query("SELECT {*} FROM shows WHERE title = :title")]
//!     async fn by_title(&self, title: &str) -> Result<Option<Show>>;
//! }
//!
//! # #[tokio::main] async fn main() -> Result<()> {
//! let db = Db::memory().await?;
//! db.execute(sql!("CREATE TABLE shows (id INTEGER PRIMARY KEY, title TEXT NOT NULL) STRICT")).await?;
//! let added = db.shows().add(&NewShow { title: "Alien".to_owned() }).await?;
//! assert_eq!(db.shows().by_title("Alien").await?.map(|show| show.id), Some(added.id));
//! # Ok(()) }
//! ```
#![doc = include_str!("docs/views.md")]
#![doc = include_str!("docs/caching.md")]
#![doc = include_str!("docs/replicas.md")]

mod alone;
mod cache;
mod connect;
mod create;
mod db;
mod direct;
mod listen;
mod migrate;
mod reads;
mod scope;
pub mod testing;
mod transaction;
mod verify;

#[doc(hidden)]
pub use shelfmark_core as __private;

pub use db::Db;
pub use futures_core::Stream;
pub use listen::Listener;
pub use migrate::{Applied, Migration, MigrationReport};
pub use shelfmark_core::cache::{Cacheable, Evictions, Keep, Key as CacheKey, QueryCache, Shape};
pub use shelfmark_core::config::{self, DatabaseConfig, Misuse, PoolSettings, Target};
pub use shelfmark_core::pool::{Holder, LaneStatus, PoolStatus, ReplicaStatus};
pub use shelfmark_core::{
    BelongsTo, Between, Change, Clock, Column, Constraint, Cursor, Dialect, Direction, Entity,
    Error, ErrorKind, Executor, Filters, FromRow, Insertable, Isolation, Json, Notice,
    OffsetRequest, OnViolation, Page, PageRequest, Paging, Param, Patchable, Position, Query, Repo,
    Result, Row, Slice, Sort, SortBy, SortKey, Tenant, Type, Value, ValueError, ValueRef, View,
    value,
};
pub use shelfmark_macros::{
    Entity, Filters, FromRow, Insert, Patch, Shape, SortBy, Value, View, migrations, repository,
    sql, test,
};
pub use transaction::{Effect, Transaction, Tx};
pub use verify::{Finding, VerifyReport};

/// What most files that use the library need: `use shelfmark::prelude::*;`.
pub mod prelude {
    pub use crate::{Change, Clock, Patch};
    pub use crate::{
        Constraint, Cursor, Db, Entity, Error, ErrorKind, Executor, Filters, FromRow, Insert, Json,
        OffsetRequest, OnViolation, Page, PageRequest, Result, Shape, Slice, Sort, SortBy, Stream,
        Tx, Value, View, migrations, repository, sql,
    };
}
