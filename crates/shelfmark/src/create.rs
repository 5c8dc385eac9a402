//! Creating the database of a configuration, where there is none.

use shelfmark_core::config::{DatabaseConfig, PostgresTarget, Target};
use shelfmark_core::{Error, Result};

use crate::db::Db;

/// What every PostgreSQL server has to connect to.
const MAINTENANCE: &str = "postgres";
/// SQLSTATE: there is no such database.
const NO_DATABASE: &str = "3D000";
/// SQLSTATEs: somebody else has created it, just before or at the same moment.
const CREATED_MEANWHILE: [&str; 2] = ["42P04", "23505"];

impl Db {
    /// As [`connect`](Db::connect), and creates the database when there is none: on PostgreSQL with the server's defaults,
    /// through its database `postgres`, for which the user needs the right `CREATEDB`. A SQLite file is created by
    /// [`connect`](Db::connect) as well.
    ///
    /// # Errors
    /// As [`connect`](Db::connect), and what the server says of creating it.
    ///
    /// # Cancel safety
    /// When the future is dropped, the database is there or not; calling it again is safe.
    pub async fn create(config: DatabaseConfig) -> Result<Db> {
        let missing = |error: &Error| error.code() == Some(NO_DATABASE);
        match (Db::connect(config.clone()).await, &config.target) {
            (Err(error), Target::Postgres(target)) if missing(&error) => {
                create(&config, target).await?;
                Db::connect(config).await
            }
            (other, _) => other,
        }
    }
}

async fn create(config: &DatabaseConfig, target: &PostgresTarget) -> Result<()> {
    let mut beside = config.clone().with_pool_max(1);
    beside.pool.min = 0;
    beside.replicas.clear();
    let mut target_beside = target.clone();
    MAINTENANCE.clone_into(&mut target_beside.database);
    if let Some(direct) = &mut target_beside.direct {
        MAINTENANCE.clone_into(&mut direct.database);
    }
    beside.target = Target::Postgres(target_beside);
    let engine = crate::connect::connect(&beside).await?;
    // A name cannot be a parameter. It comes from the configuration, and as an identifier it can say nothing else.
    let name = target.database.replace('"', "\"\"");
    let maintenance = engine.maintenance().await?;
    let created = maintenance
        .script(&format!("CREATE DATABASE \"{name}\""))
        .await;
    drop(maintenance);
    let closed = engine.close(config.pool.acquire_timeout).await;
    match created {
        Err(error)
            if error
                .code()
                .is_some_and(|code| CREATED_MEANWHILE.contains(&code)) => {}
        other => other?,
    }
    closed
}
