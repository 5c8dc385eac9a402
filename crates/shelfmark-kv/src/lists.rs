//! Lists: queues and stacks of values, with pops that wait.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use shelfmark_core::Result;
use tokio::time::Instant;

use crate::kv::{Engine, Kv, named, on_engine};
use crate::limits::{MAX_TTL, check_count, invalid};

/// Which end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

/// Lists of values. A list without items is no key.
///
/// Every method fails with `InvalidInput` for a bad key, an item that is too long or a key of another kind, with
/// `Other` and code `OOM` when there is no room, and, on Redis, with `Connection` and `Timeout`. Pushes and pops are
/// never sent again by themselves: an error whose cause is [`OutcomeUnknown`](crate::OutcomeUnknown) says that it may
/// have happened, and a popped item may then be lost. Use [`ReliableLists`](crate::ReliableLists) where none may be.
///
/// Cancel safety: a dropped push is done as a whole or not at all. A dropped pop loses nothing while the process and
/// the server live: an item that was on its way goes back to the end it came from, for which the runtime has to go on.
pub trait Lists {
    /// Adds items at the back, in one step and in their order. Answers how many items the list then has.
    ///
    /// # Errors
    /// As the [trait](Lists) says, and `InvalidInput` for none or more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn push_back(&self, key: &str, items: &[&[u8]]) -> impl Future<Output = Result<u64>> + Send;

    /// Adds items at the front, one after the other, so that the last one given comes first.
    ///
    /// # Errors
    /// As the [trait](Lists) says, and `InvalidInput` for none or more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn push_front(&self, key: &str, items: &[&[u8]]) -> impl Future<Output = Result<u64>> + Send;

    /// Takes the first item.
    ///
    /// # Errors
    /// As the [trait](Lists) says.
    fn pop_front(&self, key: &str) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// Takes the last item.
    ///
    /// # Errors
    /// As the [trait](Lists) says.
    fn pop_back(&self, key: &str) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// Takes the first item of the first of `lists` that has one, and waits for one for at most `wait`. Answers the
    /// list as it was given, and the item; `None` when none came in time.
    ///
    /// Who waits longest is not always served first.
    ///
    /// # Errors
    /// As the [trait](Lists) says, and `InvalidInput` for no list, more than 16, or a wait of more than ten years. When
    /// the server goes away while the call waits, it fails within some two seconds instead of waiting on.
    fn pop_wait(
        &self,
        lists: &[&str],
        wait: Duration,
    ) -> impl Future<Output = Result<Option<(String, Bytes)>>> + Send;

    /// How many items there are.
    ///
    /// # Errors
    /// As the [trait](Lists) says.
    fn list_len(&self, key: &str) -> impl Future<Output = Result<u64>> + Send;

    /// The items from the one numbered `first` to the one numbered `last`, both included. Negative numbers count from
    /// the back: `-1` is the last item.
    ///
    /// # Errors
    /// As the [trait](Lists) says, and `InvalidInput` when there are more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn list_range(
        &self,
        key: &str,
        first: i64,
        last: i64,
    ) -> impl Future<Output = Result<Vec<Bytes>>> + Send;

    /// Keeps the items that [`list_range`](Lists::list_range) would answer, and drops the others.
    ///
    /// # Errors
    /// As the [trait](Lists) says.
    fn list_trim(
        &self,
        key: &str,
        first: i64,
        last: i64,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// The most lists that one call waits for.
const MAX_LISTS: usize = 16;

impl Kv {
    fn check_items(&self, items: &[&[u8]]) -> Result<()> {
        if items.is_empty() {
            return Err(invalid("no item is given; push at least one"));
        }
        check_count("items", items.len())?;
        self.check_values(items.iter().copied())
    }
}

impl Lists for Kv {
    async fn push_back(&self, key: &str, items: &[&[u8]]) -> Result<u64> {
        named("Lists::push_back", async {
            let key = self.key(key)?;
            self.check_items(items)?;
            on_engine!(self, engine =>
                engine.push(&key, End::Back, items), engine.push(&key, End::Back, items))
        })
        .await
    }

    async fn push_front(&self, key: &str, items: &[&[u8]]) -> Result<u64> {
        named("Lists::push_front", async {
            let key = self.key(key)?;
            self.check_items(items)?;
            on_engine!(self, engine =>
                engine.push(&key, End::Front, items), engine.push(&key, End::Front, items))
        })
        .await
    }

    async fn pop_front(&self, key: &str) -> Result<Option<Bytes>> {
        named("Lists::pop_front", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.pop(&key, End::Front), engine.pop(&key, End::Front))
        })
        .await
    }

    async fn pop_back(&self, key: &str) -> Result<Option<Bytes>> {
        named("Lists::pop_back", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.pop(&key, End::Back), engine.pop(&key, End::Back))
        })
        .await
    }

    async fn pop_wait(&self, lists: &[&str], wait: Duration) -> Result<Option<(String, Bytes)>> {
        named("Lists::pop_wait", async {
            if lists.is_empty() || lists.len() > MAX_LISTS {
                return Err(invalid(format!(
                    "{} lists are given to wait for; 1 to {MAX_LISTS} are taken",
                    lists.len()
                )));
            }
            let keys = self.keys(lists)?;
            let deadline = deadline(wait)?;
            loop {
                let rings = self.engine.listen(&keys);
                for (key, list) in keys.iter().zip(lists) {
                    let popped = on_engine!(self, engine =>
                        engine.pop(key, End::Front), engine.pop(key, End::Front));
                    if let Some(item) = popped? {
                        return Ok(Some(((*list).to_owned(), item)));
                    }
                }
                if !rings.wait(deadline, None).await {
                    return Ok(None);
                }
            }
        })
        .await
    }

    async fn list_len(&self, key: &str) -> Result<u64> {
        named("Lists::list_len", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.list_len(&key), engine.list_len(&key))
        })
        .await
    }

    async fn list_range(&self, key: &str, first: i64, last: i64) -> Result<Vec<Bytes>> {
        named("Lists::list_range", async {
            let key = self.key(key)?;
            on_engine!(self, engine =>
                engine.list_range(&key, first, last), engine.list_range(&key, first, last))
        })
        .await
    }

    async fn list_trim(&self, key: &str, first: i64, last: i64) -> Result<()> {
        named("Lists::list_trim", async {
            let key = self.key(key)?;
            on_engine!(self, engine =>
                engine.list_trim(&key, first, last), engine.list_trim(&key, first, last))
        })
        .await
    }
}

/// When a wait that begins now ends.
pub(crate) fn deadline(wait: Duration) -> Result<Instant> {
    if wait > MAX_TTL {
        return Err(invalid("the wait is longer than ten years"));
    }
    Ok(Instant::now() + wait)
}

impl Engine {
    /// Notices pushes to any of `lists` from now on.
    pub(crate) fn listen(&self, lists: &[String]) -> Rings {
        match self {
            Engine::Memory(memory) => Rings::Memory(memory.listen(lists)),
            Engine::Redis(redis) => Rings::Redis(redis.listen(lists)),
        }
    }
}

/// The wait for a push.
#[derive(Debug)]
pub(crate) enum Rings {
    Memory(crate::memory::Waiting),
    Redis(crate::redis::Waiting),
}

impl Rings {
    /// Waits until it is worth trying again: after a push, or at `look_again`. Answers `false` when `deadline` came
    /// first.
    pub(crate) async fn wait(self, deadline: Instant, look_again: Option<Instant>) -> bool {
        let until = look_again.map_or(deadline, |again| again.min(deadline));
        let rung = async {
            match self {
                Rings::Memory(waiting) => waiting.rung().await,
                Rings::Redis(waiting) => waiting.rung().await,
            }
        };
        let rung = tokio::time::timeout_at(until, rung).await.is_ok();
        rung || Instant::now() < deadline
    }
}
