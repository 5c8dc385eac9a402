//! The value, or computing it once.

mod here;
mod on_redis;

use std::future::Future;
use std::sync::Arc;

use std::time::Duration;

use shelfmark_core::cache::{Cacheable, Codec, Keep, Stored, Wanted};
use shelfmark_core::{Error, ErrorKind};
use tokio::time::Instant;

use super::flight::{Entered, Entering, Lead, Waited};
use super::store::time_to_live;
use super::tags::Tagged;
use super::{Cache, Tier, encoded};

/// What is left to do for one who came for a value.
enum Came<H> {
    /// It is there.
    Found(H),
    /// Somebody in this process has computed it.
    Given(Stored),
    /// He computes it, for all who wait. `in_vain` says whether he has waited himself for some who failed.
    Lead { lead: Lead, in_vain: bool },
    /// He computes it for himself alone.
    Alone,
}

impl Cache {
    /// The value of `key`, from the cache or from `compute`, which runs in this task, at most once, and only when it is
    /// needed. What it answers is kept as `keep` says: a time, or a [`Keep`] with more.
    ///
    /// Of many who ask for a key at once one computes, in each process, and on Redis of all processes. The others wait for
    /// him, for `CACHE_WAIT` at most. When he is dropped, the next one takes over with his own `compute`. When he fails, up to
    /// 32 of those who wait in his process compute at once, each with his own `compute`; who has waited for two that failed
    /// waits no longer.
    ///
    /// Do not ask for a key while computing it: that waits for itself until `CACHE_WAIT` has passed.
    ///
    /// # Errors
    /// What `compute` answers, which is never kept; `InvalidInput` for a key, a tag, a time to live or a jitter that no
    /// cache can take; `Timeout` when somebody else computes for too long. A cache that fails is no error.
    ///
    /// # Cancel safety
    /// Dropping the future drops the computation, if it is ours, and the next who waits takes over.
    pub async fn remember<T, E, F, Fut>(
        &self,
        key: &str,
        keep: impl Into<Keep> + Send,
        compute: F,
    ) -> Result<T, E>
    where
        T: Cacheable,
        E: From<Error>,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let named = |error: Error| error.with_method("Cache::remember");
        let wanted = self
            .wanted(key, T::SHAPE, keep.into(), Codec::of::<T>())
            .map_err(named)?;
        let compute = async || -> Result<Stored, E> {
            let value: Stored = Arc::new(compute().await?);
            Ok(value)
        };
        let stored = self.obtain(&wanted, compute).await?;
        match stored.downcast::<T>() {
            // The only one who holds it need not copy it.
            Ok(value) => Ok(Arc::unwrap_or_clone(value)),
            // Whatever is found or computed has been asked for its type.
            Err(_) => {
                let error = Error::new(ErrorKind::Other);
                Err(named(error.with_detail("the cache holds a value of another type")).into())
            }
        }
    }

    pub(super) async fn obtain<E, F, Fut>(
        &self,
        wanted: &Wanted<'_>,
        compute: F,
    ) -> Result<Stored, E>
    where
        E: From<Error>,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Stored, E>> + Send,
    {
        match &self.inner.tier {
            Tier::Local(local) => self.obtain_here(local, wanted, compute).await,
            Tier::Shared(shared) => self.obtain_on_redis(shared, wanted, compute).await,
        }
    }

    /// Comes for a value, and waits for whoever in this process computes it until it is there or up to us. Many wait here
    /// at once, so this is kept small: what is to be done then is boxed.
    async fn come<H>(
        &self,
        wanted: &Wanted<'_>,
        deadline: Instant,
        found: impl Fn() -> Option<H>,
        tags: impl Fn() -> Tagged,
    ) -> Result<Came<H>, Error> {
        let mut began = None;
        let mut in_vain = 0;
        loop {
            let who = Entering {
                key: &wanted.key,
                shape: wanted.shape,
                began: &mut began,
                in_vain,
            };
            let seat = match self.inner.flights.enter(who, &found, &tags) {
                Entered::Found(found) => return Ok(Came::Found(found)),
                Entered::Lead(lead) => {
                    let in_vain = in_vain > 0;
                    return Ok(Came::Lead { lead, in_vain });
                }
                Entered::Alone => return Ok(Came::Alone),
                Entered::Wait(seat) => seat,
            };
            match seat.wait(deadline).await {
                Waited::Given(value, cost) if wanted.codec.write(&value).is_some() => {
                    self.inner.counts.wait(cost);
                    return Ok(Came::Given(value));
                }
                // Of another type with the same shape, or nothing.
                Waited::Given(..) | Waited::Failed => in_vain += 1,
                Waited::Again => {}
                Waited::Late => return Err(self.late()),
            }
        }
    }

    /// For how long a computed value is kept, and what `write` makes of it; `None` where it is not kept.
    fn kept<W>(
        &self,
        wanted: &Wanted<'_>,
        value: &Stored,
        write: impl FnOnce(&dyn erased_serde::Serialize) -> Option<W>,
    ) -> Option<(Duration, W)> {
        let written = wanted.codec.write(value)?;
        let ttl = time_to_live(&wanted.keep, encoded::is_none(written))?;
        Some((ttl, write(written)?))
    }

    fn late(&self) -> Error {
        Error::new(ErrorKind::Timeout)
            .with_method("Cache::remember")
            .with_detail(format!(
                "waited {:?} for what somebody else computes for the same key; find out what it waits for, or raise \
                 CACHE_WAIT",
                self.inner.config.wait
            ))
    }

    fn refused(&self) {
        self.inner.counts.refused();
        tracing::debug!(
            target: "shelfmark::cache",
            "a computed value is not stored, because an eviction or a set came in between"
        );
    }

    fn refresh_failed(&self) {
        self.inner.counts.error();
        tracing::debug!(
            target: "shelfmark::cache",
            "a value could not be computed again before its end; the old one is given until then"
        );
    }
}
