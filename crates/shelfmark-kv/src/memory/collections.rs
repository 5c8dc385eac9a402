//! Hashes and sets.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use shelfmark_core::Result;

use super::Memory;
use super::entry::{PART_BYTES, Value};
use crate::failure::overflow;
use crate::limits::{MAX_ITEMS, too_many};
use crate::strings::parse_count;

impl Memory {
    pub(crate) fn field(&self, key: &str, field: &str) -> Result<Option<Bytes>> {
        let mut shard = self.shard(key);
        let found = shard.read(key, |value| Ok(value.hash()?.get(field).cloned()))?;
        Ok(found.flatten())
    }

    pub(crate) fn fields(&self, key: &str, fields: &[&str]) -> Result<Vec<Option<Bytes>>> {
        let mut shard = self.shard(key);
        let found = shard.read(key, |value| {
            let hash = value.hash()?;
            Ok(fields
                .iter()
                .map(|field| hash.get(*field).cloned())
                .collect())
        })?;
        Ok(found.unwrap_or_else(|| vec![None; fields.len()]))
    }

    pub(crate) fn all_fields(&self, key: &str) -> Result<BTreeMap<String, Bytes>> {
        let mut shard = self.shard(key);
        let found = shard.read(key, |value| {
            let hash = value.hash()?;
            if hash.len() > MAX_ITEMS {
                return Err(too_many("fields"));
            }
            Ok(hash.clone())
        })?;
        Ok(found.unwrap_or_default())
    }

    pub(crate) fn set_fields(&self, key: &str, fields: &[(&str, &[u8])]) -> Result<u64> {
        let growth = fields
            .iter()
            .map(|(field, value)| PART_BYTES + field.len() + value.len())
            .sum();
        let new = || Value::Hash(BTreeMap::new());
        self.shard(key).change(key, growth, new, |hash, bytes| {
            let hash = hash.hash_mut()?;
            let mut added = 0;
            for (field, value) in fields {
                *bytes += value.len();
                match hash.insert((*field).to_owned(), Bytes::copy_from_slice(value)) {
                    Some(before) => *bytes -= before.len(),
                    None => {
                        *bytes += PART_BYTES + field.len();
                        added += 1;
                    }
                }
            }
            Ok(added)
        })
    }

    pub(crate) fn delete_fields(&self, key: &str, fields: &[&str]) -> Result<u64> {
        let deleted = self.shard(key).shrink(key, |hash, bytes| {
            let hash = hash.hash_mut()?;
            let mut deleted = 0;
            for field in fields {
                if let Some(before) = hash.remove(*field) {
                    *bytes -= PART_BYTES + field.len() + before.len();
                    deleted += 1;
                }
            }
            Ok(deleted)
        })?;
        Ok(deleted.unwrap_or(0))
    }

    pub(crate) fn incr_field(&self, key: &str, field: &str, by: i64) -> Result<i64> {
        let growth = PART_BYTES + field.len() + 20;
        let new = || Value::Hash(BTreeMap::new());
        self.shard(key).change(key, growth, new, |hash, bytes| {
            let hash = hash.hash_mut()?;
            let before = hash.get(field);
            let count = before.map_or(Ok(0), |before| parse_count(before))?;
            let count = count.checked_add(by).ok_or_else(overflow)?;
            let after = Bytes::from(count.to_string());
            *bytes += after.len();
            match hash.insert(field.to_owned(), after) {
                Some(before) => *bytes -= before.len(),
                None => *bytes += PART_BYTES + field.len(),
            }
            Ok(count)
        })
    }

    pub(crate) fn field_count(&self, key: &str) -> Result<u64> {
        let mut shard = self.shard(key);
        let count = shard.read(key, |value| Ok(value.hash()?.len()))?;
        Ok(count.unwrap_or(0) as u64)
    }

    pub(crate) fn add_members(&self, key: &str, members: &[&str]) -> Result<u64> {
        let growth = members.iter().map(|member| PART_BYTES + member.len()).sum();
        let new = || Value::Set(BTreeSet::new());
        self.shard(key).change(key, growth, new, |set, bytes| {
            let set = set.set_mut()?;
            let mut added = 0;
            for member in members {
                if set.insert((*member).to_owned()) {
                    *bytes += PART_BYTES + member.len();
                    added += 1;
                }
            }
            Ok(added)
        })
    }

    pub(crate) fn remove_members(&self, key: &str, members: &[&str]) -> Result<u64> {
        let removed = self.shard(key).shrink(key, |set, bytes| {
            let set = set.set_mut()?;
            let mut removed = 0;
            for member in members {
                if set.remove(*member) {
                    *bytes -= PART_BYTES + member.len();
                    removed += 1;
                }
            }
            Ok(removed)
        })?;
        Ok(removed.unwrap_or(0))
    }

    pub(crate) fn has_member(&self, key: &str, member: &str) -> Result<bool> {
        let mut shard = self.shard(key);
        let found = shard.read(key, |value| Ok(value.set()?.contains(member)))?;
        Ok(found.unwrap_or(false))
    }

    pub(crate) fn members(&self, key: &str) -> Result<BTreeSet<String>> {
        let mut shard = self.shard(key);
        let found = shard.read(key, |value| {
            let set = value.set()?;
            if set.len() > MAX_ITEMS {
                return Err(too_many("members"));
            }
            Ok(set.clone())
        })?;
        Ok(found.unwrap_or_default())
    }

    pub(crate) fn member_count(&self, key: &str) -> Result<u64> {
        let mut shard = self.shard(key);
        let count = shard.read(key, |value| Ok(value.set()?.len()))?;
        Ok(count.unwrap_or(0) as u64)
    }

    pub(crate) fn pop_members(&self, key: &str, count: usize) -> Result<Vec<String>> {
        let popped = self.shard(key).shrink(key, |set, bytes| {
            let set = set.set_mut()?;
            let mut popped = Vec::new();
            while popped.len() < count
                && let Some(member) = set.pop_first()
            {
                *bytes -= PART_BYTES + member.len();
                popped.push(member);
            }
            Ok(popped)
        })?;
        Ok(popped.unwrap_or_default())
    }
}
