//! Locks between processes: with an end, renewed in the background, and with a token that tells old holders from new.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shelfmark_core::{ErrorKind, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::failure::timed_out;
use crate::kv::{Kv, named, on_engine};
use crate::limits::{beside, check_name, check_ttl};
use crate::lists::deadline;

/// Locks between processes.
///
/// A lock ends by itself when its holder is gone, so a holder that stood still for too long may no longer have it and not
/// know. Where that must do no harm, send the [token](Lock::token) along with every write and refuse a token smaller than
/// one seen before: it only grows. Without that, use a lock to save work, not to keep data right. In a table, that is a
/// column for the token, and an update that finds no row when a later holder has been there:
///
/// ```sql
/// UPDATE stocks SET amount = :amount, fence = :token WHERE item_id = :item_id AND fence <= :token
/// ```
///
/// On Redis a lock is as good as the one server that keeps it: a failover to a replica that had not heard of it hands it
/// out twice, with a bigger token.
///
/// Cancel safety: what a dropped call was about to get is released.
pub trait Locks {
    /// Takes the lock if nobody has it.
    ///
    /// # Errors
    /// `InvalidInput` for a bad key or time to live; `Other` with code `OOM` when there is no room; on Redis,
    /// `Connection` and `Timeout`, and `Unsupported` where the server may delete the lock to make room
    /// ([`KvConfig::allow_eviction`](crate::KvConfig::allow_eviction)).
    fn try_lock(
        &self,
        key: &str,
        ttl: Duration,
    ) -> impl Future<Output = Result<Option<Lock>>> + Send;

    /// Takes the lock, and waits for it for at most `wait`. Who waits longest is not always first.
    ///
    /// # Errors
    /// As [`try_lock`](Locks::try_lock), and `Timeout` when somebody has it all the time.
    fn lock(
        &self,
        key: &str,
        ttl: Duration,
        wait: Duration,
    ) -> impl Future<Output = Result<Lock>> + Send;
}

/// The longest pause between two attempts to get a lock that somebody has.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl Locks for Kv {
    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<Lock>> {
        named("Locks::try_lock", self.attempt(key, ttl)).await
    }

    async fn lock(&self, key: &str, ttl: Duration, wait: Duration) -> Result<Lock> {
        named("Locks::lock", async {
            let end = deadline(wait)?;
            let mut pause = Duration::from_millis(2);
            loop {
                if let Some(lock) = self.attempt(key, ttl).await? {
                    return Ok(lock);
                }
                if Instant::now() >= end {
                    return Err(timed_out(wait, "waiting for a lock that somebody has"));
                }
                let jittered = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
                sleep_until((Instant::now() + jittered).min(end)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
        .await
    }
}

impl Kv {
    async fn attempt(&self, key: &str, ttl: Duration) -> Result<Option<Lock>> {
        let key = self.key(key)?;
        let fence = beside(&key, "fence")?;
        check_name("key", &fence)?;
        let ttl_ms = check_ttl("time to live", ttl)?;
        let claim = Claim {
            kv: self.clone(),
            key,
            owner: format!("{:032x}", fastrand::u128(..)),
            ttl_ms,
        };
        self.keeps("a lock").await?;
        let started = Instant::now();
        let (key, owner) = (&claim.key, &claim.owner);
        let mut guard = Releasing(Some(claim.clone()));
        let token = on_engine!(self, engine =>
            engine.acquire(key, &fence, owner, ttl_ms),
            engine.acquire(key, &fence, owner, ttl_ms));
        match token {
            Ok(Some(token)) => {
                guard.0 = None;
                Ok(Some(Lock::held(claim, token, started)))
            }
            Ok(None) => {
                guard.0 = None;
                Ok(None)
            }
            // The answer may be what was lost: the guard releases what nobody would know of.
            Err(error) => Err(error),
        }
    }
}

/// Who has which lock.
#[derive(Clone)]
struct Claim {
    kv: Kv,
    key: String,
    owner: String,
    ttl_ms: u64,
}

impl Claim {
    async fn renew(&self) -> Result<bool> {
        on_engine!(self.kv, engine =>
            engine.renew(&self.key, &self.owner, self.ttl_ms),
            engine.renew(&self.key, &self.owner, self.ttl_ms))
    }

    async fn release(&self) -> Result<bool> {
        let owner = self.owner.as_bytes();
        on_engine!(self.kv, engine =>
            engine.compare_and_delete(&self.key, owner),
            engine.compare_and_delete(&self.key, owner))
    }

    fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }
}

/// Releases in the background what its claim may have got.
struct Releasing(Option<Claim>);

impl Drop for Releasing {
    fn drop(&mut self) {
        // Without a runtime the lock ends by itself.
        if let (Some(claim), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            // Ends by its own deadline. An error means that the lock ends by itself.
            runtime.spawn(async move { claim.release().await });
        }
    }
}

/// A lock that is held. It is renewed until it is released, dropped or lost.
#[must_use = "a lock is released when it is dropped"]
pub struct Lock {
    releasing: Releasing,
    token: u64,
    held: Arc<Held>,
    renewal: Option<JoinHandle<()>>,
}

struct Held {
    /// `false` once it is known to be lost. The renewal alone sets it.
    is_held: watch::Sender<bool>,
    /// Until when nobody else can have it, by our own clock and from the begin of the last renewal that succeeded.
    until: Mutex<Instant>,
}

impl Held {
    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lock {
    fn held(claim: Claim, token: u64, started: Instant) -> Lock {
        let held = Arc::new(Held {
            is_held: watch::Sender::new(true),
            until: Mutex::new(started + claim.ttl()),
        });
        let renewal = tokio::spawn(renew(claim.clone(), held.clone(), started));
        Lock {
            releasing: Releasing(Some(claim)),
            token,
            held,
            renewal: Some(renewal),
        }
    }

    /// A lock that no store knows of and that is never lost, for fakes of [`Locks`].
    pub fn unbacked(token: u64) -> Lock {
        Lock {
            releasing: Releasing(None),
            token,
            held: Arc::new(Held {
                is_held: watch::Sender::new(true),
                until: Mutex::new(Instant::now() + crate::limits::MAX_TTL),
            }),
            renewal: None,
        }
    }

    /// The fencing token: bigger than that of everyone who had this lock before, also after the server lost its data,
    /// as long as its clock was not set back.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Whether nobody else can have the lock right now, by our own clock.
    #[must_use]
    pub fn is_held(&self) -> bool {
        *self.held.is_held.borrow() && Instant::now() < self.held.until()
    }

    /// Waits until the lock is lost: it was not renewed in time, or was taken away. Stop the work then.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn lost(&self) {
        let mut is_held = self.held.is_held.subscribe();
        // The sender lives as long as we do.
        let _ = is_held.wait_for(|is_held| !is_held).await;
    }

    /// Gives the lock up. Answers `false` when it was lost before.
    ///
    /// # Errors
    /// On Redis `Connection` and `Timeout`; the lock then ends by itself.
    ///
    /// # Cancel safety
    /// A dropped call releases the lock in the background.
    pub async fn release(mut self) -> Result<bool> {
        self.stop_renewal();
        let Some(claim) = self.releasing.0.clone() else {
            return Ok(true);
        };
        let released = claim.release().await;
        self.releasing.0 = None;
        released.map_err(|error| error.with_method("Lock::release"))
    }

    fn stop_renewal(&mut self) {
        if let Some(renewal) = self.renewal.take() {
            renewal.abort();
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.stop_renewal();
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("token", &self.token)
            .field("is_held", &self.is_held())
            .finish_non_exhaustive()
    }
}

/// Renews the lock at each third of its time until it is lost. Aborted when the lock is given up.
async fn renew(claim: Claim, held: Arc<Held>, started: Instant) {
    let mut next = started + claim.ttl() / 3;
    loop {
        let until = held.until();
        sleep_until(next.min(until)).await;
        let attempt = Instant::now();
        if attempt >= until {
            break;
        }
        match tokio::time::timeout_at(until, claim.renew()).await {
            Ok(Ok(true)) => {
                *held.until.lock().unwrap_or_else(PoisonError::into_inner) = attempt + claim.ttl();
                next = attempt + claim.ttl() / 3;
            }
            Ok(Ok(false)) => break,
            Ok(Err(error)) if error.kind() == ErrorKind::InvalidInput => break,
            // The server is away; it may be back before the lock ends.
            Ok(Err(_)) => next = Instant::now() + claim.ttl() / 20,
            Err(_) => break,
        }
    }
    held.is_held.send_replace(false);
}
