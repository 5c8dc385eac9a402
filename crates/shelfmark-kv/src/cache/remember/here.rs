//! In this process: from the values, from who computes it, or from us.

use std::future::Future;
use std::time::Duration;

use shelfmark_core::Error;
use shelfmark_core::cache::{Stored, Wanted};
use tokio::time::Instant;

use super::super::Cache;
use super::super::encoded;
use super::super::flight::{Lead, Ticket};
use super::super::local::{Found, Local, Refreshing, Storing, Typed};
use super::Came;

impl Cache {
    pub(super) async fn obtain_here<E, F, Fut>(
        &self,
        local: &Local,
        wanted: &Wanted<'_>,
        compute: F,
    ) -> Result<Stored, E>
    where
        E: From<Error>,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Stored, E>> + Send,
    {
        let counts = &self.inner.counts;
        let flights = &self.inner.flights;
        let typed = typed(wanted);
        let find = || local.find(&wanted.key, flights.epoch(), typed);
        let tags = || local.tags.now(&wanted.keep.tags);
        if let Some(found) = find() {
            counts.hit(found.entry.cost);
            return Ok(match local.to_refresh(&found) {
                None => found.entry.value.clone(),
                Some(refreshing) => {
                    Box::pin(self.refresh_here(local, wanted, found, refreshing, compute)).await
                }
            });
        }
        let deadline = Instant::now() + self.inner.config.wait;
        match self.come(wanted, deadline, find, tags).await? {
            Came::Found(found) => {
                counts.hit(found.entry.cost);
                Ok(found.entry.value.clone())
            }
            Came::Given(value) => Ok(value),
            Came::Lead { lead, .. } => {
                Box::pin(self.compute_here(local, wanted, Some(lead), compute)).await
            }
            Came::Alone => Box::pin(self.compute_here(local, wanted, None, compute)).await,
        }
    }

    /// Computes the value, and keeps it where all wait for it.
    async fn compute_here<E, F, Fut>(
        &self,
        local: &Local,
        wanted: &Wanted<'_>,
        lead: Option<Lead>,
        compute: F,
    ) -> Result<Stored, E>
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Stored, E>> + Send,
    {
        self.inner.counts.miss();
        let begun = Instant::now();
        // A drop, or a panic, drops the lead.
        match compute().await {
            Ok(value) => {
                self.inner.counts.computed();
                if let Some(lead) = lead {
                    self.keep_here(local, wanted, lead, &value, begun.elapsed());
                }
                Ok(value)
            }
            Err(error) => {
                if let Some(lead) = lead {
                    lead.failed();
                }
                Err(error)
            }
        }
    }

    /// Computes the value again, which is up to us, or answers the old one.
    async fn refresh_here<E, F, Fut>(
        &self,
        local: &Local,
        wanted: &Wanted<'_>,
        found: Found,
        refreshing: Refreshing,
        compute: F,
    ) -> Stored
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Stored, E>> + Send,
    {
        let old = || found.entry.value.clone();
        let tags = || local.tags.now(&wanted.keep.tags);
        let flights = &self.inner.flights;
        let Some(lead) = flights.refresh(&wanted.key, wanted.shape, tags) else {
            return old();
        };
        let begun = Instant::now();
        match compute().await {
            Ok(value) => {
                self.inner.counts.refreshed();
                self.keep_here(local, wanted, lead, &value, begun.elapsed());
                value
            }
            Err(_) => {
                // Those who have joined since the old value ended compute themselves.
                lead.failed();
                refreshing.failed();
                self.refresh_failed();
                old()
            }
        }
    }

    /// Ends the flight with its value, and stores it unless something came in between.
    fn keep_here(
        &self,
        local: &Local,
        wanted: &Wanted<'_>,
        lead: Lead,
        value: &Stored,
        cost: Duration,
    ) {
        let ttl_and_bytes = self.kept(wanted, value, |written| {
            self.fitting(encoded::length(written, self.inner.config.max_value_bytes))
        });
        let typed = typed(wanted);
        let began = lead.began();
        lead.land(value.clone(), cost, |key, before, current| {
            if before.epoch % 2 == 1 {
                // What other processes evicted may have been missed, so who came later cannot be given it.
                return began;
            }
            if !current {
                self.refused();
                // Who waits came before whatever made it outdated.
                return Ticket::ALWAYS;
            }
            match ttl_and_bytes {
                None => local.take_away(key, typed, before.epoch),
                Some((ttl, bytes)) => {
                    let storing = Storing {
                        value: value.clone(),
                        cost,
                        ttl,
                        bytes,
                    };
                    local.put(key.clone(), typed, storing, before);
                }
            }
            Ticket::ALWAYS
        });
    }
}

fn typed(wanted: &Wanted<'_>) -> Typed {
    Typed {
        shape: wanted.shape,
        codec: wanted.codec,
    }
}
