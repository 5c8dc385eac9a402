//! Lists.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use shelfmark_core::Result;

use super::Memory;
use super::entry::{PART_BYTES, Value};
use crate::limits::{MAX_ITEMS, too_many};
use crate::lists::End;

pub(super) fn item_bytes(item: &[u8]) -> usize {
    PART_BYTES + item.len()
}

/// The items from `first` to `last`, both included, negative ones counted from the back.
fn range(len: usize, first: i64, last: i64) -> Range<usize> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let place = |number: i64| match number < 0 {
        true => number.saturating_add(len),
        false => number,
    };
    let start = place(first).clamp(0, len);
    let end = place(last).saturating_add(1).clamp(start, len);
    let whole = |number: i64| usize::try_from(number).unwrap_or(0);
    whole(start)..whole(end)
}

impl Memory {
    pub(crate) fn push(&self, key: &str, end: End, items: &[&[u8]]) -> Result<u64> {
        let growth = items.iter().map(|item| item_bytes(item)).sum();
        let mut shard = self.shard(key);
        let new = || Value::List(VecDeque::new());
        let len = shard.change(key, growth, new, |list, bytes| {
            let list = list.list_mut()?;
            for item in items {
                let item = Bytes::copy_from_slice(item);
                match end {
                    End::Front => list.push_front(item),
                    End::Back => list.push_back(item),
                }
            }
            *bytes += growth;
            Ok(list.len() as u64)
        })?;
        shard.ring();
        Ok(len)
    }

    pub(crate) fn pop(&self, key: &str, end: End) -> Result<Option<Bytes>> {
        let popped = self.shard(key).shrink(key, |list, bytes| {
            let list = list.list_mut()?;
            let item = match end {
                End::Front => list.pop_front(),
                End::Back => list.pop_back(),
            };
            if let Some(item) = &item {
                *bytes -= item_bytes(item);
            }
            Ok(item)
        })?;
        Ok(popped.flatten())
    }

    pub(crate) fn list_len(&self, key: &str) -> Result<u64> {
        let mut shard = self.shard(key);
        let len = shard.read(key, |value| Ok(value.list()?.len()))?;
        Ok(len.unwrap_or(0) as u64)
    }

    pub(crate) fn list_range(&self, key: &str, first: i64, last: i64) -> Result<Vec<Bytes>> {
        let mut shard = self.shard(key);
        let items = shard.read(key, |value| {
            let list = value.list()?;
            let range = range(list.len(), first, last);
            if range.len() > MAX_ITEMS {
                return Err(too_many("items"));
            }
            Ok(list.range(range).cloned().collect())
        })?;
        Ok(items.unwrap_or_default())
    }

    pub(crate) fn list_trim(&self, key: &str, first: i64, last: i64) -> Result<()> {
        self.shard(key).shrink(key, |list, bytes| {
            let list = list.list_mut()?;
            let range = range(list.len(), first, last);
            let size = |items: &VecDeque<Bytes>| -> usize {
                items.iter().map(|item| item_bytes(item)).sum()
            };
            let before = size(list);
            list.truncate(range.end);
            list.drain(..range.start);
            *bytes -= before - size(list);
            Ok(())
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_redis() {
        for ((first, last), expected) in [
            ((0, -1), 0..5),
            ((0, 0), 0..1),
            ((-2, -1), 3..5),
            ((1, 3), 1..4),
            ((3, 1), 3..3),
            ((7, 9), 5..5),
            ((-9, 1), 0..2),
            ((0, i64::MAX), 0..5),
            ((i64::MIN, i64::MIN), 0..0),
        ] {
            assert_eq!(range(5, first, last), expected, "{first} {last}");
        }
    }
}
