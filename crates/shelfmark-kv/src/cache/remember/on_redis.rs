//! On Redis: from its values, from who computes it in this process or another, or from us.
//!
//! Within the process one looks, claims and computes for all who wait. What he found may be given to those who came before
//! he asked Redis, and what he stored to those who came before he asked to store it: the others may have come after an
//! eviction that was answered in between, so they look again.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use shelfmark_core::Error;
use shelfmark_core::cache::{Evictions, Stored, Wanted};
use tokio::time::{Instant, sleep_until};

use super::super::flight::{Lead, Ticket};
use super::super::shared::{Claim, Fate, Look, Shared};
use super::super::tags::Tagged;
use super::super::{Cache, encoded};
use super::Came;

/// How long one waits before he looks again for what another process computes: from this, doubling, to that. So late a
/// computation that was given up is taken over; one in each process looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(10));

/// What the one who leads has to do, once he has asked Redis.
enum Told {
    Found(Stored, Duration, Option<Claim>),
    Compute(Option<Claim>),
    Late,
}

impl Cache {
    pub(super) async fn obtain_on_redis<E, F, Fut>(
        &self,
        shared: &Shared,
        wanted: &Wanted<'_>,
        compute: F,
    ) -> Result<Stored, E>
    where
        E: From<Error>,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Stored, E>> + Send,
    {
        let deadline = Instant::now() + self.inner.config.wait;
        let nothing_here = || None::<Infallible>;
        // Redis knows the tags.
        match self
            .come(wanted, deadline, nothing_here, Tagged::default)
            .await?
        {
            Came::Found(never) => match never {},
            Came::Given(value) => Ok(value),
            Came::Lead { lead, in_vain } => {
                // Who has waited in vain does not wait for other processes either.
                let deadline = (!in_vain).then_some(deadline);
                Box::pin(self.lead(shared, wanted, lead, deadline, compute)).await
            }
            Came::Alone => Box::pin(self.look_or_compute(shared, wanted, compute)).await,
        }
    }

    async fn lead<E, F, Fut>(
        &self,
        shared: &Shared,
        wanted: &Wanted<'_>,
        lead: Lead,
        deadline: Option<Instant>,
        compute: F,
    ) -> Result<Stored, E>
    where
        E: From<Error>,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Stored, E>> + Send,
    {
        let counts = &self.inner.counts;
        let mut asked = lead.began();
        let claim = match self.told(shared, wanted, &lead, &mut asked, deadline).await {
            Told::Compute(claim) => claim,
            Told::Late => return Err(self.late().into()),
            Told::Found(value, cost, refresh) => {
                lead.land(value.clone(), cost, |_, _, _| asked);
                return Ok(match refresh {
                    None => value,
                    Some(claim) => self.refresh(shared, wanted, claim, value, compute).await,
                });
            }
        };
        counts.miss();
        let computing = lead.now();
        let begun = Instant::now();
        // A drop, or a panic, drops the lead and the claim.
        let value = match compute().await {
            Ok(value) => value,
            Err(error) => {
                drop(claim);
                lead.failed();
                return Err(error);
            }
        };
        counts.computed();
        let cost = begun.elapsed();
        let storing = lead.now();
        let fate = match claim {
            Some(claim) => self.store(shared, wanted, claim, &value, cost).await,
            None => Fate::Unknown,
        };
        let valid_at = match fate {
            Fate::Kept => storing,
            Fate::Outdated | Fate::Unknown => computing,
        };
        lead.land(value.clone(), cost, |_, _, _| valid_at);
        Ok(value)
    }

    /// The value that Redis has, or one of our own, which is not stored.
    async fn look_or_compute<E, F, Fut>(
        &self,
        shared: &Shared,
        wanted: &Wanted<'_>,
        compute: F,
    ) -> Result<Stored, E>
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Stored, E>> + Send,
    {
        let counts = &self.inner.counts;
        let tags = &wanted.keep.tags;
        let looked = shared.look(&wanted.key, wanted.shape, tags, false).await;
        if let Look::Hit { bytes, cost, .. } = looked
            && let Some(value) = encoded::read(wanted.codec, &bytes)
        {
            counts.hit(cost);
            return Ok(value);
        }
        counts.miss();
        let value = compute().await?;
        counts.computed();
        Ok(value)
    }

    /// Asks Redis until there is a value, or it is up to us to compute one. `asked` becomes when it was asked last. Without
    /// a deadline nobody waits for another process that computes: we compute as well, and do not store it.
    async fn told(
        &self,
        shared: &Shared,
        wanted: &Wanted<'_>,
        lead: &Lead,
        asked: &mut Ticket,
        deadline: Option<Instant>,
    ) -> Told {
        let counts = &self.inner.counts;
        let (mut pause, longest) = PAUSES;
        let (mut elsewhere, mut unreadable) = (false, false);
        loop {
            *asked = lead.now();
            let tags = &wanted.keep.tags;
            match shared.look(&wanted.key, wanted.shape, tags, true).await {
                Look::Hit {
                    bytes,
                    cost,
                    refresh,
                } => {
                    if let Some(value) = encoded::read(wanted.codec, &bytes) {
                        if elsewhere {
                            counts.wait(cost);
                        } else {
                            counts.hit(cost);
                        }
                        return Told::Found(value, cost, refresh);
                    }
                    // Of another writer, or of a type that does not read what it wrote.
                    counts.error();
                    if unreadable {
                        return Told::Compute(None);
                    }
                    unreadable = true;
                    let key = Evictions::new().key(wanted.key.as_ref());
                    shared.evict(&key).await;
                }
                Look::Claimed(claim) => return Told::Compute(Some(claim)),
                Look::Bypass | Look::Nothing => return Told::Compute(None),
                Look::Elsewhere => {
                    let Some(deadline) = deadline else {
                        return Told::Compute(None);
                    };
                    elsewhere = true;
                    let now = Instant::now();
                    if now >= deadline {
                        return Told::Late;
                    }
                    // By chance, so that processes do not look in step.
                    let next = now + pause.mul_f64(0.5 + fastrand::f64() / 2.0);
                    sleep_until(next.min(deadline)).await;
                    pause = (pause * 2).min(longest);
                }
            }
        }
    }

    /// Computes the value again, which is up to us, or answers the old one.
    async fn refresh<E, F, Fut>(
        &self,
        shared: &Shared,
        wanted: &Wanted<'_>,
        claim: Claim,
        old: Stored,
        compute: F,
    ) -> Stored
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Stored, E>> + Send,
    {
        let begun = Instant::now();
        match compute().await {
            Ok(value) => {
                self.inner.counts.refreshed();
                self.store(shared, wanted, claim, &value, begun.elapsed())
                    .await;
                value
            }
            Err(_) => {
                self.refresh_failed();
                old
            }
        }
    }

    async fn store(
        &self,
        shared: &Shared,
        wanted: &Wanted<'_>,
        claim: Claim,
        value: &Stored,
        cost: Duration,
    ) -> Fate {
        let Some((ttl, bytes)) = self.kept(wanted, value, |written| self.bytes(written)) else {
            return Fate::Unknown;
        };
        let fate = shared.store(claim, bytes, ttl, cost).await;
        if matches!(fate, Fate::Outdated) {
            self.refused();
        }
        fate
    }
}
