//! The engine in process: one map of keys, in shards, each behind a lock that is held for moments only.
//!
//! Room is bounded. Strings that were stored with a time to live make way for others, the one that would end first
//! comes first; everything else stays, and what does not fit is an error. Where the shard of a key has none that can
//! make way, those of shards that nobody is working on do.

mod collections;
mod entry;
mod leases;
mod lists;
mod shard;
mod strings;
mod time;

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use shelfmark_core::Result;
use tokio::sync::futures::OwnedNotified;

use self::shard::Shard;
use self::time::TimeSource;
use crate::config::KvConfig;
use crate::inbox::{Registration, Registry};
use crate::keys::TimeLeft;
use crate::limits::hash_tag;

/// A power of two, so that the shard is some bits of the hash.
const SHARDS: usize = 16;

/// The engine in process.
#[derive(Debug)]
pub(crate) struct Memory {
    shards: Vec<Shard>,
    hasher: RandomState,
    time: TimeSource,
    room: Room,
    registry: Arc<Registry>,
}

/// How much there is, and how much there may be.
#[derive(Debug)]
struct Room {
    keys: AtomicUsize,
    bytes: AtomicUsize,
    max_keys: usize,
    max_bytes: usize,
}

impl Memory {
    pub(crate) fn new(config: &KvConfig) -> Memory {
        Memory {
            shards: std::iter::repeat_with(Shard::default)
                .take(SHARDS)
                .collect(),
            hasher: RandomState::new(),
            time: TimeSource::new(config.clock.clone()),
            room: Room {
                keys: AtomicUsize::new(0),
                bytes: AtomicUsize::new(0),
                max_keys: config.max_keys,
                max_bytes: config.max_bytes,
            },
            registry: Arc::default(),
        }
    }

    fn now(&self) -> u64 {
        self.time.now_us()
    }

    fn shard_number(&self, key: &str) -> usize {
        // What operations keep beside a key has its tag, and so its shard: one lock holds both.
        let tag = hash_tag(key).unwrap_or(key);
        // Truncation is the point: some bits of the hash.
        (self.hasher.hash_one(tag) as usize) % SHARDS
    }

    pub(crate) fn delete(&self, key: &str) -> Result<bool> {
        let mut shard = self.shard(key);
        Ok(shard.remove(key).is_some())
    }

    pub(crate) fn delete_many(&self, keys: &[String]) -> Result<u64> {
        let mut deleted = 0;
        for key in keys {
            deleted += u64::from(self.delete(key)?);
        }
        Ok(deleted)
    }

    pub(crate) fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.shard(key).live(key).is_some())
    }

    pub(crate) fn expire(&self, key: &str, ttl_ms: u64) -> Result<bool> {
        let mut shard = self.shard(key);
        let end = shard.end_after(ttl_ms);
        Ok(shard.set_end(key, Some(end)))
    }

    pub(crate) fn persist(&self, key: &str) -> Result<bool> {
        let mut shard = self.shard(key);
        if shard.live(key).is_none_or(|entry| entry.end_us.is_none()) {
            return Ok(false);
        }
        Ok(shard.set_end(key, None))
    }

    pub(crate) fn time_left(&self, key: &str) -> Result<TimeLeft> {
        let mut shard = self.shard(key);
        let now = shard.now;
        Ok(match shard.live(key) {
            None => TimeLeft::NoKey,
            Some(entry) => match entry.end_us {
                None => TimeLeft::Endless,
                Some(end) => TimeLeft::For(std::time::Duration::from_micros(end - now)),
            },
        })
    }

    pub(crate) fn publish(&self, channel: &str, message: &[u8]) -> Result<()> {
        self.registry
            .publish(channel, &Bytes::copy_from_slice(message));
        Ok(())
    }

    pub(crate) fn subscribe(
        &self,
        channels: Vec<String>,
        patterns: Vec<String>,
    ) -> Result<Registration> {
        Ok(self.registry.add(channels, patterns))
    }

    /// Notices pushes to any of `lists` from now on.
    pub(crate) fn listen(&self, lists: &[String]) -> Waiting {
        let mut shards: Vec<usize> = lists.iter().map(|list| self.shard_number(list)).collect();
        shards.sort_unstable();
        shards.dedup();
        let rings = shards
            .into_iter()
            .filter_map(|number| self.shards.get(number))
            .map(|shard| Box::pin(shard.pushed.clone().notified_owned()));
        Waiting(rings.collect())
    }
}

/// The wait for a push to some lists, which notices those since it was made.
#[derive(Debug)]
pub(crate) struct Waiting(Vec<std::pin::Pin<Box<OwnedNotified>>>);

impl Waiting {
    pub(crate) async fn rung(mut self) {
        std::future::poll_fn(|cx| {
            // All are polled, so that each may wake us.
            let mut rung = std::task::Poll::Pending;
            for ring in &mut self.0 {
                if ring.as_mut().poll(cx).is_ready() {
                    rung = std::task::Poll::Ready(());
                }
            }
            rung
        })
        .await;
    }
}
