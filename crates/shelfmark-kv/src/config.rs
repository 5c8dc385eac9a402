//! Which engine to use and within what bounds: `REDIS_URL` and its like.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `REDIS_URL` | the server; none, or `memory:`, is in process | in process |
//! | `REDIS_TIMEOUT` | deadline of a call | `250ms` |
//! | `REDIS_CONNECT_TIMEOUT` | deadline of one attempt to connect | `2s` |
//! | `REDIS_TLS_CA` | a PEM file with the authorities that servers' certificates are checked by | the machine's |
//! | `REDIS_TLS_CERT`, `REDIS_TLS_KEY` | PEM files with the certificate that we show and its key | none |
//! | `REDIS_SENTINEL_USER`, `REDIS_SENTINEL_PASSWORD` | how sentinels are asked; the URL's are the master's | without |
//! | `KV_PREFIX` | stands before every key and channel | none |
//! | `KV_MAX_VALUE_BYTES` | the longest value | 1048576 |
//! | `KV_MAX_KEYS`, `KV_MAX_BYTES` | what the engine in process holds | 1000000, 268435456 |
//! | `KV_ALLOW_EVICTION` | `on`: items are taken, locks held and limits counted on a Redis that deletes keys to make room too | `off` |
//!
//! URLs: `redis://user:password@host:6379/0`, `redis-sentinel://host:26379,host2:26379/mymaster/0`,
//! `redis-cluster://host:6379,host2:6379`; with `rediss` in place of `redis` the connection is encrypted, which needs
//! the feature `tls`. A Unix socket is `redis+unix://user:password@/run/redis.sock?db=1`, also as `unix:///run/redis.sock`
//! and with `user=` and `pass=` behind the `?`. User and password are percent-encoded. `valkey` is read as `redis`.

mod target;
mod tls;
mod url;

use std::time::Duration;

use shelfmark_core::config::{Secret, Variables};
use shelfmark_core::{Clock, Error, ErrorKind, Result};

pub use self::target::{KvTarget, RedisAddress, RedisLogin};
pub use self::tls::RedisTls;

use self::tls::Misfit;
use crate::limits::check_prefix;

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
    /// The files of encrypted connections (default: the machine's authorities, and no certificate of ours).
    pub tls: RedisTls,
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
    /// Whether items are taken, locks held and limits counted on a Redis that may delete them to make room (default: no,
    /// they are refused with `Unsupported`).
    pub allow_eviction: bool,
    /// The clock for tests (default: none). In process, all time is taken from it; on Redis, that of rate limits alone.
    pub clock: Option<Clock>,
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
            tls: RedisTls::default(),
            prefix: String::new(),
            max_value_bytes: 1024 * 1024,
            max_keys: 1_000_000,
            max_bytes: 256 * 1024 * 1024,
            lazy: false,
            allow_eviction: false,
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
        if let Some(allow) = read.switch("KV_ALLOW_EVICTION") {
            config.allow_eviction = allow;
        }
        let mut file = |name| read.text(name).map(Into::into);
        config.tls = RedisTls {
            authorities: file(tls::AUTHORITIES),
            certificate: file(tls::CERTIFICATE),
            key: file(tls::KEY),
        };
        if let Err(Misfit { variable, what }) = config.check_tls() {
            read.refuse(
                variable,
                what,
                format_args!("{variable}=/etc/ssl/redis.pem"),
            );
        }
        let (user, password) = (
            read.text("REDIS_SENTINEL_USER"),
            read.text("REDIS_SENTINEL_PASSWORD"),
        );
        if let KvTarget::Sentinel { sentinel_login, .. } = &mut config.target {
            sentinel_login.user = user;
            sentinel_login.password = password.map(Secret::new);
        }
        config.prefix = read.text("KV_PREFIX").unwrap_or_default();
        if let Err(what) = check_prefix(&config.prefix) {
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
        if let Err(what) = check_prefix(&self.prefix) {
            return wrong(format!("prefix: {what}"));
        }
        if let Err(Misfit { variable, what }) = self.check_tls() {
            return wrong(format!("{variable}: {what}"));
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

    /// Files of encryption are read, and refused for a server that is asked in the open: somebody believes otherwise.
    fn check_tls(&self) -> std::result::Result<(), Misfit> {
        if self.tls.is_empty() || self.target == KvTarget::InProcess {
            return Ok(());
        }
        if self.target.is_open() {
            return Err(Misfit {
                variable: self.tls.first_variable(),
                what: "is set, and REDIS_URL does not encrypt; say rediss:// there".to_owned(),
            });
        }
        self.tls.read().map(drop)
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

    /// Takes authorities and certificates from the files of `tls`.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_tls(mut self, tls: RedisTls) -> Self {
        self.tls = tls;
        self
    }

    /// Lets [`Kv::connect`](crate::Kv::connect) succeed while the server is away.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_lazy(mut self, lazy: bool) -> Self {
        self.lazy = lazy;
        self
    }

    /// Takes items, holds locks and counts limits on a Redis that may delete them to make room as well.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_allow_eviction(mut self, allow: bool) -> Self {
        self.allow_eviction = allow;
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
            ("KV_ALLOW_EVICTION", "maybe"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let error = KvConfig::from_vars(vars).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let told = error.to_string();
        assert!(told.contains("4 problems"), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }

    fn from_vars<const N: usize>(vars: [(&str, &str); N]) -> Result<KvConfig> {
        KvConfig::from_vars(vars.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn debug_and_display_show_no_password() -> Result<()> {
        for (url, shown) in [
            ("redis://me:s3cret@host:7/2", "redis://host:7"),
            ("redis+unix:///a.sock?pass=s3cret", "redis+unix:///a.sock"),
        ] {
            let config = KvConfig::from_url(url)?;
            assert!(!format!("{config:?}").contains("s3cret"));
            assert_eq!(config.target.to_string(), shown);
        }
        Ok(())
    }

    #[test]
    fn sentinels_have_a_login_of_their_own() -> Result<()> {
        let config = from_vars([
            ("REDIS_URL", "redis-sentinel://me:masters@host/main"),
            ("REDIS_SENTINEL_PASSWORD", "s3cret"),
        ])?;
        let KvTarget::Sentinel {
            login,
            sentinel_login,
            ..
        } = &config.target
        else {
            panic!("is no sentinel");
        };
        assert_eq!(login.password, Some(Secret::new("masters")));
        assert_eq!(sentinel_login.password, Some(Secret::new("s3cret")));
        assert_eq!(sentinel_login.user, None);
        assert!(!format!("{config:?}").contains("s3cret"));
        Ok(())
    }

    #[test]
    fn files_of_encryption_are_refused_for_a_url_that_does_not_encrypt() {
        let error = from_vars([
            ("REDIS_URL", "redis://host"),
            ("REDIS_TLS_CA", "/no/such/file"),
        ]);
        let told = error.unwrap_err().to_string();
        assert!(told.contains("REDIS_TLS_CA: is set"), "{told}");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_wrong_file_of_encryption_is_told_with_its_variable() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (vars, what) in [
            (
                vec![("REDIS_TLS_CA", "/no/such/file")],
                "REDIS_TLS_CA: the file /no/such/file cannot be read: No such file",
            ),
            (vec![("REDIS_TLS_CA", manifest)], "has no certificates"),
            (
                vec![("REDIS_TLS_CERT", manifest)],
                "REDIS_TLS_CERT: needs its key, in REDIS_TLS_KEY",
            ),
            (
                vec![("REDIS_TLS_KEY", manifest)],
                "REDIS_TLS_KEY: needs its certificate, in REDIS_TLS_CERT",
            ),
        ] {
            let url = [("REDIS_URL", "rediss://host")];
            let vars = url.into_iter().chain(vars);
            let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let error = KvConfig::from_vars(vars).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
