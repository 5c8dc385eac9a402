//! From a configuration to an opened engine.

use std::sync::Arc;

use shelfmark_core::config::DatabaseConfig;
use shelfmark_core::{Engine, Error, ErrorKind, Result};

/// Opens the engine of `config`'s target.
pub(crate) async fn connect(config: &DatabaseConfig) -> Result<Arc<dyn Engine>> {
    match &config.target {
        #[cfg(feature = "sqlite")]
        shelfmark_core::config::Target::Memory => {
            Ok(Arc::new(shelfmark_sqlite::SqliteEngine::memory(&config.pool)?))
        }
        #[cfg(feature = "sqlite")]
        shelfmark_core::config::Target::Sqlite { path } => {
            Ok(Arc::new(shelfmark_sqlite::SqliteEngine::open(path, &config.pool).await?))
        }
        #[cfg(feature = "postgres")]
        shelfmark_core::config::Target::Postgres(target) => Ok(Arc::new(
            shelfmark_postgres::PostgresEngine::open(target, &config.pool, config.statement_timeout)
                .await?
                .with_replicas(&config.replicas, config.replica_max_lag)
                .await?,
        )),
        #[allow(unreachable_patterns, reason = "reached only when an engine is left out of the build")]
        other => Err(Error::new(ErrorKind::InvalidConfig).with_detail(format!(
            "this build has no engine for {other}: enable the feature `sqlite` or `postgres` of shelfmark"
        ))),
    }
}
