//! Which database to open and how its connections are kept.
//!
//! [`DatabaseConfig::from_env`] reads the variables below, and this module is the only place of the library that reads
//! the environment. A setting that is wrong is an error that names it; none is ever ignored or corrected.
//!
#![doc = include_str!("variables.md")]

mod duration;
mod env;
mod limits;
mod nearest;
mod problems;
mod replicas;
mod testing;
mod url;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use env::Variables;
pub use testing::{is_ci, test_database_url};

/// Which database to open, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatabaseConfig {
    /// The database.
    pub target: Target,
    /// How its connections are kept.
    pub pool: PoolSettings,
    /// The deadline of one statement (default 30 s). When it passes, the statement is stopped on the server.
    pub statement_timeout: Duration,
    /// The deadline of one transaction (default 60 s), from its first statement to its commit.
    pub transaction_timeout: Duration,
    /// Statements slower than this are logged at WARN (default 500 ms; `None` turns it off).
    pub slow: Option<Duration>,
    /// Whether every statement is logged at INFO, without its values (default off).
    pub echo: bool,
    /// What happens when `db` is used inside its own transaction's scope (default: a warning).
    pub misuse: Misuse,
    /// Whether instances with a cache in process tell each other what they evict, by `NOTIFY` on PostgreSQL (default on).
    pub cache_notify: bool,
    /// Servers that follow the target by streaming replication and answer reads (default: none). PostgreSQL only.
    pub replicas: Vec<PostgresTarget>,
    /// A replica that is later than this is passed over (default 10 s).
    pub replica_max_lag: Duration,
}

/// What happens when `db` is used inside the scope of its own transaction, which is not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Misuse {
    /// A warning in the log that names both places.
    #[default]
    Warn,
    /// The call fails; meant for tests.
    Error,
}

/// The database to open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A private database in memory, gone when the last handle is dropped: `memory:`.
    Memory,
    /// A SQLite file, created with its folder when it is missing: `sqlite://app.db`, `sqlite:///var/lib/app.db`.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A PostgreSQL server: `postgres://user:password@host:5432/name?sslmode=require`.
    Postgres(PostgresTarget),
}

impl fmt::Display for Target {
    /// The place without user and password, for logs and messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Memory => f.write_str("memory:"),
            Target::Sqlite { path } => write!(f, "sqlite://{}", path.display()),
            Target::Postgres(target) => {
                let hosts: Vec<String> = target
                    .hosts
                    .iter()
                    .map(|(host, port)| match host.contains(':') {
                        true => format!("[{host}]:{port}"),
                        false => format!("{host}:{port}"),
                    })
                    .collect();
                write!(f, "postgres://{}/{}", hosts.join(","), target.database)
            }
        }
    }
}

/// Where a PostgreSQL server is and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresTarget {
    /// Host names, addresses or socket folders with their ports, tried in order.
    pub hosts: Vec<(String, u16)>,
    /// The user.
    pub user: String,
    /// The password, if one is given.
    pub password: Option<Secret>,
    /// The database's name.
    pub database: String,
    /// Whether the connection is encrypted.
    pub ssl_mode: SslMode,
    /// A file with the certificates of the authorities to trust, in PEM form.
    pub ssl_root_cert: Option<PathBuf>,
    /// The name the server shows for our connections (default: `shelfmark`).
    pub application_name: String,
    /// How long one attempt to connect may take, from name resolution to the end of authentication (default 10 s).
    pub connect_timeout: Duration,
    /// Command-line options of the session, as libpq's `options`.
    pub options: Option<String>,
    /// What stands between us and the server (default: nothing that matters).
    pub pooler: Pooler,
    /// The server itself, past its pooler, for what needs a session: migrations and `LISTEN`.
    pub direct: Option<Box<PostgresTarget>>,
}

/// A pooler between us and the server, such as PgBouncer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pooler {
    /// None, or one that keeps a connection of the server for each of ours, as PgBouncer's `pool_mode=session`.
    #[default]
    None,
    /// One that lends a connection of the server for each transaction, as PgBouncer's `pool_mode=transaction`.
    Transaction,
}

impl PostgresTarget {
    /// The database `database` on `host`, asked as `user`, with every other setting at its default.
    #[must_use]
    pub fn new(
        host: impl Into<String>,
        port: u16,
        user: impl Into<String>,
        database: impl Into<String>,
    ) -> Self {
        PostgresTarget {
            hosts: vec![(host.into(), port)],
            user: user.into(),
            password: None,
            database: database.into(),
            ssl_mode: SslMode::Prefer,
            ssl_root_cert: None,
            application_name: "shelfmark".to_owned(),
            connect_timeout: Duration::from_secs(10),
            options: None,
            pooler: Pooler::None,
            direct: None,
        }
    }
}

/// Whether a connection to PostgreSQL is encrypted, as libpq's `sslmode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SslMode {
    /// Never.
    Disable,
    /// When both sides can (the default).
    #[default]
    Prefer,
    /// Always, without a look at the certificate.
    Require,
    /// Always, with a certificate of a trusted authority.
    VerifyCa,
    /// Always, with a certificate of a trusted authority for this host.
    VerifyFull,
}

/// A password: `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value`.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    /// The password itself. Never print it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How a pool keeps its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSettings {
    /// Connections opened at the start and kept (default 0).
    pub min: usize,
    /// Connections kept at most (default 10; for SQLite the readers: 4).
    pub max: usize,
    /// Connections opened beyond `max` under load and closed when they come back (default 0).
    pub max_overflow: usize,
    /// How long a caller waits for a connection (default 5 s).
    pub acquire_timeout: Duration,
    /// A connection older than this is replaced when it comes back (default 30 min).
    pub max_lifetime: Duration,
    /// A connection unused for this long is closed (default 10 min).
    pub idle_timeout: Duration,
    /// Whether a round trip proves a connection alive before it is lent (default off: a dead one is noticed without).
    pub pre_ping: bool,
    /// Connections to PostgreSQL, beside the pool's, that quick reads of many tasks share; 0 for none (default: one for
    /// each worker of the runtime, at most 8 and at most a fifth of `max`). SQLite has none.
    pub lanes: Option<usize>,
}

impl Default for PoolSettings {
    fn default() -> Self {
        PoolSettings {
            min: 0,
            max: 10,
            max_overflow: 0,
            acquire_timeout: Duration::from_secs(5),
            max_lifetime: Duration::from_secs(30 * 60),
            idle_timeout: Duration::from_secs(10 * 60),
            pre_ping: false,
            lanes: None,
        }
    }
}

impl DatabaseConfig {
    /// `target` with every setting at its default.
    #[must_use]
    pub fn new(target: Target) -> Self {
        let max = if matches!(target, Target::Postgres(_)) {
            10
        } else {
            4
        };
        DatabaseConfig {
            target,
            pool: PoolSettings {
                max,
                ..PoolSettings::default()
            },
            statement_timeout: Duration::from_secs(30),
            transaction_timeout: Duration::from_secs(60),
            slow: Some(Duration::from_millis(500)),
            echo: false,
            misuse: Misuse::Warn,
            cache_notify: true,
            replicas: Vec::new(),
            replica_max_lag: Duration::from_secs(10),
        }
    }

    /// Keeps at most `max` connections (for SQLite: readers). Bounds: 1 to 10,000.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_pool_max(mut self, max: usize) -> Self {
        self.pool.max = max;
        self
    }

    /// Lets a caller wait for a connection for `timeout`. Bounds: 1 ms to 1 h.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_acquire_timeout(mut self, timeout: Duration) -> Self {
        self.pool.acquire_timeout = timeout;
        self
    }

    /// Stops a statement after `timeout`. Bounds: 1 ms to 168 h.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Stops a transaction after `timeout`. Bounds: 1 ms to 168 h.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_transaction_timeout(mut self, timeout: Duration) -> Self {
        self.transaction_timeout = timeout;
        self
    }

    /// Says what happens when `db` is used inside its own transaction's scope; tests want [`Misuse::Error`].
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_misuse(mut self, misuse: Misuse) -> Self {
        self.misuse = misuse;
        self
    }

    /// Says whether instances with a cache in process tell each other what they evict, by `NOTIFY` on PostgreSQL. Without
    /// it an instance serves what another one has changed until the value's time to live ends.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_cache_notify(mut self, notify: bool) -> Self {
        self.cache_notify = notify;
        self
    }

    /// Says what stands between us and a PostgreSQL server. Without effect on SQLite.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_pooler(mut self, pooler: Pooler) -> Self {
        if let Target::Postgres(target) = &mut self.target {
            target.pooler = pooler;
        }
        self
    }

    /// Names the PostgreSQL server itself, past its pooler, for what needs a session: migrations and `LISTEN`. Without
    /// effect on SQLite.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_direct(mut self, direct: PostgresTarget) -> Self {
        if let Target::Postgres(target) = &mut self.target {
            target.direct = Some(Box::new(direct));
        }
        self
    }

    /// Logs statements slower than `slow` at WARN; `None` logs none. Bounds: 1 ms to 1 h.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_slow(mut self, slow: Option<Duration>) -> Self {
        self.slow = slow;
        self
    }

    /// Logs every statement at INFO, without its values.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_echo(mut self, echo: bool) -> Self {
        self.echo = echo;
        self
    }
}
