//! In this process: from the values, from who computes it, or from us.

use std::future::Future;
use std::time::Duration;

use shelfmark_core::Error;
use shelfmark_core::cache::{Stored, Wanted};
use tokio::time::Instant;

use super::super::Cache;
use super::super::encoded;
use super::super::flight::{Entered, Entering, Lead, Ticket, Waited};
use super::super::local::{Found, Local, Storing, Typed};
use super::super::store::time_to_live;

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
            return Ok(self.refreshed(local, wanted, found, compute).await);
        }
        let mut began = None;
        let mut in_vain = 0;
        let mut deadline = None;
        loop {
            let who = Entering {
                key: &wanted.key,
                shape: wanted.shape,
                began: &mut began,
                in_vain,
            };
            match flights.enter(who, find, tags) {
                Entered::Found(found) => {
                    counts.hit(found.entry.cost);
                    return Ok(found.entry.value.clone());
                }
                Entered::Lead(lead) => {
                    counts.miss();
                    let begun = Instant::now();
                    // A drop, or a panic, drops the lead.
                    let value = match compute().await {
                        Ok(value) => value,
                        Err(error) => {
                            lead.failed();
                            return Err(error);
                        }
                    };
                    counts.computed();
                    self.keep_here(local, wanted, lead, &value, begun.elapsed());
                    return Ok(value);
                }
                Entered::Alone => {
                    counts.miss();
                    let value = compute().await?;
                    counts.computed();
                    return Ok(value);
                }
                Entered::Wait(seat) => {
                    let deadline =
                        *deadline.get_or_insert_with(|| Instant::now() + self.inner.config.wait);
                    match seat.wait(deadline).await {
                        Waited::Given(value, cost) if wanted.codec.write(&value).is_some() => {
                            counts.wait(cost);
                            return Ok(value);
                        }
                        // Of another type with the same shape, or nothing.
                        Waited::Given(..) | Waited::Failed => in_vain += 1,
                        Waited::Again => {}
                        Waited::Late => return Err(self.late().into()),
                    }
                }
            }
        }
    }

    /// The value that was found, or, where its end is near and it is up to us, a new one.
    async fn refreshed<E, F, Fut>(
        &self,
        local: &Local,
        wanted: &Wanted<'_>,
        found: Found,
        compute: F,
    ) -> Stored
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Stored, E>> + Send,
    {
        let old = || found.entry.value.clone();
        let Some(refreshing) = found.is_to_be_refreshed() else {
            return old();
        };
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
        let ttl_and_bytes = wanted.codec.write(value).and_then(|written| {
            let ttl = time_to_live(&wanted.keep, encoded::is_none(written))?;
            let most = self.inner.config.max_value_bytes;
            let bytes = self.fitting(encoded::length(written, most))?;
            Some((ttl, bytes))
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
