//! The replicas of a PostgreSQL server, given in code.

use std::time::Duration;

use super::limits::{MAX_LAG, REPLICAS, check_duration};
use super::problems::Problems;
use super::{DatabaseConfig, PostgresTarget, Target};
use crate::error::{Error, ErrorKind, Result};

impl DatabaseConfig {
    /// Adds a replica: a PostgreSQL server that follows the target by streaming replication. Single reads outside of
    /// transactions are spread over the replicas.
    ///
    /// A replica is one server, with a URL of its own, and the program connects to itself: not through something that
    /// chooses among several.
    ///
    /// # Errors
    /// `InvalidConfig` for a URL that is wrong or names no PostgreSQL server; no part of it is shown.
    ///
    /// # Examples
    /// ```
    /// use shelfmark_core::config::DatabaseConfig;
    ///
    /// let config = DatabaseConfig::from_url("postgres://app@db1.example/films")?
    ///     .with_replica_url("postgres://app@db2.example/films")?;
    /// assert_eq!(config.replicas.len(), 1);
    /// # Ok::<(), shelfmark_core::Error>(())
    /// ```
    pub fn with_replica_url(mut self, url: &str) -> Result<Self> {
        match Target::parse(url)? {
            Target::Postgres(target) => self.replicas.push(target),
            _ => {
                return Err(Error::new(ErrorKind::InvalidConfig).with_detail(
                    "a replica is a PostgreSQL server, and this URL names another kind of database; for example \
                     postgres://user:password@replica:5432/app",
                ));
            }
        }
        Ok(self)
    }

    /// Passes a replica over that is later than `lag`. Bounds: 1 s to 24 h.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_replica_max_lag(mut self, lag: Duration) -> Self {
        self.replica_max_lag = lag;
        self
    }
}

/// Reports what is wrong with the replicas of a configuration made in code.
pub(super) fn check(config: &DatabaseConfig, problems: &mut Problems) {
    let field = "replica_max_lag";
    check_duration(problems, field, config.replica_max_lag, MAX_LAG);
    if config.replicas.is_empty() {
        return;
    }
    if config.replicas.len() > REPLICAS {
        problems.push_plain("replicas", format_args!("there are more than {REPLICAS}"));
    }
    if !matches!(config.target, Target::Postgres(_)) {
        problems.push_plain("replicas", ONLY_POSTGRES);
    }
    for (index, replica) in config.replicas.iter().enumerate() {
        if !is_one_server(replica) {
            problems.push_plain(format_args!("replicas[{index}].hosts"), ONE_SERVER);
        }
    }
}

/// Why another database has none.
pub(super) const ONLY_POSTGRES: &str =
    "only a PostgreSQL database has replicas, and the database is another one";
/// Why a URL is refused that names none or several.
pub(super) const ONE_SERVER: &str =
    "a replica is one server; several are given as several URLs, each with one host";

pub(super) fn is_one_server(target: &PostgresTarget) -> bool {
    target.hosts.len() == 1
}
