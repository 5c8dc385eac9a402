//! Dropping what a write made outdated.

use shelfmark_core::cache::Evictions;

use super::{Cache, Tier};

impl Cache {
    /// Drops the value of `key`, and whatever is being computed for it. Who asks when this has been answered is given
    /// nothing that was read before.
    ///
    /// On Redis that is so for all processes. While Redis is away, the eviction is kept and done as soon as it is back; this
    /// process computes each value until then, and others may be given the old value until it ends.
    ///
    /// # Cancel safety
    /// In process it is done at the first poll. On Redis it may be done or not.
    pub async fn evict(&self, key: &str) {
        self.evict_all_of(&Evictions::new().key(key)).await;
    }

    /// Drops all values that carry `tag`, and whatever is being computed for them, as [`evict`](Cache::evict) does.
    ///
    /// # Cancel safety
    /// As [`evict`](Cache::evict).
    pub async fn evict_tag(&self, tag: &str) {
        self.evict_all_of(&Evictions::new().tag(tag)).await;
    }

    /// Drops all that is named, as [`evict`](Cache::evict) does.
    ///
    /// # Cancel safety
    /// As [`evict`](Cache::evict).
    pub async fn evict_all_of(&self, evictions: &Evictions) {
        let evictions = self.evictions(evictions);
        match &self.inner.tier {
            Tier::Local(_) => self.evict_here(&evictions),
        }
    }

    /// Drops what lives in this process.
    pub(super) fn evict_here(&self, evictions: &Evictions) {
        let flights = &self.inner.flights;
        match &self.inner.tier {
            Tier::Local(local) => {
                for key in evictions.keys() {
                    flights.detach(key, || local.remove(key));
                }
                for tag in evictions.tags() {
                    local.tags.evict(tag);
                }
            }
        }
        let names = evictions.keys().len() + evictions.tags().len();
        self.inner.counts.evicted(names);
    }
}
