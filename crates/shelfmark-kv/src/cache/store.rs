//! Values that are computed elsewhere: looked up, and stored as they are.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use shelfmark_core::Result;
use shelfmark_core::cache::{Cacheable, Codec, Evictions, Keep, Stored};

use super::flight::Before;
use super::local::{Storing, Typed};
use super::shared::Look;
use super::{Cache, Tier, encoded};

impl Cache {
    /// The value of `key`, or `None` when there is none of this type.
    ///
    /// Never an error: a key that is none is one that nothing is stored under, and what Redis does not answer is not there.
    /// Both are counted.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn get<T: Cacheable>(&self, key: &str) -> Option<T> {
        let Ok(key) = self.key(key) else {
            self.inner.counts.error();
            self.inner.counts.miss();
            return None;
        };
        match &self.inner.tier {
            Tier::Local(local) => {
                let epoch = self.inner.flights.epoch();
                let typed = Typed {
                    shape: T::SHAPE,
                    codec: Codec::of::<T>(),
                };
                let found = local.find(&key, epoch, typed);
                let value = found.as_ref().and_then(|found| {
                    let value = found.entry.value.downcast_ref::<T>()?;
                    self.inner.counts.hit(found.entry.cost);
                    Some(value.clone())
                });
                if value.is_none() {
                    self.inner.counts.miss();
                }
                value
            }
            Tier::Shared(shared) => {
                let counts = &self.inner.counts;
                // Boxed, since it is large, and a look in process would have to make room for it.
                match Box::pin(shared.look(&key, T::SHAPE, &[], false)).await {
                    Look::Hit { bytes, cost, .. } => {
                        let value = encoded::read(Codec::of::<T>(), &bytes);
                        if let Some(value) = value.and_then(|value| value.downcast::<T>().ok()) {
                            counts.hit(cost);
                            return Some(Arc::unwrap_or_clone(value));
                        }
                        counts.error();
                    }
                    Look::Claimed(_) | Look::Elsewhere | Look::Bypass | Look::Nothing => {}
                }
                counts.miss();
                None
            }
        }
    }

    /// Stores `value` under `key`, whatever is there and whoever computes it at the moment: he gets his value, and it is
    /// not stored.
    ///
    /// A value of which one cannot say that it was read after the last eviction belongs into
    /// [`remember`](Cache::remember), which can. One that is longer than `CACHE_MAX_VALUE_BYTES`, or that Redis does not
    /// take, is counted and not stored.
    ///
    /// # Errors
    /// `InvalidInput` for a key, a tag, a time to live or a jitter that no cache can take.
    ///
    /// # Cancel safety
    /// In process it is done at the first poll. On Redis it may be done or not.
    pub async fn set<T: Cacheable>(
        &self,
        key: &str,
        value: &T,
        keep: impl Into<Keep>,
    ) -> Result<()> {
        let wanted = self
            .wanted(key, T::SHAPE, keep.into(), Codec::of::<T>())
            .map_err(|error| error.with_method("Cache::set"))?;
        let ttl = time_to_live(&wanted.keep, encoded::is_none(value));
        match &self.inner.tier {
            Tier::Local(local) => {
                let length = encoded::length(value, self.inner.config.max_value_bytes);
                let stored: Option<(Stored, usize)> = match self.fitting(length) {
                    Some(bytes) => Some((Arc::new(value.clone()), bytes)),
                    None => None,
                };
                let before = Before {
                    epoch: self.inner.flights.epoch(),
                    tags: local.tags.now(&wanted.keep.tags),
                };
                self.inner.flights.detach(&wanted.key, || {
                    let (Some((value, bytes)), Some(ttl)) = (stored, ttl) else {
                        // What was there is not the value any more.
                        return local.remove(&wanted.key);
                    };
                    let storing = Storing {
                        value,
                        cost: Duration::ZERO,
                        ttl,
                        bytes,
                    };
                    if before.epoch.is_multiple_of(2) {
                        let typed = Typed {
                            shape: T::SHAPE,
                            codec: wanted.codec,
                        };
                        local.put_alone(Arc::from(&*wanted.key), typed, storing, before);
                    }
                });
            }
            Tier::Shared(shared) => {
                let (key, tags) = (&*wanted.key, &wanted.keep.tags);
                match ttl.and_then(|ttl| Some((ttl, self.bytes(value)?))) {
                    Some((ttl, bytes)) => {
                        let set = shared.set(key, T::SHAPE, tags, bytes, ttl, Duration::ZERO);
                        Box::pin(set).await;
                    }
                    None => Box::pin(shared.evict(&Evictions::new().key(key))).await,
                }
                self.inner.flights.detach(key, || ());
            }
        }
        Ok(())
    }

    /// The bytes of a value that is stored. One that is not is counted.
    pub(super) fn bytes<T: Serialize + ?Sized>(&self, value: &T) -> Option<Vec<u8>> {
        let bytes = encoded::write(value);
        self.fitting(bytes.as_ref().map(Vec::len))?;
        bytes
    }

    /// The number of bytes, if a value of so many is stored. One that is not is counted.
    pub(super) fn fitting(&self, length: Option<usize>) -> Option<usize> {
        let counts = &self.inner.counts;
        match length {
            None => counts.error(),
            Some(bytes) if bytes > self.inner.config.max_value_bytes => counts.too_large(),
            Some(bytes) => return Some(bytes),
        }
        tracing::debug!(
            target: "shelfmark::cache",
            bytes = length,
            "a value is not stored, because it is too long or serde cannot write it"
        );
        None
    }
}

/// For how long this value is kept, chance included; `None` where it is not kept at all.
pub(super) fn time_to_live(keep: &Keep, is_none: bool) -> Option<Duration> {
    let ttl = if is_none { keep.none_ttl() } else { keep.ttl };
    if ttl.is_zero() {
        return None;
    }
    if keep.jitter == 0 {
        return Some(ttl);
    }
    // A time to live is ten years at most, which are fewer nanoseconds than this counts.
    let nanos = u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX);
    let most = nanos / 100 * u64::from(keep.jitter);
    Some(Duration::from_nanos(nanos - fastrand::u64(0..=most)))
}
