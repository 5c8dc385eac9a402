//! Which engine to use and within what bounds: `REDIS_URL` and its like.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `REDIS_URL` | the server; none, or `memory:`, is in process | in process |
//! | `REDIS_TIMEOUT` | deadline of a call | `250ms` |
//! | `REDIS_CONNECT_TIMEOUT` | deadline of one attempt to connect | `2s` |
//! | `KV_PREFIX` | stands before every key and channel | none |
//! | `KV_MAX_VALUE_BYTES` | the longest value | 1048576 |
//! | `KV_MAX_KEYS`, `KV_MAX_BYTES` | what the engine in process holds | 1000000, 268435456 |
//!
//! URLs: `redis://user:password@host:6379/0`, `redis-sentinel://host:26379,host2:26379/mymaster/0`,
//! `redis-cluster://host:6379,host2:6379`; with `rediss` in place of `redis` the connection is encrypted, which needs
//! the feature `tls`. User and password are percent-encoded. `valkey` is read as `redis`.

mod url;

use std::fmt;
use std::time::Duration;

use shelfmark_core::config::{Secret, Variables};
use shelfmark_core::{Clock, Error, ErrorKind, Result};

use crate::limits::{MAX_KEY_BYTES, check_name};

/// Which engine to use, and within what bounds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KvConfig {
    /// Where the data is.
    pub target: KvTarget,
    /// The deadline of a call (default 250 ms); calls that wait have their own on top.
    pub timeout: Duration,
    /// The deadline of one attempt to connect, from name resolution to the end of authentication (default 2 s).
    pub connect_timeout: Duration,
    /// Stands before every key and channel (default: nothing).
    pub prefix: String,
    /// The longest value, list item, field or message (default 1 MiB).
    pub max_value_bytes: usize,
    /// How many keys the engine in process holds at most (default 1,000,000).
    pub max_keys: usize,
    /// How many bytes the engine in process holds at most, by its own estimate (default 256 MiB).
    pub max_bytes: usize,
    /// Whether [`Kv::connect`](crate::Kv::connect) succeeds while the server is away (default: no).
    pub lazy: bool,
    /// The clock for tests (default: none). In process, all time is taken from it; on Redis, that of rate limits alone.
    pub clock: Option<Clock>,
}

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KvTarget {
    /// In this process, gone when the last handle is dropped.
    InProcess,
    /// One Redis server.
    Server(RedisAddress),
    /// The master that sentinels name.
    Sentinel {
        /// The sentinels, asked in order.
        sentinels: Vec<(String, u16)>,
        /// The name of the master.
        master: String,
        /// How the master is asked; its host and port are what the sentinels say.
        login: RedisLogin,
    },
    /// A cluster, found through any of its nodes.
    Cluster {
        /// Nodes to begin with.
        nodes: Vec<(String, u16)>,
        /// How all nodes are asked.
        login: RedisLogin,
    },
}

/// One server and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisAddress {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How it is asked.
    pub login: RedisLogin,
}

/// How a server is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisLogin {
    /// The user (default: the server's default user).
    pub user: Option<String>,
    /// The password, if one is needed.
    pub password: Option<Secret>,
    /// The number of the database (default 0).
    pub database: u32,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl fmt::Display for KvTarget {
    /// The place without user and password, for logs and messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvTarget::InProcess => f.write_str("memory:"),
            KvTarget::Server(address) => {
                f.write_str("redis://")?;
                url::write_hosts(f, [(&address.host, address.port)])
            }
            KvTarget::Sentinel {
                sentinels, master, ..
            } => {
                f.write_str("redis-sentinel://")?;
                url::write_hosts(f, sentinels.iter().map(|(host, port)| (host, *port)))?;
                write!(f, "/{master}")
            }
            KvTarget::Cluster { nodes, .. } => {
                f.write_str("redis-cluster://")?;
                url::write_hosts(f, nodes.iter().map(|(host, port)| (host, *port)))
            }
        }
    }
}

const CALL: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);
const VALUE_BYTES: std::ops::RangeInclusive<usize> = 1..=64 * 1024 * 1024;
const HELD: std::ops::RangeInclusive<usize> = 1..=1 << 40;

impl KvConfig {
    /// `target` with every setting at its default.
    #[must_use]
    pub fn new(target: KvTarget) -> Self {
        KvConfig {
            target,
            timeout: Duration::from_millis(250),
            connect_timeout: Duration::from_secs(2),
            prefix: String::new(),
            max_value_bytes: 1024 * 1024,
            max_keys: 1_000_000,
            max_bytes: 256 * 1024 * 1024,
            lazy: false,
            clock: None,
        }
    }

    /// Reads the variables of the process and of the nearest `.env` file.
    ///
    /// # Errors
    /// `InvalidConfig`, with everything that is wrong at once. The URL is never shown.
    pub fn from_env() -> Result<Self> {
        Self::read(Variables::from_env()?)
    }

    /// Reads the same variables from `vars` alone, for tests and for other sources of configuration.
    ///
    /// # Errors
    /// `InvalidConfig`, as `from_env`.
    ///
    /// # Examples
    /// ```
    /// use shelfmark_kv::{KvConfig, KvTarget};
    ///
    /// let config = KvConfig::from_vars([("KV_PREFIX".to_owned(), "catalog:".to_owned())])?;
    /// assert_eq!(config.target, KvTarget::InProcess);
    /// assert_eq!(config.prefix, "catalog:");
    /// # Ok::<(), shelfmark_core::Error>(())
    /// ```
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        Self::read(Variables::from_pairs(vars))
    }

    /// The server of `url`, or `memory:`, with every setting at its default.
    ///
    /// # Errors
    /// `InvalidConfig` that says what is wrong with the URL without showing it.
    pub fn from_url(url: &str) -> Result<Self> {
        match url::parse(url) {
            Ok(target) => Ok(KvConfig::new(target)),
            Err(what) => Err(Error::new(ErrorKind::InvalidConfig).with_detail(format!(
                "invalid configuration: the URL of Redis {what}; for example {}",
                url::EXAMPLE
            ))),
        }
    }

    fn read(mut variables: Variables) -> Result<Self> {
        let target = match variables.text("REDIS_URL") {
            None => KvTarget::InProcess,
            Some(given) => url::parse(&given).unwrap_or_else(|what| {
                variables.refuse("REDIS_URL", what, url::EXAMPLE);
                KvTarget::InProcess
            }),
        };
        let mut config = KvConfig::new(target);
        let read = &mut variables;
        if let Some(timeout) = read.duration("REDIS_TIMEOUT", "250ms", CALL) {
            config.timeout = timeout;
        }
        if let Some(timeout) = read.duration("REDIS_CONNECT_TIMEOUT", "2s", CALL) {
            config.connect_timeout = timeout;
        }
        if let Some(bytes) = read.count("KV_MAX_VALUE_BYTES", "1048576", VALUE_BYTES) {
            config.max_value_bytes = bytes;
        }
        if let Some(keys) = read.count("KV_MAX_KEYS", "1000000", HELD) {
            config.max_keys = keys;
        }
        if let Some(bytes) = read.count("KV_MAX_BYTES", "268435456", HELD) {
            config.max_bytes = bytes;
        }
        config.prefix = read.text("KV_PREFIX").unwrap_or_default();
        if let Err(error) = config.check() {
            let what = error.detail().unwrap_or("is wrong").to_owned();
            read.refuse("KV_PREFIX", what, "KV_PREFIX=catalog:");
        }
        variables.finish()?;
        Ok(config)
    }

    /// Checks a configuration that was made in code; the others answer checked ones.
    ///
    /// # Errors
    /// `InvalidConfig` that names the field.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::new(ErrorKind::InvalidConfig).with_detail(what));
        if !self.prefix.is_empty() && check_name("prefix", &self.prefix).is_err()
            || self.prefix.len() > MAX_KEY_BYTES / 2
        {
            return wrong(format!("prefix: takes at most {} bytes", MAX_KEY_BYTES / 2));
        }
        for (name, value) in [
            ("timeout", self.timeout),
            ("connect_timeout", self.connect_timeout),
        ] {
            if !CALL.contains(&value) {
                return wrong(format!("{name}: {value:?} is not between 1ms and 60s"));
            }
        }
        if !VALUE_BYTES.contains(&self.max_value_bytes) {
            return wrong("max_value_bytes: is not between 1 and 67108864".to_owned());
        }
        if self.max_keys == 0 || self.max_bytes == 0 {
            return wrong("max_keys, max_bytes: at least 1 is needed".to_owned());
        }
        Ok(())
    }

    /// Puts `prefix` before every key and channel.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Ends a call after `timeout`. Bounds: 1 ms to 60 s.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Ends an attempt to connect after `timeout`. Bounds: 1 ms to 60 s.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Lets [`Kv::connect`](crate::Kv::connect) succeed while the server is away.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_lazy(mut self, lazy: bool) -> Self {
        self.lazy = lazy;
        self
    }

    /// Holds at most `keys` keys and `bytes` bytes in process.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_room(mut self, keys: usize, bytes: usize) -> Self {
        self.max_keys = keys;
        self.max_bytes = bytes;
        self
    }

    /// Takes the time from `clock`, for tests: in process all of it, on Redis that of rate limits.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_variables_are_told_at_once_without_the_password() {
        let vars = [
            ("REDIS_URL", "redis://:s3cret@host:99999"),
            ("REDIS_TIMEOUT", "2h"),
            ("KV_MAX_KEYS", "none"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let error = KvConfig::from_vars(vars).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let told = error.to_string();
        assert!(told.contains("3 problems"), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }

    #[test]
    fn debug_and_display_show_no_password() -> Result<()> {
        let config = KvConfig::from_url("redis://me:s3cret@host:7/2")?;
        assert!(!format!("{config:?}").contains("s3cret"));
        assert_eq!(config.target.to_string(), "redis://host:7");
        Ok(())
    }
}
