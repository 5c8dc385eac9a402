//! [`Cache`]: values of any type by key, in process or on Redis.
//!
//! `remember.rs` is what happens when a value is asked for, `flight.rs` who computes it and who waits, `local.rs` the
//! values in this process, `query_cache.rs` the cache as a `Db` uses it.

mod config;
mod early;
mod encoded;
mod evict;
mod flight;
mod local;
mod names;
mod query_cache;
mod remember;
mod shared;
mod stats;
mod store;
mod tags;

use std::fmt;
use std::sync::Arc;

use shelfmark_core::Result;

pub use config::CacheConfig;
pub use stats::CacheStats;

use self::flight::Flights;
use self::local::Local;
use self::shared::Shared;
use self::stats::Counts;
use crate::config::KvConfig;
use crate::kv::{Engine, Kv};

/// Values by key, each with an end: in process, or on Redis for all processes that use it. Cheap to clone; all clones are
/// one cache.
///
/// [`remember`](Cache::remember) is what most code needs: the value, or computing it once, however many ask for it.
/// [`get`](Cache::get) and [`set`](Cache::set) are for what is computed elsewhere, [`evict`](Cache::evict) and
/// [`evict_tag`](Cache::evict_tag) drop what a write made outdated.
///
/// A cache that fails is slow, never an error: while Redis is away, each value is computed, and
/// [`stats`](Cache::stats) counts it. What is an error is a key or a time that no cache can take.
///
/// ```
/// use std::time::Duration;
/// use shelfmark_core::Error;
/// use shelfmark_kv::Cache;
///
/// async fn slow_sum(of: &[i64]) -> Result<i64, Error> {
///     Ok(of.iter().sum())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::from_env().await?;
/// let numbers = vec![1, 2, 3];
/// let minute = Duration::from_secs(60);
/// let sum: i64 = cache.remember("sum", minute, async || slow_sum(&numbers).await).await?;
/// assert_eq!((sum, cache.get::<i64>("sum").await), (6, Some(6)));
///
/// cache.evict("sum").await;
/// assert_eq!(cache.get::<i64>("sum").await, None);
/// # Ok(())
/// # }
/// ```
///
/// # What it promises
/// * Of all tasks of a process that ask for a key, one computes. When it is dropped, the next takes over. When it fails,
///   those who wait compute as well, some of them at once, and all are given the first value there is: nobody waits for
///   more than two of this process that fail.
/// * Who begins to ask when an eviction has been answered is never given what was read before it: neither a stored value
///   nor one that is being computed, and what is computed from such a read is not stored.
/// * Shortly before a value ends, one of those who ask for it computes it again, and the others are still given the old
///   one. So there is no moment at which all wait.
/// * An error is given to whose computation failed, and never kept.
///
/// # What it does not
/// It does not hold a value: any may make way for others before its end. In process nothing is seen by other processes;
/// a `Db` tells them of its evictions. On Redis a value is the writer's and the reader's serde away: what serde skips is
/// lost, and `Some(None)` comes back as `None`.
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
    /// Stands before every key and tag.
    prefix: Arc<str>,
    namespace: Arc<str>,
}

struct Inner {
    tier: Tier,
    flights: Arc<Flights>,
    counts: Arc<Counts>,
    config: CacheConfig,
}

enum Tier {
    Local(Local),
    Shared(Arc<Shared>),
}

impl Cache {
    /// The cache that the environment names: on Redis where `REDIS_URL` is set, else in process. See [`CacheConfig`] and
    /// [`KvConfig`] for all variables. Redis may be away: values are computed until it is there.
    ///
    /// # Errors
    /// `InvalidConfig` for a wrong variable.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn from_env() -> Result<Cache> {
        let config = CacheConfig::from_env()?;
        let kv = Kv::connect(KvConfig::from_env()?.with_lazy(true)).await?;
        Cache::new(&kv, config)
    }

    /// A cache in this process with the default bounds.
    #[must_use]
    pub fn in_process() -> Cache {
        Cache::local(CacheConfig::default())
    }

    /// A cache with the default bounds where `kv` is: in process, with values of its own, or on its Redis, behind its
    /// prefix and `cache:`.
    #[must_use]
    pub fn on(kv: &Kv) -> Cache {
        Cache::beside(kv, CacheConfig::default())
    }

    /// A cache within the bounds of `config` where `kv` is.
    ///
    /// # Errors
    /// `InvalidConfig` for a setting out of its bounds.
    pub fn new(kv: &Kv, config: CacheConfig) -> Result<Cache> {
        config.check()?;
        Ok(Cache::beside(kv, config))
    }

    fn beside(kv: &Kv, config: CacheConfig) -> Cache {
        match &kv.engine {
            Engine::Memory(_) => Cache::local(config),
            Engine::Redis(redis) => {
                let counts = Arc::<Counts>::default();
                let shared = Shared::new(redis.clone(), kv.clone(), config.timeout, counts.clone());
                let prefix = [kv.prefix(), &config.prefix].concat();
                Cache::made(Tier::Shared(Arc::new(shared)), &prefix, counts, config)
            }
        }
    }

    fn local(config: CacheConfig) -> Cache {
        let local = Local::new(&config);
        // Nobody else sees the keys, so they need nothing before them.
        Cache::made(Tier::Local(local), "", Arc::default(), config)
    }

    fn made(tier: Tier, prefix: &str, counts: Arc<Counts>, config: CacheConfig) -> Cache {
        Cache {
            prefix: Arc::from(prefix),
            namespace: Arc::from(config.prefix.as_str()),
            inner: Arc::new(Inner {
                tier,
                flights: Arc::default(),
                counts,
                config,
            }),
        }
    }

    /// The same cache with `prefix` before every key and tag, behind the prefix that is there already.
    #[must_use]
    pub fn prefixed(&self, prefix: &str) -> Cache {
        Cache {
            inner: self.inner.clone(),
            prefix: Arc::from([&*self.prefix, prefix].concat()),
            namespace: Arc::from([&*self.namespace, prefix].concat()),
        }
    }

    /// What the cache has done since it was made.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.inner.counts.read()
    }

    /// How many keys the cache holds values of in this process, those included that ended a moment ago: always 0 on Redis.
    #[must_use]
    pub fn entries(&self) -> u64 {
        match &self.inner.tier {
            Tier::Local(local) => local.len(),
            Tier::Shared(_) => 0,
        }
    }
}

impl fmt::Debug for Cache {
    /// Where it is and what it has done; no key and no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tier = match &self.inner.tier {
            Tier::Local(_) => "in process",
            Tier::Shared(_) => "redis",
        };
        f.debug_struct("Cache")
            .field("tier", &tier)
            .field("namespace", &self.namespace)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
