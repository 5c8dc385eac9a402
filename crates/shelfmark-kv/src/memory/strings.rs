//! Strings, counters, rate limits and locks.

use bytes::Bytes;
use shelfmark_core::Result;

use super::Memory;
use super::entry::Value;
use super::shard::Locked;
use crate::failure::overflow;
use crate::gcra::{self, Decision};

impl Locked<'_> {
    fn put_text(&mut self, key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<()> {
        let end = ttl_ms.map(|ttl| self.end_after(ttl));
        let text = Value::Text(Bytes::copy_from_slice(value));
        self.put(key, text, value.len(), end, true)
    }
}

impl Memory {
    pub(crate) fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.shard(key).read(key, Value::text)
    }

    pub(crate) fn set(&self, key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<()> {
        self.shard(key).put_text(key, value, ttl_ms)
    }

    pub(crate) fn set_if_absent(
        &self,
        key: &str,
        value: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<bool> {
        let mut shard = self.shard(key);
        if shard.live(key).is_some() {
            return Ok(false);
        }
        shard.put_text(key, value, ttl_ms).map(|()| true)
    }

    pub(crate) fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>> {
        // What is no string counts as missing, as it does on Redis.
        let get = |key: &String| self.get(key).ok().flatten();
        Ok(keys.iter().map(get).collect())
    }

    pub(crate) fn set_many(&self, entries: &[(String, &[u8])], ttl_ms: Option<u64>) -> Result<()> {
        entries
            .iter()
            .try_for_each(|(key, value)| self.set(key, value, ttl_ms))
    }

    pub(crate) fn get_and_set(
        &self,
        key: &str,
        value: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<Option<Bytes>> {
        let mut shard = self.shard(key);
        let before = shard.read(key, Value::text)?;
        shard.put_text(key, value, ttl_ms).map(|()| before)
    }

    pub(crate) fn get_and_delete(&self, key: &str) -> Result<Option<Bytes>> {
        let mut shard = self.shard(key);
        let before = shard.read(key, Value::text)?;
        shard.remove(key);
        Ok(before)
    }

    pub(crate) fn compare_and_set(
        &self,
        key: &str,
        expected: &[u8],
        new: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<bool> {
        let mut shard = self.shard(key);
        if shard.read(key, Value::text)?.as_deref() != Some(expected) {
            return Ok(false);
        }
        shard.put_text(key, new, ttl_ms).map(|()| true)
    }

    pub(crate) fn compare_and_delete(&self, key: &str, expected: &[u8]) -> Result<bool> {
        let mut shard = self.shard(key);
        if shard.read(key, Value::text)?.as_deref() != Some(expected) {
            return Ok(false);
        }
        shard.remove(key);
        Ok(true)
    }

    pub(crate) fn incr(&self, key: &str, by: i64, ttl_ms: Option<u64>) -> Result<i64> {
        let mut shard = self.shard(key);
        let is_new = shard.live(key).is_none();
        let count = shard.change(
            key,
            size_of::<i64>(),
            || Value::Count(0),
            |value, _| {
                let count = value.count()?.checked_add(by).ok_or_else(overflow)?;
                *value = Value::Count(count);
                Ok(count)
            },
        )?;
        // A string that is counted up is a counter from now on.
        shard.keep(key);
        if let Some(ttl) = ttl_ms.filter(|_| is_new) {
            let end = shard.end_after(ttl);
            shard.set_end(key, Some(end));
        }
        Ok(count)
    }

    pub(crate) fn count(&self, key: &str) -> Result<i64> {
        Ok(self.shard(key).read(key, Value::count)?.unwrap_or(0))
    }

    pub(crate) fn reset(&self, key: &str) -> Result<i64> {
        let mut shard = self.shard(key);
        let count = shard.read(key, Value::count)?;
        shard.remove(key);
        Ok(count.unwrap_or(0))
    }

    pub(crate) fn check(
        &self,
        key: &str,
        interval_us: i64,
        burst: i64,
        cost: i64,
    ) -> Result<Decision> {
        let mut shard = self.shard(key);
        let now = i64::try_from(shard.now).unwrap_or(i64::MAX);
        let state = shard.read(key, Value::count)?;
        let (decision, state) = gcra::check(state, now, interval_us, burst, cost);
        // A full bucket is as good as none, so the key ends with the reset.
        if decision.allowed {
            let end = u64::try_from(state).unwrap_or(0).max(shard.now + 1);
            shard.put(key, Value::Count(state), 0, Some(end), false)?;
        }
        Ok(decision)
    }

    pub(crate) fn acquire(
        &self,
        key: &str,
        fence: &str,
        owner: &str,
        ttl_ms: u64,
    ) -> Result<Option<u64>> {
        {
            let mut shard = self.shard(key);
            if shard.live(key).is_some() {
                return Ok(None);
            }
            let end = shard.end_after(ttl_ms);
            let value = Value::Text(Bytes::copy_from_slice(owner.as_bytes()));
            shard.put(key, value, owner.len(), Some(end), false)?;
        }
        // Nobody else counts this token up before the lock is free again.
        let token = {
            let mut shard = self.shard(fence);
            let now = i64::try_from(shard.now).unwrap_or(i64::MAX);
            shard.change(
                fence,
                size_of::<i64>(),
                || Value::Count(0),
                |value, _| {
                    let token = value.count()?.checked_add(1).ok_or_else(overflow)?.max(now);
                    *value = Value::Count(token);
                    Ok(token)
                },
            )
        };
        match token {
            Ok(token) => Ok(Some(u64::try_from(token).unwrap_or(0))),
            Err(error) => {
                self.compare_and_delete(key, owner.as_bytes())?;
                Err(error)
            }
        }
    }

    pub(crate) fn renew(&self, key: &str, owner: &str, ttl_ms: u64) -> Result<bool> {
        let mut shard = self.shard(key);
        if shard.read(key, Value::text)?.as_deref() != Some(owner.as_bytes()) {
            return Ok(false);
        }
        let end = shard.end_after(ttl_ms);
        Ok(shard.set_end(key, Some(end)))
    }
}
