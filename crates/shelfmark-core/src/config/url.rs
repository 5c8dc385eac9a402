//! The database named by one URL.
//!
//! A refusal never repeats any part of the URL, for a URL that is wrong may have its password anywhere.

mod hosts;
mod percent;
mod postgres;
mod refusal;
mod sqlite;

#[cfg(test)]
mod tests;

pub(super) use hosts::{host_list, pair, port_list};
pub(super) use postgres::{connect_timeout, ssl_mode};
pub(super) use refusal::Refusal;

use super::problems::Problems;
use super::{Target, env};
use crate::error::Result;

impl Target {
    /// Reads the URL of a database.
    ///
    /// | URL | database |
    /// |---|---|
    /// | `memory:`, `sqlite::memory:` | a private database in memory |
    /// | `sqlite://app.db`, `sqlite:app.db`, `sqlite://data/app.db` | a file, from the current folder |
    /// | `sqlite:///var/lib/app.db` | a file by its absolute path (three slashes; SQLAlchemy writes four) |
    /// | `postgres://user:password@host:5432/name` | a PostgreSQL server; `postgresql://` is the same |
    /// | `postgres://host1:5432,host2:5433/name` | several servers, tried in order |
    /// | `postgres://[::1]/name` | an IPv6 address |
    /// | `postgres:///name?host=/run/postgresql`, `postgres://%2Frun%2Fpostgresql/name` | a server behind a socket |
    ///
    /// A character with a meaning in URLs is written as `%` and two hexadecimal digits: an `@` in a password as
    /// `%40`, a `/` as `%2F`. What a PostgreSQL URL leaves out is filled in: host `localhost`, port 5432, the user
    /// named by `PGUSER`, else the user of the operating system (`USER`), and a database of the user's name.
    ///
    /// The parameters of a PostgreSQL URL are libpq's: `sslmode` (`disable`, `prefer`, `require`, `verify-ca`,
    /// `verify-full`), `sslrootcert`, `application_name`, `connect_timeout` (whole seconds), `options`; and `host`,
    /// `port`, `user`, `password`, `dbname`, which replace what stands before them. Any other is refused.
    ///
    /// # Errors
    /// `InvalidConfig`, with what is wrong and an example, never with a part of the URL.
    ///
    /// # Examples
    /// ```
    /// use shelfmark_core::config::Target;
    ///
    /// assert_eq!(Target::parse("memory:")?, Target::Memory);
    /// let films = Target::parse("postgres://app:s%40cret@db.example/films?sslmode=require")?;
    /// assert_eq!(films.to_string(), "postgres://db.example:5432/films");
    /// # Ok::<(), shelfmark_core::Error>(())
    /// ```
    pub fn parse(url: &str) -> Result<Self> {
        parse(url, env::process_user().as_deref()).map_err(|refusal| {
            let mut problems = Problems::default();
            problems.push("database URL", refusal, refusal.example(url));
            problems.into_error()
        })
    }
}

/// Reads a URL that leaves its user to `default_user`.
pub(super) fn parse(url: &str, default_user: Option<&str>) -> Result<Target, Refusal> {
    let url = url.trim();
    if url.is_empty() {
        return Err(Refusal::Empty);
    }
    if url.starts_with(['"', '\'']) {
        return Err(Refusal::Quoted);
    }
    if url.chars().any(char::is_control) {
        return Err(Refusal::ControlCharacter);
    }
    if url == ":memory:" {
        return Err(Refusal::UnknownScheme {
            meant: Some("memory:"),
        });
    }
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(Refusal::NoScheme);
    };
    match scheme.to_ascii_lowercase().as_str() {
        "memory" if rest.trim_start_matches('/').is_empty() => Ok(Target::Memory),
        "memory" => Err(Refusal::MemoryIsAll),
        "sqlite" => sqlite::parse(rest),
        "postgres" | "postgresql" => match rest.strip_prefix("//") {
            Some(rest) => postgres::parse(rest, default_user).map(Target::Postgres),
            None => Err(Refusal::NoSlashes),
        },
        other => Err(refusal::of_scheme(other)),
    }
}
