//! One part of the map: its keys, when they end, and who makes way when there is no room.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use shelfmark_core::Result;
use tokio::sync::Notify;

use super::entry::{ENTRY_BYTES, Entry, Value};
use super::{Memory, Room};
use crate::failure::full;

const FULL: &str = "there is no room for more in this process, where only strings with a time to live make way, and \
                    nothing was changed; raise KV_MAX_KEYS or KV_MAX_BYTES";
/// How many ended keys a write clears away, beside those that it meets.
const SWEPT_PER_WRITE: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Shard {
    keys: Mutex<Keys>,
    /// Rung when something was pushed to a list of this shard.
    pub(super) pushed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Keys {
    entries: HashMap<Arc<str>, Entry>,
    /// Keys that end and stay until then, by their end.
    ending: BTreeSet<(u64, Arc<str>)>,
    /// Keys that end and may make way before, by their end.
    may_go: BTreeSet<(u64, Arc<str>)>,
}

impl Keys {
    fn by_end(&mut self, may_go: bool) -> &mut BTreeSet<(u64, Arc<str>)> {
        match may_go {
            true => &mut self.may_go,
            false => &mut self.ending,
        }
    }

    fn remove(&mut self, key: &str, room: &Room) -> Option<Entry> {
        let (key, entry) = self.entries.remove_entry(key)?;
        room.keys.fetch_sub(1, Relaxed);
        room.bytes.fetch_sub(entry.bytes, Relaxed);
        if let Some(end) = entry.end_us {
            self.by_end(entry.may_go).remove(&(end, key));
        }
        Some(entry)
    }

    /// Removes at most `count` keys that have ended.
    fn sweep(&mut self, now: u64, count: usize, room: &Room) {
        for may_go in [true, false] {
            for _ in 0..count {
                let first = self.by_end(may_go).first();
                let Some((_, key)) = first.filter(|(end, _)| *end <= now) else {
                    break;
                };
                let key = key.clone();
                self.remove(&key, room);
            }
        }
    }

    /// Removes the key that makes way first, unless it is `but`.
    fn evict_one(&mut self, but: &str, room: &Room) -> bool {
        let next = self.may_go.iter().map(|(_, key)| key);
        let Some(key) = next.take(2).find(|key| &***key != but).cloned() else {
            return false;
        };
        self.remove(&key, room).is_some()
    }
}

/// A shard that is locked, with the time at which that happened.
pub(super) struct Locked<'a> {
    memory: &'a Memory,
    shard: &'a Shard,
    keys: MutexGuard<'a, Keys>,
    number: usize,
    pub(super) now: u64,
}

impl Memory {
    /// Locks the shard of `key`.
    pub(super) fn shard(&self, key: &str) -> Locked<'_> {
        let number = self.shard_number(key);
        #[expect(
            clippy::indexing_slicing,
            reason = "a number of a shard is taken modulo their count"
        )]
        let shard = &self.shards[number];
        Locked {
            memory: self,
            shard,
            keys: shard.keys.lock().unwrap_or_else(PoisonError::into_inner),
            number,
            now: self.now(),
        }
    }
}

impl Locked<'_> {
    pub(super) fn end_after(&self, ttl_ms: u64) -> u64 {
        self.now.saturating_add(ttl_ms.saturating_mul(1_000))
    }

    /// The entry of `key`, unless it has ended.
    pub(super) fn live(&mut self, key: &str) -> Option<&mut Entry> {
        let now = self.now;
        let has_ended = self
            .keys
            .entries
            .get(key)?
            .end_us
            .is_some_and(|end| end <= now);
        if has_ended {
            self.remove(key);
            return None;
        }
        self.keys.entries.get_mut(key)
    }

    /// Removes `key`, and answers what it held unless it had ended.
    pub(super) fn remove(&mut self, key: &str) -> Option<Entry> {
        let entry = self.keys.remove(key, &self.memory.room)?;
        entry
            .end_us
            .is_none_or(|end| end > self.now)
            .then_some(entry)
    }

    /// Changes when a key ends. Answers whether it is there.
    pub(super) fn set_end(&mut self, key: &str, end_us: Option<u64>) -> bool {
        if self.live(key).is_none() {
            return false;
        }
        let keys = &mut *self.keys;
        let Some((key, _)) = keys.entries.get_key_value(key) else {
            return false;
        };
        let key = key.clone();
        let Some(entry) = keys.entries.get_mut(&key) else {
            return false;
        };
        let (before, may_go) = (entry.end_us, entry.may_go);
        entry.end_us = end_us;
        if let Some(before) = before {
            keys.by_end(may_go).remove(&(before, key.clone()));
        }
        if let Some(end) = end_us {
            keys.by_end(may_go).insert((end, key));
        }
        true
    }

    /// Lets a key make way for others no more.
    pub(super) fn keep(&mut self, key: &str) {
        let Some(entry) = self.live(key).filter(|entry| entry.may_go) else {
            return;
        };
        entry.may_go = false;
        let Some(end) = entry.end_us else {
            return;
        };
        let keys = &mut *self.keys;
        if let Some((key, _)) = keys.entries.get_key_value(key) {
            let place = (end, key.clone());
            keys.may_go.remove(&place);
            keys.ending.insert(place);
        }
    }

    /// Stores `value` in place of whatever was there.
    pub(super) fn put(
        &mut self,
        key: &str,
        value: Value,
        bytes: usize,
        end_us: Option<u64>,
        may_go: bool,
    ) -> Result<()> {
        let bytes = ENTRY_BYTES + key.len() + bytes;
        let before = self.live(key).map(|entry| entry.bytes);
        let grown = bytes.saturating_sub(before.unwrap_or(0));
        self.make_room(key, usize::from(before.is_none()), grown)?;
        self.keys.remove(key, &self.memory.room);
        let key: Arc<str> = Arc::from(key);
        if let Some(end) = end_us {
            self.keys.by_end(may_go).insert((end, key.clone()));
        }
        let entry = Entry {
            value,
            end_us,
            may_go,
            bytes,
        };
        self.keys.entries.insert(key, entry);
        self.memory.room.keys.fetch_add(1, Relaxed);
        self.memory.room.bytes.fetch_add(bytes, Relaxed);
        Ok(())
    }

    /// Changes what `key` holds, which is `new()` when it is not there. `growth` is the most that it may grow;
    /// `change` is told what it takes and keeps that up to date. A change that fails must have changed nothing.
    pub(super) fn change<T>(
        &mut self,
        key: &str,
        growth: usize,
        new: fn() -> Value,
        change: impl FnOnce(&mut Value, &mut usize) -> Result<T>,
    ) -> Result<T> {
        let is_new = self.live(key).is_none();
        if is_new {
            self.make_room(key, 1, growth + ENTRY_BYTES + key.len())?;
            self.put(key, new(), 0, None, false)?;
        } else if growth > 0 {
            self.make_room(key, 0, growth)?;
        }
        let Some(entry) = self.keys.entries.get_mut(key) else {
            return Err(full(FULL));
        };
        let before = entry.bytes;
        let answer = change(&mut entry.value, &mut entry.bytes);
        let (after, is_empty) = (entry.bytes, entry.value.is_empty());
        let room = &self.memory.room;
        if after >= before {
            room.bytes.fetch_add(after - before, Relaxed);
        } else {
            room.bytes.fetch_sub(before - after, Relaxed);
        }
        if is_empty || (is_new && answer.is_err()) {
            self.remove(key);
        }
        answer
    }

    /// As [`change`](Locked::change) for what only gets smaller; a missing key is `None`.
    pub(super) fn shrink<T>(
        &mut self,
        key: &str,
        change: impl FnOnce(&mut Value, &mut usize) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.live(key).is_none() {
            return Ok(None);
        }
        let new = || Value::Count(0);
        self.change(key, 0, new, change).map(Some)
    }

    /// What `key` holds, read by `read`.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Value) -> Result<T>,
    ) -> Result<Option<T>> {
        self.live(key).map(|entry| read(&entry.value)).transpose()
    }

    /// Tells those who wait for a list of this shard.
    pub(super) fn ring(&self) {
        self.shard.pushed.notify_waiters();
    }

    /// Sees to it that there is room for `keys` more keys and `bytes` more bytes, for the sake of `key`.
    fn make_room(&mut self, key: &str, keys: usize, bytes: usize) -> Result<()> {
        let room = &self.memory.room;
        let fits = || {
            room.keys.load(Relaxed) + keys <= room.max_keys
                && room.bytes.load(Relaxed).saturating_add(bytes) <= room.max_bytes
        };
        self.keys.sweep(self.now, SWEPT_PER_WRITE, room);
        if fits() {
            return Ok(());
        }
        self.keys.sweep(self.now, usize::MAX, room);
        while !fits() && self.keys.evict_one(key, room) {}
        if fits() {
            return Ok(());
        }
        for (number, other) in self.memory.shards.iter().enumerate() {
            if number == self.number {
                continue;
            }
            // Waiting for another lock while we hold ours could be a deadlock.
            let mut others = match other.keys.try_lock() {
                Ok(others) => others,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            others.sweep(self.now, usize::MAX, room);
            while !fits() && others.evict_one(key, room) {}
            if fits() {
                return Ok(());
            }
        }
        Err(full(FULL))
    }
}
