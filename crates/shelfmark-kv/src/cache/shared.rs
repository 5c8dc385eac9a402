//! The cache on Redis, as one process uses it: `look.rs` how a value is found or claimed, `claim.rs` who computes it,
//! `store.rs` how it is stored, `pending.rs` evictions that must not be forgotten, `breaker.rs` what happens while Redis
//! does not answer, `entry.rs` what a value is there.
//!
//! Each key and each tag has a *version*, a value that never comes again. An entry carries the versions that were there
//! before it was computed, and is valid while they are. So an eviction deletes a version, and with that all that is stored
//! and all that is being computed; also a version that Redis has lost makes a miss and never an old value. A writer who is
//! about to commit puts a *block* in the version's place, which ends by itself.
//!
//! # What it does not do
//! While an eviction of this process waits for Redis, and when Redis fails over before a replica has heard of one, other
//! processes may be given the old value until it ends. So may this one when more evictions wait than 16 MiB hold (about
//! 150,000 names): those beyond are lost, counted as such and logged as an error.
//!
//! A block is lifted by whoever evicts its key or tag. So a writer that ends between its commit and its eviction leaves no
//! old value behind only where no other write of the same key or tag ends in between.

mod breaker;
mod claim;
mod entry;
mod look;
mod names;
mod pending;
mod store;
mod version;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use shelfmark_core::cache::Evictions;
use shelfmark_core::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

pub(super) use claim::Claim;

use self::breaker::Breaker;
use self::pending::{BATCH, OnTheirWay, Pending};
use super::stats::Counts;
use crate::kv::Kv;
use crate::redis::Redis;

/// How long a block lives whose writer does not come back.
const BLOCK_MS: u64 = 30_000;
/// What it says in the log.
const ANNOUNCING: &str = "announcing an eviction";
const EVICTING: &str = "an eviction";
/// One line in the log in so long.
const LOG_PAUSE: Duration = Duration::from_secs(10);
/// So much later than a call's own deadline we give it up: it is to notice itself, and to say why.
const SLACK: Duration = Duration::from_millis(20);

/// What a look finds.
#[derive(Debug)]
pub(super) enum Look {
    /// The value. `refresh` is there for the one process that is to compute it again before its end.
    Hit {
        bytes: Bytes,
        cost: Duration,
        refresh: Option<Claim>,
    },
    /// Nobody has it or computes it, and we are to; or a writer has [blocked](Claim::is_blocked) it.
    Claimed(Claim),
    /// Another process computes it: wait a little, and look again.
    Elsewhere,
    /// Redis is away, or an eviction of ours waits for it: compute, and store nothing.
    Bypass,
    /// It is not there, and it was not to be claimed.
    Nothing,
}

/// What becomes of a computed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// No eviction came in between, up to a moment after [`store`](Shared::store) was called. It is stored, unless there is
    /// no room for it or a writer has blocked it.
    Kept,
    /// An eviction came in between, and it is not stored.
    Outdated,
    /// Redis does not say.
    Unknown,
}

/// The cache on Redis, as one process uses it.
pub(super) struct Shared {
    core: Arc<Core>,
}

/// What claims and evictions in the background share with the cache.
struct Core {
    redis: Arc<Redis>,
    /// Knows how long a value may be.
    kv: Kv,
    timeout: Duration,
    counts: Arc<Counts>,
    breaker: Breaker,
    pending: Pending,
    /// The one the cache was made in, for evictions from outside of any.
    runtime: Option<Handle>,
    /// When a failure was last logged.
    logged: Mutex<Option<Instant>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// A cache on `redis`, the engine of `kv`, of which each call ends within `timeout`.
    pub(super) fn new(redis: Arc<Redis>, kv: Kv, timeout: Duration, counts: Arc<Counts>) -> Shared {
        Shared {
            core: Arc::new(Core {
                redis,
                kv,
                timeout,
                counts,
                breaker: Breaker::default(),
                pending: Pending::default(),
                runtime: Handle::try_current().ok(),
                logged: Mutex::new(None),
            }),
        }
    }

    /// Blocks what is named until it is evicted, or for half a minute: nothing is stored for it. A transaction waits for
    /// this, so all of it has one deadline, and what is not blocked by then is not.
    pub(super) async fn announce(&self, evictions: &Evictions) {
        let names = named(evictions);
        if names.is_empty() {
            return;
        }
        let core = &self.core;
        let (block, until) = (version::block(), core.until());
        for batch in names.chunks(BATCH) {
            let blocked = core.redis.cache_block(batch, &block, BLOCK_MS, until);
            let Some(blocked) = core.ask(ANNOUNCING, until, blocked).await else {
                return;
            };
            for answer in blocked {
                if let Err(error) = answer {
                    core.failed(ANNOUNCING, &error);
                }
            }
        }
    }

    /// Drops what is named for all processes, a thousand names at a time, each of which may take the deadline. What Redis
    /// does not acknowledge in time, or where the call is dropped, is sent again in the background until it does.
    pub(super) async fn evict(&self, evictions: &Evictions) {
        self.core.evict(named(evictions)).await;
    }

    /// As [`evict`](Shared::evict), in the background. This process is given nothing old from now on.
    pub(super) fn evict_in_background(&self, evictions: Evictions) {
        let names = named(&evictions);
        if !names.is_empty() {
            self.core.send_later(names);
        }
    }
}

fn named(evictions: &Evictions) -> Vec<String> {
    let keys = evictions.keys().iter().map(|key| names::version(key));
    let tags = evictions.tags().iter().map(|tag| names::tag(tag));
    keys.chain(tags).collect()
}

impl Core {
    fn until(&self) -> Instant {
        Instant::now() + self.timeout
    }

    async fn evict(self: &Arc<Self>, names: Vec<String>) {
        let mut going = OnTheirWay {
            core: self.clone(),
            names,
        };
        while !going.names.is_empty() {
            let first = going.names.len().saturating_sub(BATCH);
            let until = self.until();
            let batch = going.names.get(first..).unwrap_or_default();
            let evicted = self.redis.cache_evict(batch, until);
            let Some(answers) = self.ask(EVICTING, until, evicted).await else {
                break;
            };
            let mut refused = Vec::new();
            for (name, answer) in going.names.drain(first..).zip(answers) {
                if let Err(error) = answer {
                    self.failed(EVICTING, &error);
                    refused.push(name);
                }
            }
            if !refused.is_empty() {
                self.send_later(refused);
            }
        }
    }

    /// Ends a call that does not end by itself.
    async fn within<T>(&self, until: Instant, call: impl Future<Output = Result<T>>) -> Result<T> {
        match timeout_at(until + SLACK, call).await {
            Ok(answer) => answer,
            Err(_) => Err(crate::failure::timed_out(self.timeout, "waiting for Redis")),
        }
    }

    /// Does a call unless the breaker is open. A failure is counted and logged.
    async fn ask<T>(
        &self,
        what: &'static str,
        until: Instant,
        call: impl Future<Output = Result<T>>,
    ) -> Option<T> {
        self.try_ask(what, until, call).await?.ok()
    }

    /// As [`ask`](Core::ask): `None` when the breaker is open.
    async fn try_ask<T>(
        &self,
        what: &'static str,
        until: Instant,
        call: impl Future<Output = Result<T>>,
    ) -> Option<Result<T>> {
        let permit = self.breaker.permit()?;
        let answer = self.within(until, call).await;
        match &answer {
            Ok(_) => permit.succeeded(),
            Err(error) => {
                match is_refusal(error) {
                    true => permit.succeeded(),
                    false => permit.failed(),
                }
                self.failed(what, error);
            }
        }
        Some(answer)
    }

    /// Counts a failure, and says it in the log now and then.
    fn failed(&self, what: &'static str, error: &Error) {
        self.counts.error();
        let now = Instant::now();
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|last| now.duration_since(last) >= LOG_PAUSE) {
            *logged = Some(now);
            drop(logged);
            tracing::warn!(
                target: "shelfmark::cache",
                %error,
                "{what} failed on Redis; values are computed instead (said at most every {LOG_PAUSE:?})"
            );
        }
    }
}

/// Whether the server has answered, and will answer the next call: it is full, or holds something else.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::Decode | ErrorKind::Other
    )
}
