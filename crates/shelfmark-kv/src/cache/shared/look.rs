//! How a value is found, or who is to compute it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shelfmark_core::Result;
use tokio::time::Instant;

use super::super::early;
use super::claim::{Claim, Lease};
use super::entry::{self, Entry};
use super::{Core, Look, Shared, names, version};
use crate::redis::{CacheClaimed, CacheKeys, TagLife};

/// How often a look begins anew because somebody stored another entry under it.
const ROUNDS: usize = 3;
/// How long a tag lives that nothing is stored with yet.
const TAG_LIFE: TagLife = TagLife {
    least_ms: 10 * 60 * 1000,
    given_ms: 60 * 60 * 1000,
};

/// Names of tags with their versions, where they have one.
type Versions = Vec<(String, Option<Bytes>)>;

/// What an attempt to claim came to.
enum Tried {
    Claimed(Box<Claim>),
    Elsewhere,
    Changed,
}

impl Shared {
    /// Looks for the value of `key` with this shape. `tags` are those it would be stored with; the ones it was stored with
    /// count. With `claim`, a value that is not there is claimed.
    ///
    /// # Cancel safety
    /// What a dropped call was about to claim is released.
    pub(in crate::cache) async fn look(
        &self,
        key: &str,
        shape: u64,
        tags: &[Cow<'static, str>],
        claim: bool,
    ) -> Look {
        let core = &self.core;
        if core.pending.any() {
            // Its task may have ended with its runtime.
            core.send_pending();
            return Look::Bypass;
        }
        let until = core.until();
        let keys = names::value(key, shape);
        let tags: Vec<String> = tags.iter().map(|tag| names::tag(tag)).collect();
        let looked = core.look(&keys, &tags, claim, until);
        let looked = core.ask("a look", until, looked).await;
        looked.unwrap_or(Look::Bypass)
    }
}

impl Core {
    async fn look(
        self: &Arc<Self>,
        keys: &CacheKeys,
        tags: &[String],
        claim: bool,
        until: Instant,
    ) -> Result<Look> {
        for _ in 0..ROUNDS {
            let found = self.redis.cache_look(keys, tags, until).await?;
            let versions: Versions = tags.iter().cloned().zip(found.tags).collect();
            // Also of one that cannot be read, so that the script does not take it for a good one.
            let seen = found.entry.as_ref().map(|entry| entry::id(entry).to_vec());
            let seen = seen.unwrap_or_default();
            if let Some(entry) = found.entry.and_then(entry::read)
                && found.version.as_ref() == Some(&entry.version)
                && self.has_valid_tags(&entry, &versions, until).await?
            {
                let left = Duration::from_millis(u64::try_from(found.left_ms).unwrap_or(0));
                let refresh = match claim && early::is_due(left, entry.cost) {
                    true => self.claim_again(keys, &seen, versions, until).await,
                    false => None,
                };
                return Ok(Look::Hit {
                    bytes: entry.bytes,
                    cost: entry.cost,
                    refresh,
                });
            }
            if !claim {
                return Ok(Look::Nothing);
            }
            if let (Some(version), Some(claimed)) = (&found.version, &found.claim)
                && claimed.starts_with(version)
            {
                return Ok(Look::Elsewhere);
            }
            match self.claim(keys, &seen, versions, until).await? {
                Tried::Claimed(claim) => return Ok(Look::Claimed(*claim)),
                Tried::Elsewhere => return Ok(Look::Elsewhere),
                Tried::Changed => {}
            }
        }
        Ok(Look::Elsewhere)
    }

    /// Whether the tags of an entry have the versions it was stored with.
    async fn has_valid_tags(
        &self,
        entry: &Entry,
        known: &Versions,
        until: Instant,
    ) -> Result<bool> {
        let mut unknown = Vec::new();
        let mut expected = Vec::new();
        for (name, version) in &entry.tags {
            match known.iter().find(|(known, _)| known == name) {
                Some((_, now)) if now.as_ref() == Some(version) => {}
                Some(_) => return Ok(false),
                None => {
                    unknown.push(name.clone());
                    expected.push(Some(version.clone()));
                }
            }
        }
        if unknown.is_empty() {
            return Ok(true);
        }
        Ok(self.redis.cache_versions(&unknown, until).await? == expected)
    }

    /// The claim of a value that is there, for the one who is to compute it again. Without an answer nobody is.
    async fn claim_again(
        self: &Arc<Self>,
        keys: &CacheKeys,
        seen: &[u8],
        versions: Versions,
        until: Instant,
    ) -> Option<Claim> {
        match self.claim(keys, seen, versions, until).await {
            Ok(Tried::Claimed(claim)) if !claim.is_blocked() => Some(*claim),
            Ok(_) => None,
            Err(error) => {
                self.failed("claiming a value that ends soon", &error);
                None
            }
        }
    }

    async fn claim(
        self: &Arc<Self>,
        keys: &CacheKeys,
        seen: &[u8],
        tags: Versions,
        until: Instant,
    ) -> Result<Tried> {
        let mut lease = Lease::asked(self, keys);
        let fresh = version::unique();
        let claimed = self
            .redis
            .cache_claim(keys, seen, (&fresh, lease.token()), Lease::times(), until)
            .await?;
        let (version, mut lease) = match claimed {
            CacheClaimed::Changed => {
                lease.gone();
                return Ok(Tried::Changed);
            }
            CacheClaimed::Elsewhere => {
                lease.gone();
                return Ok(Tried::Elsewhere);
            }
            CacheClaimed::Blocked(block) => {
                lease.gone();
                (block, None)
            }
            CacheClaimed::Claimed(version) => {
                lease.held(&version);
                (version, Some(lease))
            }
        };
        let tags = self.all_versions(tags, until).await?;
        if tags.iter().any(|(_, version)| version::is_block(version)) {
            // Nobody is to wait for what will not be stored.
            lease = None;
        }
        Ok(Tried::Claimed(Box::new(Claim {
            keys: keys.clone(),
            version,
            tags,
            lease,
        })))
    }

    /// Gives the tags a version that have none.
    async fn all_versions(&self, tags: Versions, until: Instant) -> Result<Vec<(String, Bytes)>> {
        let has_none = |tag: &&(String, Option<Bytes>)| tag.1.is_none();
        let missing: Vec<String> = tags
            .iter()
            .filter(has_none)
            .map(|tag| tag.0.clone())
            .collect();
        let mut made = Vec::new();
        if !missing.is_empty() {
            let fresh = version::unique();
            made = self
                .redis
                .cache_tags(&missing, &fresh, TAG_LIFE, until)
                .await?;
        }
        let mut made = made.into_iter();
        let all = tags.into_iter().map(|(name, version)| {
            let version = version.or_else(|| made.next());
            Some((name, version?))
        });
        let all: Option<_> = all.collect();
        all.ok_or_else(crate::redis::unexpected)
    }
}
