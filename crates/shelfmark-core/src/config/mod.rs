//! Which database to open and how its connections are kept.
//!
//! [`DatabaseConfig::from_env`] is the only place of the library that reads the environment.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
                    .map(|(host, port)| format!("{host}:{port}"))
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
        }
    }
}
