//! Reads that are answered from a cache, and what drops their answers: the seam between repositories and a cache.
//!
//! This crate knows no cache. [`QueryCache`] is what one offers to a `Db`, [`cached`] what a method with `#[cached]`
//! calls, [`Evictions`] what a method with `#[evicts]` drops once its transaction is committed.

mod codec;
mod counted;
mod eviction;
mod key;
mod key_slots;
mod read;
mod shape;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use codec::{Cacheable, Codec, Stored};
pub use eviction::Evictions;
pub use key::{Key, KeyPart};
pub use read::{Cached, cached};
pub use shape::{Shape, ShapeOf, WhenUsed};

use crate::channel::BoxFuture;
use crate::error::Result;

/// For how long a value is kept, and what drops it earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keep {
    /// The time to live. What is stored lives for this or up to [`jitter`](Keep::jitter) less.
    pub ttl: Duration,
    /// The time to live of a `None` (default: `ttl`, but at most 30 s).
    pub none_ttl: Option<Duration>,
    /// The largest part of the time to live that is taken off by chance, in per cent, so that what was stored together
    /// does not end together (default 10, at most 50).
    pub jitter: u8,
    /// Names of groups that are dropped together.
    pub tags: Vec<Cow<'static, str>>,
}

impl Keep {
    /// Keeps a value for `ttl`.
    #[must_use]
    pub const fn during(ttl: Duration) -> Self {
        Keep {
            ttl,
            none_ttl: None,
            jitter: 10,
            tags: Vec::new(),
        }
    }

    /// Keeps a `None` for `ttl`: short where the row may come into being without an eviction.
    #[must_use]
    pub const fn none_during(mut self, ttl: Duration) -> Self {
        self.none_ttl = Some(ttl);
        self
    }

    /// Takes at most `percent` of the time to live off by chance; 0 keeps it exact.
    #[must_use]
    pub const fn jitter(mut self, percent: u8) -> Self {
        self.jitter = percent;
        self
    }

    /// Adds it to the group `tag`, which can be dropped as a whole.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Cow<'static, str>>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// How long a `None` is kept.
    #[must_use]
    pub fn none_ttl(&self) -> Duration {
        const LONGEST: Duration = Duration::from_secs(30);
        self.none_ttl.unwrap_or(self.ttl.min(LONGEST))
    }
}

impl From<Duration> for Keep {
    fn from(ttl: Duration) -> Keep {
        Keep::during(ttl)
    }
}

/// A value that is looked for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Its key, without the cache's own prefix.
    pub key: Cow<'a, str>,
    /// The shape of its type: bytes of any other are not decoded.
    pub shape: u64,
    /// For how long it is kept once it is there.
    pub keep: Keep,
    /// From the value to bytes and back.
    pub codec: &'static Codec,
}

/// What computes a value that is not there.
pub type Compute<'a> = Box<dyn FnOnce() -> BoxFuture<'a, Result<Stored>> + Send + 'a>;

/// A cache, as a `Db` uses it.
///
/// None of its waits outlives a deadline of its own, and none of its failures is an error of the caller: what cannot be
/// had is a miss.
///
/// # What it promises
/// A read that begins when [`evict`](QueryCache::evict) has been answered is never given what was computed from a read
/// that began before, neither a stored value nor one that is being computed.
pub trait QueryCache: fmt::Debug + Send + Sync + 'static {
    /// The value, from the cache or from `compute`, which runs at most once and only when it is needed. Many who want the
    /// same key at once wait for one of them.
    ///
    /// # Errors
    /// What `compute` answers, which is never kept; `Timeout` when somebody else computes the value for too long.
    fn remember<'a>(
        &'a self,
        wanted: Wanted<'a>,
        compute: Compute<'a>,
    ) -> BoxFuture<'a, Result<Stored>>;

    /// A transaction that makes values outdated is about to be committed. What it names is dropped and not stored again
    /// until [`evict`](QueryCache::evict) has been called, or a while has passed: so the process may end in between.
    fn announce<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()>;

    /// Drops what is named, and whatever is being computed for it.
    fn evict<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()>;

    /// As [`evict`](QueryCache::evict), where nobody can wait: what lives in this process is dropped when it returns, the
    /// rest in the background.
    fn evict_in_background(&self, evictions: Evictions);

    /// Whether all processes that use it see each other's values, and so each other's evictions.
    fn is_shared(&self) -> bool;

    /// What sets it apart from other caches on the same database.
    fn namespace(&self) -> &str;

    /// Drops all and keeps nothing until [`resume`](QueryCache::resume), because evictions of other processes may be
    /// missed from now on.
    fn suspend(&self);

    /// Drops all and keeps values again.
    fn resume(&self);
}
