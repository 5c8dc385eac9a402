//! Lists whose items stay until they are acknowledged: at least once instead of at most once.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use shelfmark_core::Result;
use tokio::time::Instant;

use crate::kv::{Kv, named, on_engine};
use crate::limits::{beside, check_ttl};
use crate::lists::deadline;

/// How often whoever waits for an item looks by itself.
const LOOK: Duration = Duration::from_secs(1);

/// What an attempt to take an item found.
#[derive(Debug)]
pub(crate) enum Found {
    Item {
        item: Bytes,
        deliveries: u32,
    },
    /// Nothing to take now; an item that somebody has comes back after this time at the latest.
    Nothing {
        back_in: Option<Duration>,
    },
}

/// An item that is yours until its lease ends.
#[derive(Clone, Debug)]
pub struct Taken {
    list: String,
    item: Bytes,
    deliveries: u32,
    receipt: String,
}

impl Taken {
    /// An item for tests of code that takes `&impl ReliableLists`.
    #[must_use]
    pub fn new(
        list: impl Into<String>,
        item: impl Into<Bytes>,
        deliveries: u32,
        receipt: impl Into<String>,
    ) -> Self {
        Taken {
            list: list.into(),
            item: item.into(),
            deliveries,
            receipt: receipt.into(),
        }
    }

    /// The list it was taken from.
    #[must_use]
    pub fn list(&self) -> &str {
        &self.list
    }

    /// The item.
    #[must_use]
    pub fn item(&self) -> &Bytes {
        &self.item
    }

    /// How often it was handed out, this time included. Put items aside that come again and again.
    #[must_use]
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }

    /// What tells this delivery from others of the same item.
    #[must_use]
    pub fn receipt(&self) -> &str {
        &self.receipt
    }
}

/// Taking items of a list so that none is lost when a worker dies: each is kept until it is acknowledged, and handed
/// out again when its lease ends before. So an item comes **at least once**: do its work so that twice is harmless.
///
/// Items get into the list by [`Lists::push_back`](crate::Lists::push_back). What was taken is kept beside the list, in
/// `{list}:leases` and `{list}:taken`; [`Lists`](crate::Lists) sees only what nobody has taken. On Redis the time of
/// leases is the server's. What survives a crash of the server itself is its configuration's matter (`appendfsync`).
///
/// Every method fails with `InvalidInput` for a bad key or lease, with `Other` and code `OOM` when there is no room,
/// and, on Redis, with `Connection` and `Timeout`.
///
/// Cancel safety: an item that a dropped [`take`](ReliableLists::take) was about to answer comes again when its lease
/// ends.
pub trait ReliableLists {
    /// Takes the first item for `lease`, and waits for one for at most `wait`; `None` when none came in time. Items
    /// whose lease has ended come before those that were never taken.
    ///
    /// # Errors
    /// As the [trait](ReliableLists) says. When the server goes away while the call waits, it fails within some two
    /// seconds instead of waiting on. `Unsupported` on a Redis that may delete what was taken to make room
    /// ([`KvConfig::allow_eviction`](crate::KvConfig::allow_eviction)).
    fn take(
        &self,
        list: &str,
        lease: Duration,
        wait: Duration,
    ) -> impl Future<Output = Result<Option<Taken>>> + Send;

    /// Says that the work on an item is done. Answers `false` when its lease had ended and it was handed out again:
    /// somebody else does, or did, the work too.
    ///
    /// # Errors
    /// As the [trait](ReliableLists) says. The call may be made again after an error.
    fn ack(&self, taken: &Taken) -> impl Future<Output = Result<bool>> + Send;

    /// Gives an item back at once. Answers `false` when it was handed out again already.
    ///
    /// # Errors
    /// As the [trait](ReliableLists) says. The call may be made again after an error.
    fn give_back(&self, taken: &Taken) -> impl Future<Output = Result<bool>> + Send;

    /// Lets the lease end `lease` from now. Answers `false` when the item was handed out again already.
    ///
    /// # Errors
    /// As the [trait](ReliableLists) says. The call may be made again after an error.
    fn extend(&self, taken: &Taken, lease: Duration) -> impl Future<Output = Result<bool>> + Send;
}

/// The keys of a list of which items are taken.
#[derive(Debug)]
pub(crate) struct TakeKeys {
    pub(crate) list: String,
    pub(crate) leases: String,
    pub(crate) taken: String,
}

impl Kv {
    fn take_keys(&self, list: &str) -> Result<TakeKeys> {
        let list = self.key(list)?;
        let keys = TakeKeys {
            leases: beside(&list, "leases")?,
            taken: beside(&list, "taken")?,
            list,
        };
        crate::limits::check_name("key", &keys.leases)?;
        Ok(keys)
    }
}

impl ReliableLists for Kv {
    async fn take(&self, list: &str, lease: Duration, wait: Duration) -> Result<Option<Taken>> {
        named("ReliableLists::take", async {
            let keys = self.take_keys(list)?;
            let lease = check_ttl("lease", lease)?;
            let deadline = deadline(wait)?;
            self.keeps("an item that was taken").await?;
            let receipt = format!("{:032x}", fastrand::u128(..));
            loop {
                let rings = self.engine.listen(std::slice::from_ref(&keys.list));
                let found = on_engine!(self, engine =>
                    engine.take(&keys, &receipt, lease), engine.take(&keys, &receipt, lease));
                let back_in = match found? {
                    Found::Item { item, deliveries } => {
                        return Ok(Some(Taken::new(list, item, deliveries, receipt)));
                    }
                    Found::Nothing { back_in } => back_in,
                };
                // Others may give items back, or their leases end, without a ring.
                let look_again = Instant::now() + back_in.map_or(LOOK, |time| time.min(LOOK));
                if !rings.wait(deadline, Some(look_again)).await {
                    return Ok(None);
                }
            }
        })
        .await
    }

    async fn ack(&self, taken: &Taken) -> Result<bool> {
        named("ReliableLists::ack", async {
            let keys = self.take_keys(&taken.list)?;
            on_engine!(self, engine =>
                engine.ack(&keys, &taken.receipt), engine.ack(&keys, &taken.receipt))
        })
        .await
    }

    async fn give_back(&self, taken: &Taken) -> Result<bool> {
        named("ReliableLists::give_back", async {
            let keys = self.take_keys(&taken.list)?;
            on_engine!(self, engine =>
                engine.give_back(&keys, &taken.receipt), engine.give_back(&keys, &taken.receipt))
        })
        .await
    }

    async fn extend(&self, taken: &Taken, lease: Duration) -> Result<bool> {
        named("ReliableLists::extend", async {
            let keys = self.take_keys(&taken.list)?;
            let lease = check_ttl("lease", lease)?;
            on_engine!(self, engine =>
                engine.extend(&keys, &taken.receipt, lease), engine.extend(&keys, &taken.receipt, lease))
        })
        .await
    }
}
