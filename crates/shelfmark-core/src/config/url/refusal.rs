//! Why a URL is refused.
//!
//! A refusal holds positions and text of the program alone, so nothing of the URL can leave through it.

use std::fmt;

use super::super::nearest::nearest;
use super::postgres::PARAMETERS;

/// Why a URL is refused, and what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Refusal {
    Empty,
    Quoted,
    ControlCharacter,
    NoScheme,
    /// A scheme people use elsewhere, and what to do instead.
    ForeignScheme {
        name: &'static str,
        instead: &'static str,
    },
    UnknownScheme {
        meant: Option<&'static str>,
    },
    NoSlashes,
    MemoryIsAll,
    NoFile,
    SqliteParameter,
    Hash,
    SeveralAts,
    AtTooLate,
    SlashInDatabase,
    Percent,
    NotUtf8,
    Nul,
    HostEmpty {
        position: usize,
    },
    HostName {
        position: usize,
    },
    /// In a URL, where colons have other meanings too.
    Brackets {
        position: usize,
    },
    /// In a list of hosts.
    Address {
        position: usize,
    },
    Port {
        position: usize,
    },
    PortCount {
        hosts: usize,
        ports: usize,
    },
    NoValue {
        position: usize,
    },
    /// A parameter that other clients know.
    ForeignParameter {
        name: &'static str,
    },
    UnknownParameter {
        position: usize,
        meant: Option<&'static str>,
    },
    Repeated {
        name: &'static str,
    },
    Parameter {
        name: &'static str,
        what: &'static str,
    },
    NoUser,
}

impl Refusal {
    /// A URL like the refused one in which the part at fault is right.
    pub(in crate::config) fn example(self, refused: &str) -> &'static str {
        match self {
            _ if refused.trim_start().starts_with("sqlite") => "sqlite://app.db",
            Refusal::MemoryIsAll => "memory:",
            Refusal::Empty | Refusal::NoScheme | Refusal::NoFile | Refusal::SqliteParameter => {
                "sqlite://app.db"
            }
            Refusal::Brackets { .. } => "postgres://user:password@[::1]:5432/app",
            Refusal::PortCount { .. } => "postgres://user:password@db1:5432,db2:5432/app",
            Refusal::ForeignParameter { .. }
            | Refusal::UnknownParameter { .. }
            | Refusal::NoValue { .. }
            | Refusal::Repeated { .. } => {
                "postgres://user:password@localhost:5432/app?sslmode=require"
            }
            Refusal::Parameter {
                name: "connect_timeout",
                ..
            } => "postgres://user:password@localhost:5432/app?connect_timeout=10",
            Refusal::Parameter {
                name: "sslmode", ..
            } => "postgres://user:password@localhost:5432/app?sslmode=require",
            _ => "postgres://user:password@localhost:5432/app",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::Empty => f.write_str("it is empty"),
            Refusal::Quoted => {
                f.write_str("it begins with a quotation mark; leave the quotation marks out")
            }
            Refusal::ControlCharacter => {
                f.write_str("it contains a line break or another control character")
            }
            Refusal::NoScheme => f.write_str(
                "it is not a URL; write sqlite:// before a file's path, or memory: or a postgres:// URL",
            ),
            Refusal::ForeignScheme { name, instead } => {
                write!(f, "{name} is not a scheme of Shelfmark; {instead}")
            }
            Refusal::UnknownScheme { meant } => {
                f.write_str("it begins with none of memory:, sqlite: and postgres://")?;
                match meant {
                    Some(meant) => write!(f, "; did you mean {meant}?"),
                    None => Ok(()),
                }
            }
            Refusal::NoSlashes => f.write_str("two slashes are missing after postgres:"),
            Refusal::MemoryIsAll => f.write_str(
                "nothing may follow memory:, for each database in memory is private to its handle",
            ),
            Refusal::NoFile => {
                f.write_str("it names no file; write memory: for a database in memory")
            }
            Refusal::SqliteParameter => f.write_str(
                "after the ? only mode=rwc and mode=memory are known; write %3F for a ? in a path",
            ),
            Refusal::Hash => f.write_str("it contains a #, which must be written %23"),
            Refusal::SeveralAts => f.write_str(
                "it contains more than one @; one in the user, the password or a parameter must be written %40",
            ),
            Refusal::AtTooLate => f.write_str(
                "its @ stands after a / or a ?; in the user and the password these must be written %2F and %3F, \
                 and an @ in a parameter must be written %40",
            ),
            Refusal::SlashInDatabase => f.write_str(
                "the name of its database contains a /, which must be written %2F",
            ),
            Refusal::Percent => f.write_str(
                "it contains a % without two hexadecimal digits; a % itself must be written %25",
            ),
            Refusal::NotUtf8 => f.write_str("one of its %-escapes is not UTF-8"),
            Refusal::Nul => f.write_str("it contains %00, which no name can hold"),
            Refusal::HostEmpty { position } => write!(f, "host {position} of its list is empty"),
            Refusal::HostName { position } => write!(
                f,
                "host {position} contains a character that no name of a host has"
            ),
            Refusal::Brackets { position } => write!(
                f,
                "host {position} is not a name with a port; an IPv6 address must stand in square brackets, and a \
                 : in the password must come before the @"
            ),
            Refusal::Address { position } => write!(
                f,
                "host {position} has square brackets, but no IPv6 address in them"
            ),
            Refusal::Port { position } => write!(
                f,
                "the port of host {position} is not a number from 1 to 65535; if it is a password, the host is missing \
                 after it"
            ),
            Refusal::PortCount { hosts, ports } => write!(
                f,
                "there are {ports} ports for {hosts} hosts; give one for each, or one for all"
            ),
            Refusal::NoValue { position } => {
                write!(f, "parameter {position} has no value; write name=value")
            }
            Refusal::ForeignParameter { name } => write!(
                f,
                "its parameter {name} is not supported; known are {}",
                PARAMETERS.join(", ")
            ),
            Refusal::UnknownParameter { position, meant } => {
                write!(f, "its parameter {position} is unknown; ")?;
                match meant {
                    Some(meant) => write!(f, "did you mean {meant}?"),
                    None => write!(f, "known are {}", PARAMETERS.join(", ")),
                }
            }
            Refusal::Repeated { name } => write!(f, "its parameter {name} is given twice"),
            Refusal::Parameter { name, what } => write!(f, "its parameter {name} {what}"),
            Refusal::NoUser => f.write_str(
                "it names no user, and neither PGUSER nor USER does; write the user before the host",
            ),
        }
    }
}

/// Schemes of other clients, with what to write here.
const FOREIGN_SCHEMES: &[(&str, &str)] = &[
    (
        "postgresql+asyncpg",
        "write postgresql:// without the driver",
    ),
    (
        "postgresql+psycopg",
        "write postgresql:// without the driver",
    ),
    (
        "postgresql+psycopg2",
        "write postgresql:// without the driver",
    ),
    ("postgres+asyncpg", "write postgres:// without the driver"),
    ("sqlite+aiosqlite", "write sqlite:// without the driver"),
    ("sqlite+pysqlite", "write sqlite:// without the driver"),
    ("sqlite3", "write sqlite://"),
    ("file", "write sqlite:// before the file's path"),
    ("pg", "write postgres://"),
    ("psql", "write postgres://"),
    ("ecto", "write postgres://"),
    (
        "jdbc",
        "leave jdbc: out, and write user and password before the host",
    ),
    ("mysql", "the engines are PostgreSQL and SQLite"),
    ("mariadb", "the engines are PostgreSQL and SQLite"),
    ("mssql", "the engines are PostgreSQL and SQLite"),
    ("sqlserver", "the engines are PostgreSQL and SQLite"),
    ("oracle", "the engines are PostgreSQL and SQLite"),
    ("cockroachdb", "the engines are PostgreSQL and SQLite"),
    ("mongodb", "the engines are PostgreSQL and SQLite"),
    ("mongodb+srv", "the engines are PostgreSQL and SQLite"),
    ("redis", "the engines are PostgreSQL and SQLite"),
    ("http", "the engines are PostgreSQL and SQLite"),
    ("https", "the engines are PostgreSQL and SQLite"),
];

/// Parameters that libpq, poolers and other clients know.
const FOREIGN_PARAMETERS: &[&str] = &[
    "channel_binding",
    "client_encoding",
    "connection_limit",
    "currentSchema",
    "fallback_application_name",
    "gssencmode",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "passfile",
    "pgbouncer",
    "pool_size",
    "pool_timeout",
    "replication",
    "require_auth",
    "schema",
    "search_path",
    "service",
    "ssl",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslnegotiation",
    "sslpassword",
    "ssl_min_protocol_version",
    "statement_cache_capacity",
    "statement_timeout",
    "target_session_attrs",
    "tcp_user_timeout",
    "timezone",
];

/// The refusal of a scheme in lower case.
pub(super) fn of_scheme(scheme: &str) -> Refusal {
    match FOREIGN_SCHEMES.iter().find(|(name, _)| *name == scheme) {
        Some(&(name, instead)) => Refusal::ForeignScheme { name, instead },
        None => Refusal::UnknownScheme {
            meant: nearest(scheme, &["memory:", "sqlite:", "postgres:", "postgresql:"]),
        },
    }
}

/// The refusal of a parameter that is not one of ours. Its name is shown only when it is a known one of others:
/// any other text may be a piece of a password with an unescaped `?` or `&`.
pub(super) fn of_parameter(name: &str, position: usize) -> Refusal {
    match FOREIGN_PARAMETERS.iter().find(|known| **known == name) {
        Some(name) => Refusal::ForeignParameter { name },
        None => Refusal::UnknownParameter {
            position,
            meant: nearest(name, PARAMETERS),
        },
    }
}
