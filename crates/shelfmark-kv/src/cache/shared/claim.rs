//! Claims: which process computes a value. A claim ends by itself soon after its process does, and an eviction ends it at
//! once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::Core;
use super::version;
use crate::redis::CacheKeys;

/// How long a claim lives that nobody renews: so long others wait for a process that is gone.
const LEASE_MS: u64 = 3_000;
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_millis(LEASE_MS / 3);
/// How long a key's version lives at least: longer than a claim, so that it never ends under one.
pub(super) const VERSION_MS: u64 = 60_000;

/// What was valid before a value was computed, and the right to store it.
pub(in crate::cache) struct Claim {
    pub(super) keys: CacheKeys,
    /// The version of the key, or what a writer has put in its place.
    pub(super) version: Bytes,
    /// Names and versions of the tags.
    pub(super) tags: Vec<(String, Bytes)>,
    /// `None` while a writer blocks the key or a tag: nothing is stored then.
    pub(super) lease: Option<Lease>,
}

impl Claim {
    /// Whether a writer has announced an eviction, so that nothing will be stored. Whether one came in between can be
    /// asked all the same.
    pub(in crate::cache) fn is_blocked(&self) -> bool {
        self.lease.is_none()
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("is_blocked", &self.is_blocked())
            .finish_non_exhaustive()
    }
}

/// The claim as it is on Redis. Dropped, it is released in the background; where that fails, it ends by itself.
pub(super) struct Lease {
    core: Arc<Core>,
    keys: CacheKeys,
    token: [u8; version::LENGTH],
    /// The version and the token, once it is ours.
    value: Vec<u8>,
    renewal: Option<JoinHandle<()>>,
    is_released: bool,
}

impl Lease {
    /// One that is about to be asked for, so that it is released also when the answer is lost.
    pub(super) fn asked(core: &Arc<Core>, keys: &CacheKeys) -> Lease {
        Lease {
            core: core.clone(),
            keys: keys.clone(),
            token: version::unique(),
            value: Vec::new(),
            renewal: None,
            is_released: false,
        }
    }

    pub(super) fn token(&self) -> &[u8] {
        &self.token
    }

    pub(super) fn times() -> (u64, u64) {
        (LEASE_MS, VERSION_MS)
    }

    /// What is stored at the claim's name.
    pub(super) fn value(&self) -> &[u8] {
        &self.value
    }

    /// It is not there (any more), so there is nothing to release.
    pub(super) fn gone(mut self) {
        self.is_released = true;
    }

    /// It is ours at `version`, and kept until it is dropped.
    pub(super) fn held(&mut self, version: &[u8]) {
        self.value = [version, &self.token].concat();
        let (core, keys, value) = (self.core.clone(), self.keys.clone(), self.value.clone());
        self.renewal = Some(tokio::spawn(async move {
            loop {
                sleep(RENEWAL).await;
                let until = Instant::now() + core.timeout;
                let renewed = core.redis.cache_renew(&keys, &value, Lease::times(), until);
                if let Some(false) = core.ask("renewing a claim", until, renewed).await {
                    break;
                }
            }
        }));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(renewal) = self.renewal.take() {
            renewal.abort();
        }
        if self.is_released {
            return;
        }
        // Without a runtime it ends by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (core, keys, token) = (self.core.clone(), self.keys.clone(), self.token);
            runtime.spawn(async move {
                let until = Instant::now() + core.timeout;
                let released = core.redis.cache_release(&keys, &token, until);
                core.ask("releasing a claim", until, released).await;
            });
        }
    }
}
