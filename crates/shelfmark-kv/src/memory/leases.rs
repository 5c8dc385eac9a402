//! Items that somebody has taken and not yet acknowledged.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use shelfmark_core::Result;

use super::Memory;
use super::entry::Value;
use super::lists::item_bytes;
use crate::reliable_lists::{Found, TakeKeys};

/// The items taken from one list, by their receipts.
#[derive(Debug, Default)]
pub(super) struct Leases {
    by_end: BTreeSet<(u64, String)>,
    taken: HashMap<String, Held>,
}

#[derive(Debug)]
struct Held {
    item: Bytes,
    deliveries: u32,
    end_us: u64,
}

impl Leases {
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    fn insert(&mut self, receipt: &str, held: Held) {
        self.by_end.insert((held.end_us, receipt.to_owned()));
        self.taken.insert(receipt.to_owned(), held);
    }

    fn remove(&mut self, receipt: &str) -> Option<Held> {
        let held = self.taken.remove(receipt)?;
        self.by_end.remove(&(held.end_us, receipt.to_owned()));
        Some(held)
    }
}

fn held_bytes(receipt: &str, item: &[u8]) -> usize {
    item_bytes(item) + 2 * receipt.len()
}

impl Memory {
    pub(crate) fn take(&self, keys: &TakeKeys, receipt: &str, lease_ms: u64) -> Result<Found> {
        // The leases are beside the list, in its shard.
        let mut shard = self.shard(&keys.list);
        let (now, end_us) = (shard.now, shard.end_after(lease_ms));
        let first = shard.shrink(&keys.leases, |value, _| {
            let leases = value.leases_mut()?;
            let Some((end, first)) = leases.by_end.first().cloned() else {
                return Ok(None);
            };
            if end > now {
                return Ok(Some(Found::Nothing {
                    back_in: Some(Duration::from_micros(end - now)),
                }));
            }
            let Some(held) = leases.remove(&first) else {
                return Ok(None);
            };
            let deliveries = held.deliveries.saturating_add(1);
            let item = held.item;
            leases.insert(
                receipt,
                Held {
                    item: item.clone(),
                    deliveries,
                    end_us,
                },
            );
            Ok(Some(Found::Item { item, deliveries }))
        })?;
        let nothing = match first.flatten() {
            Some(found @ Found::Item { .. }) => return Ok(found),
            Some(nothing) => nothing,
            None => Found::Nothing { back_in: None },
        };
        let item = shard.read(&keys.list, |value| Ok(value.list()?.front().cloned()))?;
        let Some(item) = item.flatten() else {
            return Ok(nothing);
        };
        // What may fail for lack of room comes first, and only then the item leaves the list.
        let growth = held_bytes(receipt, &item);
        let new = || Value::Leases(Leases::default());
        shard.change(&keys.leases, growth, new, |value, bytes| {
            let held = Held {
                item: item.clone(),
                deliveries: 1,
                end_us,
            };
            value.leases_mut()?.insert(receipt, held);
            *bytes += growth;
            Ok(())
        })?;
        shard.shrink(&keys.list, |list, bytes| {
            if let Some(item) = list.list_mut()?.pop_front() {
                *bytes -= item_bytes(&item);
            }
            Ok(())
        })?;
        Ok(Found::Item {
            item,
            deliveries: 1,
        })
    }

    pub(crate) fn ack(&self, keys: &TakeKeys, receipt: &str) -> Result<bool> {
        Ok(self.end_lease(keys, receipt)?.is_some())
    }

    pub(crate) fn give_back(&self, keys: &TakeKeys, receipt: &str) -> Result<bool> {
        // The delivery counts, so the item stays among the taken ones, with a lease that is over.
        let is_there = self.move_end(keys, receipt, |now| now)?;
        // Those who wait for the list look at the leases, too.
        self.shard(&keys.list).ring();
        Ok(is_there)
    }

    pub(crate) fn extend(&self, keys: &TakeKeys, receipt: &str, lease_ms: u64) -> Result<bool> {
        self.move_end(keys, receipt, |now| {
            now.saturating_add(lease_ms.saturating_mul(1_000))
        })
    }

    fn end_lease(&self, keys: &TakeKeys, receipt: &str) -> Result<Option<Bytes>> {
        let mut leases = self.shard(&keys.leases);
        let ended = leases.shrink(&keys.leases, |value, bytes| {
            let held = value.leases_mut()?.remove(receipt);
            Ok(held.map(|held| {
                *bytes -= held_bytes(receipt, &held.item);
                held.item
            }))
        })?;
        Ok(ended.flatten())
    }

    fn move_end(
        &self,
        keys: &TakeKeys,
        receipt: &str,
        end: impl FnOnce(u64) -> u64,
    ) -> Result<bool> {
        let mut leases = self.shard(&keys.leases);
        let now = leases.now;
        let moved = leases.shrink(&keys.leases, |value, _| {
            let leases = value.leases_mut()?;
            let Some(mut held) = leases.remove(receipt) else {
                return Ok(false);
            };
            held.end_us = end(now);
            leases.insert(receipt, held);
            Ok(true)
        })?;
        Ok(moved.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_found_once() {
        let mut leases = Leases::default();
        let held = Held {
            item: Bytes::new(),
            deliveries: 1,
            end_us: 7,
        };
        leases.insert("a", held);
        assert!(!leases.is_empty());
        assert!(leases.remove("a").is_some());
        assert!(leases.remove("a").is_none());
        assert!(leases.is_empty() && leases.by_end.is_empty());
    }

    #[test]
    fn lists_and_leases_hold_all_items_between_them() -> Result<()> {
        use crate::config::{KvConfig, KvTarget};
        let memory = Memory::new(&KvConfig::new(KvTarget::InProcess));
        let keys = TakeKeys {
            list: "l".to_owned(),
            leases: "{l}:leases".to_owned(),
            taken: "{l}:taken".to_owned(),
        };
        memory.push("l", crate::lists::End::Back, &[b"a", b"b"])?;
        assert!(matches!(
            memory.take(&keys, "r1", 60_000)?,
            Found::Item { .. }
        ));
        assert_eq!(memory.list_len("l")?, 1);
        assert!(memory.ack(&keys, "r1")?);
        assert!(!memory.ack(&keys, "r1")?);
        assert!(!memory.exists("{l}:leases")?);
        Ok(())
    }
}
