//! The bounds of a cache: `CACHE_MAX_ENTRIES` and its like.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CACHE_MAX_ENTRIES` | how many values the cache in process holds | 100000 |
//! | `CACHE_MAX_BYTES` | how many bytes they have together, as they would be written | 67108864 |
//! | `CACHE_MAX_VALUE_BYTES` | the longest value that is stored | 1048576 |
//! | `CACHE_TIMEOUT` | deadline of a call to Redis | `250ms` |
//! | `CACHE_WAIT` | how long somebody waits for what another one computes | `30s` |
//! | `CACHE_PREFIX` | stands before every key on Redis; sets caches on one database apart | `cache:` |

use std::ops::RangeInclusive;
use std::time::Duration;

use shelfmark_core::config::Variables;
use shelfmark_core::{Error, ErrorKind, Result};

use crate::limits::check_prefix;

/// The bounds of a [`Cache`](crate::Cache).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheConfig {
    /// How many values the cache in process holds at most (default 100,000).
    ///
    /// There is one bound: a value counts as many bytes as it has, but at least `max_bytes / max_entries`. So neither
    /// number is passed, and where many values are short and some are long, fewer fit than either number says.
    pub max_entries: usize,
    /// How many bytes the values in process have together at most (default 64 MiB), as MessagePack would write them. In
    /// memory they are larger: about 300 bytes each, and what their type adds.
    pub max_bytes: usize,
    /// The longest value that is stored (default 1 MiB). A longer one is counted, and computed each time.
    pub max_value_bytes: usize,
    /// The deadline of a call to Redis (default 250 ms).
    pub timeout: Duration,
    /// How long somebody waits for what another one computes (default 30 s); `Timeout` after that.
    pub wait: Duration,
    /// Stands before every key on Redis, behind the prefix of its [`Kv`](crate::Kv) (default: `cache:`). In process it only
    /// sets caches on one database apart that tell each other of evictions.
    pub prefix: String,
}

const ENTRIES: RangeInclusive<usize> = 1..=1 << 31;
const BYTES: RangeInclusive<usize> = 1..=1 << 40;
const VALUE_BYTES: RangeInclusive<usize> = 1..=64 * 1024 * 1024;
const CALL: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);
const WAIT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60 * 60);

impl Default for CacheConfig {
    fn default() -> Self {
        CacheConfig {
            max_entries: 100_000,
            max_bytes: 64 * 1024 * 1024,
            max_value_bytes: 1024 * 1024,
            timeout: Duration::from_millis(250),
            wait: Duration::from_secs(30),
            prefix: "cache:".to_owned(),
        }
    }
}

impl CacheConfig {
    /// Reads the variables of the process and of the nearest `.env` file.
    ///
    /// # Errors
    /// `InvalidConfig`, with everything that is wrong at once.
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
    /// use shelfmark_kv::CacheConfig;
    ///
    /// let config = CacheConfig::from_vars([("CACHE_MAX_ENTRIES".to_owned(), "500".to_owned())])?;
    /// assert_eq!(config.max_entries, 500);
    /// # Ok::<(), shelfmark_core::Error>(())
    /// ```
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        Self::read(Variables::from_pairs(vars))
    }

    fn read(mut variables: Variables) -> Result<Self> {
        let mut config = CacheConfig::default();
        let read = &mut variables;
        if let Some(entries) = read.count("CACHE_MAX_ENTRIES", "100000", ENTRIES) {
            config.max_entries = entries;
        }
        if let Some(bytes) = read.count("CACHE_MAX_BYTES", "67108864", BYTES) {
            config.max_bytes = bytes;
        }
        if let Some(bytes) = read.count("CACHE_MAX_VALUE_BYTES", "1048576", VALUE_BYTES) {
            config.max_value_bytes = bytes;
        }
        if let Some(timeout) = read.duration("CACHE_TIMEOUT", "250ms", CALL) {
            config.timeout = timeout;
        }
        if let Some(wait) = read.duration("CACHE_WAIT", "30s", WAIT) {
            config.wait = wait;
        }
        if let Some(prefix) = read.text("CACHE_PREFIX") {
            // All others were held against the bounds of `check` when they were read.
            if let Err(what) = check_prefix(&prefix) {
                read.refuse("CACHE_PREFIX", what, "CACHE_PREFIX=catalog:");
            }
            config.prefix = prefix;
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
        for (name, value, bounds) in [
            ("max_entries", self.max_entries, ENTRIES),
            ("max_bytes", self.max_bytes, BYTES),
            ("max_value_bytes", self.max_value_bytes, VALUE_BYTES),
        ] {
            if !bounds.contains(&value) {
                let (least, most) = bounds.into_inner();
                return wrong(format!("{name}: {value} is not between {least} and {most}"));
            }
        }
        for (name, value, bounds) in [("timeout", self.timeout, CALL), ("wait", self.wait, WAIT)] {
            if !bounds.contains(&value) {
                let (least, most) = bounds.into_inner();
                return wrong(format!(
                    "{name}: {value:?} is not between {least:?} and {most:?}"
                ));
            }
        }
        Ok(())
    }

    /// Holds at most `entries` values of `bytes` bytes together in process.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_room(mut self, entries: usize, bytes: usize) -> Self {
        self.max_entries = entries;
        self.max_bytes = bytes;
        self
    }

    /// Stores no value of more than `bytes` bytes. Bounds: 1 to 64 MiB.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = bytes;
        self
    }

    /// Ends a call to Redis after `timeout`. Bounds: 1 ms to 60 s.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Waits for what somebody else computes for `wait` at most. Bounds: 1 ms to 1 h.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Puts `prefix` before every key on Redis.
    #[must_use = "the configuration is returned, not changed in place"]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_variables_are_told_at_once() {
        let vars = [
            ("CACHE_MAX_ENTRIES", "0"),
            ("CACHE_WAIT", "2d"),
            ("CACHE_MAX_BYTES", "much"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let error = CacheConfig::from_vars(vars).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let told = error.to_string();
        assert!(told.contains("3 problems"), "{told}");
    }

    #[test]
    fn each_variable_that_is_wrong_is_blamed_itself() {
        let long = "p".repeat(300);
        let wrong = [
            ("CACHE_MAX_ENTRIES", "0"),
            ("CACHE_MAX_BYTES", "0"),
            ("CACHE_MAX_VALUE_BYTES", "0"),
            ("CACHE_TIMEOUT", "0s"),
            ("CACHE_WAIT", "0s"),
            ("CACHE_PREFIX", &long),
        ];
        for (name, value) in wrong {
            let vars = [(name.to_owned(), value.to_owned())];
            let told = CacheConfig::from_vars(vars).unwrap_err().to_string();
            let blamed = wrong.iter().filter(|(other, _)| told.contains(other));
            assert_eq!(blamed.count(), 1, "{told}");
            assert!(told.contains(name), "{told}");
        }
    }

    #[test]
    fn a_configuration_made_in_code_is_checked() {
        for config in [
            CacheConfig::default().with_room(0, 1),
            CacheConfig::default().with_max_value_bytes(0),
            CacheConfig::default().with_timeout(Duration::ZERO),
            CacheConfig::default().with_wait(Duration::MAX),
            CacheConfig::default().with_prefix("p".repeat(300)),
        ] {
            let error = config.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        }
        assert!(CacheConfig::default().check().is_ok());
    }
}
