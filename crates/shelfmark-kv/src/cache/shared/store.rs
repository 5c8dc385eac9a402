//! How a value is stored.

use std::borrow::Cow;
use std::time::Duration;

use super::claim::{Claim, VERSION_MS};
use super::{Core, Fate, Shared, entry, is_refusal, names, version};
use crate::limits::millis;
use crate::redis::{CacheStored, TagLife};

/// How much longer than a value its versions live.
const LONGER_MS: u64 = 60_000;
/// How much longer still a tag is given, so that not every value that is stored with it writes it.
const TAG_LONGER_MS: u64 = 60 * 60 * 1000;

/// How long a tag lives of a value that lives for `ttl_ms`.
fn tag_life(ttl_ms: u64) -> TagLife {
    let least_ms = ttl_ms.saturating_add(LONGER_MS);
    TagLife {
        least_ms,
        given_ms: least_ms.saturating_add(TAG_LONGER_MS),
    }
}

impl Shared {
    /// Stores what was computed for a claim, unless its key or one of its tags was evicted since.
    ///
    /// # Cancel safety
    /// It may be stored or not; the claim ends.
    pub(in crate::cache) async fn store(
        &self,
        claim: Claim,
        bytes: Vec<u8>,
        ttl: Duration,
        cost: Duration,
    ) -> Fate {
        let core = &self.core;
        if core.pending.any() {
            return Fate::Unknown;
        }
        let Some(lease) = &claim.lease else {
            return core.fate_of(&claim).await;
        };
        if core.kv.check_value(&bytes).is_err() {
            core.counts.too_large();
            return core.fate_of(&claim).await;
        }
        let entry = entry::write(&claim.version, &claim.tags, cost, &bytes);
        drop(bytes);
        let ttl_ms = millis(ttl);
        let tags: Vec<String> = claim.tags.iter().map(|(name, _)| name.clone()).collect();
        let fresh = version::unique();
        let stored = CacheStored {
            version: &claim.version,
            claim: lease.value(),
            entry: &entry,
            ttl_ms,
            version_ms: ttl_ms.saturating_add(LONGER_MS).max(VERSION_MS),
        };
        let until = core.until();
        let life = (&fresh[..], tag_life(ttl_ms));
        let stored = core
            .redis
            .cache_store(&claim.keys, stored, &tags, life, until);
        match core.try_ask("storing a value", until, stored).await {
            None => Fate::Unknown,
            // There is no room, but whether it is valid can be asked.
            Some(Err(error)) if is_refusal(&error) => core.fate_of(&claim).await,
            Some(Err(_)) => Fate::Unknown,
            Some(Ok((is_stored, now))) => {
                let is_valid = is_stored && claim.tags.iter().map(|(_, version)| version).eq(&now);
                if is_stored && let Some(lease) = claim.lease {
                    // The script has released it.
                    lease.gone();
                }
                match is_valid {
                    true => Fate::Kept,
                    false => Fate::Outdated,
                }
            }
        }
    }

    /// Stores a value whatever there is, and whoever computes it. Where that fails, what was there is dropped.
    ///
    /// # Cancel safety
    /// It may be stored or not.
    pub(in crate::cache) async fn set(
        &self,
        key: &str,
        shape: u64,
        tags: &[Cow<'static, str>],
        bytes: Vec<u8>,
        ttl: Duration,
        cost: Duration,
    ) {
        let core = &self.core;
        let keys = names::value(key, shape);
        if core.kv.check_value(&bytes).is_err() {
            core.counts.too_large();
            return core.evict(vec![keys.version]).await;
        }
        let ttl_ms = millis(ttl);
        let tags: Vec<String> = tags.iter().map(|tag| names::tag(tag)).collect();
        let until = core.until();
        let setting = async {
            let mut versions = Vec::new();
            if !tags.is_empty() {
                let fresh = version::unique();
                let life = tag_life(ttl_ms);
                versions = core.redis.cache_tags(&tags, &fresh, life, until).await?;
            }
            if versions.iter().any(|version| version::is_block(version)) {
                return Ok(false);
            }
            let fresh = version::unique();
            let tags: Vec<_> = tags.iter().cloned().zip(versions).collect();
            let entry = entry::write(&fresh, &tags, cost, &bytes);
            let times = (ttl_ms, ttl_ms.saturating_add(LONGER_MS));
            core.redis
                .cache_set(&keys, (&entry, &fresh), times, until)
                .await?;
            // Where the key itself is blocked, nothing of it is given to anybody, and the block is not to be removed.
            Ok(true)
        };
        if core.ask("setting a value", until, setting).await != Some(true) {
            core.evict(vec![keys.version]).await;
        }
    }
}

impl Core {
    /// Whether a value that is not stored is valid all the same.
    async fn fate_of(&self, claim: &Claim) -> Fate {
        let tags = claim.tags.iter();
        let (mut names, mut expected) = (
            vec![claim.keys.version.clone()],
            vec![Some(claim.version.clone())],
        );
        for (name, version) in tags {
            names.push(name.clone());
            expected.push(Some(version.clone()));
        }
        let until = self.until();
        let now = self.redis.cache_versions(&names, until);
        match self.ask("a look at versions", until, now).await {
            None => Fate::Unknown,
            Some(now) if now == expected => Fate::Kept,
            Some(_) => Fate::Outdated,
        }
    }
}
