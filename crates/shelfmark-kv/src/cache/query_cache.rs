//! The cache as a `Db` uses it.

use shelfmark_core::cache::{Compute, Evictions, QueryCache, Stored, Wanted};

use shelfmark_core::{BoxFuture, Error, Result};

use super::{Cache, Tier};

impl QueryCache for Cache {
    /// A key that is too long, which arguments can make it, is as if there were no cache.
    fn remember<'a>(
        &'a self,
        wanted: Wanted<'a>,
        compute: Compute<'a>,
    ) -> BoxFuture<'a, Result<Stored>> {
        Box::pin(async move {
            let Wanted {
                key,
                shape,
                keep,
                codec,
            } = &wanted;
            match self.wanted(key, *shape, keep.clone(), codec) {
                Ok(wanted) => self.obtain::<Error, _, _>(&wanted, compute).await,
                Err(error) => {
                    tracing::debug!(
                        target: "shelfmark::cache",
                        %error,
                        "a method is not answered from the cache"
                    );
                    self.inner.counts.error();
                    self.inner.counts.miss();
                    let value = compute().await?;
                    self.inner.counts.computed();
                    Ok(value)
                }
            }
        })
    }

    /// In process there is nothing to announce: what would miss the eviction, since the process ended before it, ends with
    /// the process.
    fn announce<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let evictions = self.evictions(evictions);
            match &self.inner.tier {
                Tier::Local(_) => drop(evictions),
            }
        })
    }

    fn evict<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()> {
        Box::pin(self.evict_all_of(evictions))
    }

    fn evict_in_background(&self, evictions: Evictions) {
        let evictions = self.evictions(&evictions);
        self.evict_here(&evictions);
    }

    fn is_shared(&self) -> bool {
        match &self.inner.tier {
            Tier::Local(_) => false,
        }
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn suspend(&self) {
        self.inner.flights.next_epoch(true);
        self.clear_here();
    }

    fn resume(&self) {
        self.inner.flights.next_epoch(false);
        self.clear_here();
    }
}

impl Cache {
    fn clear_here(&self) {
        match &self.inner.tier {
            Tier::Local(local) => local.clear(),
        }
    }
}
