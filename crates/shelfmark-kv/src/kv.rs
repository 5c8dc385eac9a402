//! [`Kv`]: the handle on the engine that the environment chose.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use shelfmark_core::Result;

use crate::config::{KvConfig, KvTarget};
use crate::limits::{check_count, check_name, check_values};
use crate::memory::Memory;
use crate::redis::Redis;

/// A store of keys: in process, or on Redis. Cheap to clone; all clones are one store.
///
/// What it can do is in the traits [`Keys`](crate::Keys), [`Strings`](crate::Strings),
/// [`Counters`](crate::Counters), [`Hashes`](crate::Hashes), [`Lists`](crate::Lists),
/// [`ReliableLists`](crate::ReliableLists), [`Sets`](crate::Sets), [`PubSub`](crate::PubSub),
/// [`RateLimiter`](crate::RateLimiter) and [`Locks`](crate::Locks), so that code which counts takes
/// `&impl Counters` and no more.
///
/// ```
/// use shelfmark_kv::{Counters, Kv};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> shelfmark_core::Result<()> {
/// let kv = Kv::in_process();
/// assert_eq!(kv.incr("views:s1", 1).await?, 1);
/// assert_eq!(kv.incr("views:s1", 2).await?, 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Kv {
    pub(crate) engine: Engine,
    prefix: Arc<str>,
    max_value_bytes: usize,
}

#[derive(Clone)]
pub(crate) enum Engine {
    Memory(Arc<Memory>),
    Redis(Arc<Redis>),
}

/// Runs the same call on whichever engine is there.
macro_rules! on_engine {
    ($kv:expr, $engine:ident => $memory:expr, $redis:expr) => {
        match &$kv.engine {
            crate::kv::Engine::Memory($engine) => $memory,
            crate::kv::Engine::Redis($engine) => $redis.await,
        }
    };
}
pub(crate) use on_engine;

impl Kv {
    /// Opens the store that the environment names: Redis when `REDIS_URL` is set, else one in process. See
    /// [`KvConfig`] for all variables.
    ///
    /// # Errors
    /// `InvalidConfig` for a wrong variable; `Connection` when the server cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn from_env() -> Result<Kv> {
        Kv::connect(KvConfig::from_env()?).await
    }

    /// A store in this process with the default bounds, for tests and for services of one instance.
    #[must_use]
    pub fn in_process() -> Kv {
        let config = KvConfig::new(KvTarget::InProcess);
        Kv {
            engine: Engine::Memory(Arc::new(Memory::new(&config))),
            prefix: Arc::from(""),
            max_value_bytes: config.max_value_bytes,
        }
    }

    /// Opens the store that `config` describes. One on Redis belongs to the tokio runtime it is opened in.
    ///
    /// # Errors
    /// `InvalidConfig` for a setting out of its bounds; `Connection` when the server cannot be reached, unless
    /// [`lazy`](KvConfig::lazy) is set.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn connect(config: KvConfig) -> Result<Kv> {
        config.check()?;
        let engine = match &config.target {
            KvTarget::InProcess => Engine::Memory(Arc::new(Memory::new(&config))),
            _ => Engine::Redis(Arc::new(Redis::connect(&config).await?)),
        };
        Ok(Kv {
            engine,
            prefix: Arc::from(config.prefix.as_str()),
            max_value_bytes: config.max_value_bytes,
        })
    }

    /// The same store with `prefix` before every key, behind the prefix that is there already.
    #[must_use]
    pub fn prefixed(&self, prefix: &str) -> Kv {
        Kv {
            engine: self.engine.clone(),
            prefix: Arc::from(format!("{}{prefix}", self.prefix)),
            max_value_bytes: self.max_value_bytes,
        }
    }

    /// What stands before every key.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// `key` as the engine knows it.
    pub(crate) fn key(&self, key: &str) -> Result<String> {
        self.name("key", key)
    }

    /// `key` or channel as the engine knows it.
    pub(crate) fn name(&self, what: &str, name: &str) -> Result<String> {
        if name.is_empty() {
            check_name(what, name)?;
        }
        let name = [&*self.prefix, name].concat();
        check_name(what, &name)?;
        Ok(name)
    }

    pub(crate) fn keys(&self, keys: &[&str]) -> Result<Vec<String>> {
        check_count("keys", keys.len())?;
        keys.iter().map(|key| self.key(key)).collect()
    }

    /// A name as the caller knows it.
    pub(crate) fn without_prefix<'a>(&self, name: &'a str) -> &'a str {
        name.strip_prefix(&*self.prefix).unwrap_or(name)
    }

    /// Refuses `what` on a server that may delete it to make room.
    pub(crate) async fn keeps(&self, what: &str) -> Result<()> {
        match &self.engine {
            // What is in process makes way only where it was stored to be.
            Engine::Memory(_) => Ok(()),
            Engine::Redis(redis) => redis.keeps(what).await,
        }
    }

    pub(crate) fn check_value(&self, value: &[u8]) -> Result<()> {
        check_values(self.max_value_bytes, [value])
    }

    pub(crate) fn check_values<'a>(
        &self,
        values: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<()> {
        check_values(self.max_value_bytes, values)
    }
}

impl fmt::Debug for Kv {
    /// The engine and the prefix; no key and no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = match &self.engine {
            Engine::Memory(_) => "in process",
            Engine::Redis(_) => "redis",
        };
        f.debug_struct("Kv")
            .field("engine", &engine)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Names the method in the error of `call`.
pub(crate) async fn named<T>(
    method: &'static str,
    call: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    call.await.map_err(|error| error.with_method(method))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Strings;

    #[tokio::test]
    async fn debug_of_a_store_shows_no_key_and_no_value() -> Result<()> {
        let kv = Kv::in_process().prefixed("p:");
        kv.set("k3y", b"s3cret", None).await?;
        assert_eq!(
            format!("{kv:?}"),
            r#"Kv { engine: "in process", prefix: "p:", .. }"#
        );
        Ok(())
    }
}
