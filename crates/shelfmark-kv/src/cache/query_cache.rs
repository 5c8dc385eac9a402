//! The cache as a `Db` uses it.

use shelfmark_core::cache::{Compute, Evictions, QueryCache, Stored, Wanted};

use shelfmark_core::{BoxFuture, Error, Result};

use super::flight::Flights;
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
                Tier::Local(_) => {}
                Tier::Shared(shared) => shared.announce(&evictions).await,
            }
        })
    }

    fn evict<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()> {
        Box::pin(self.evict_all_of(evictions))
    }

    fn evict_in_background(&self, evictions: Evictions) {
        let evictions = self.evictions(&evictions);
        self.evict_here(&evictions);
        match &self.inner.tier {
            Tier::Local(_) => {}
            Tier::Shared(shared) => shared.evict_in_background(evictions.into_owned()),
        }
    }

    fn is_shared(&self) -> bool {
        match &self.inner.tier {
            Tier::Local(_) => false,
            Tier::Shared(_) => true,
        }
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    /// On Redis no eviction is missed, so there is nothing to do.
    fn suspend(&self) {
        self.begin_again(Flights::suspend);
    }

    fn resume(&self) {
        self.begin_again(Flights::resume);
    }

    fn drop_all(&self) {
        self.begin_again(Flights::drop_all);
    }
}

impl Cache {
    fn begin_again(&self, how: fn(&Flights)) {
        match &self.inner.tier {
            Tier::Local(local) => {
                how(&self.inner.flights);
                local.clear();
            }
            Tier::Shared(_) => {}
        }
    }
}
