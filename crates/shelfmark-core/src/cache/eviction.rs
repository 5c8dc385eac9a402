//! What a write drops from the cache.

use std::collections::HashSet;
use std::fmt;

use crate::error::Result;
use crate::tenant::Tenant;

use super::key::Key;

/// Keys and tags whose values are outdated once a transaction is committed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Evictions {
    keys: Names,
    tags: Names,
}

impl Evictions {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Evictions::default()
    }

    /// Also the value of `key`.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.add(key.into());
        self
    }

    /// Also all values that carry `tag`.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.add(tag.into());
        self
    }

    /// Also the value of a key that was put together of a call's arguments.
    ///
    /// # Errors
    /// `Encode` when an argument cannot be part of a key.
    #[doc(hidden)]
    pub fn written_key(self, key: Key) -> Result<Self> {
        Ok(self.key(key.finish()?))
    }

    /// Also all values that carry a tag that was put together of a call's arguments.
    ///
    /// # Errors
    /// As [`written_key`](Evictions::written_key).
    #[doc(hidden)]
    pub fn written_tag(self, tag: Key) -> Result<Self> {
        Ok(self.tag(tag.finish()?))
    }

    /// The same of `tenant` alone.
    pub(crate) fn of_tenant(mut self, tenant: &Tenant) -> Self {
        self.keys = self.keys.of_tenant(tenant);
        self.tags = self.tags.of_tenant(tenant);
        self
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: Evictions) {
        for key in other.keys.listed {
            self.keys.add(key);
        }
        for tag in other.tags.listed {
            self.tags.add(tag);
        }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.keys.listed
    }

    /// The tags.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags.listed
    }

    /// Whether there is nothing to drop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.listed.is_empty() && self.tags.listed.is_empty()
    }
}

/// Names, each once, in the order in which they came.
#[derive(Clone, Default)]
struct Names {
    listed: Vec<String>,
    /// The same, once they are too many to be looked through: a transaction may evict with each of its statements.
    known: HashSet<String>,
}

impl Names {
    /// So many are looked through.
    const FEW: usize = 32;

    fn add(&mut self, name: String) {
        if self.listed.len() < Names::FEW {
            if !self.listed.contains(&name) {
                self.listed.push(name);
            }
            return;
        }
        if self.known.is_empty() {
            self.known.extend(self.listed.iter().cloned());
        }
        if self.known.insert(name.clone()) {
            self.listed.push(name);
        }
    }

    fn of_tenant(self, tenant: &Tenant) -> Self {
        Names {
            listed: self.listed.iter().map(|name| tenant.own(name)).collect(),
            known: HashSet::new(),
        }
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.listed == other.listed
    }
}

impl Eq for Names {}

/// How many, not which: a key may hold values.
impl fmt::Debug for Evictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evictions")
            .field("keys", &self.keys().len())
            .field("tags", &self.tags().len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_however_many_there_are() {
        let mut all = Evictions::new();
        for _ in 0..2 {
            for nth in 0..100_000 {
                all.add(Evictions::new().key(nth.to_string()).tag("t"));
            }
        }
        assert_eq!((all.keys().len(), all.tags().len()), (100_000, 1));
        assert_eq!(all.keys().last().map(String::as_str), Some("99999"));
        let mut own = all.clone().of_tenant(&Tenant::from(7_i64));
        own.add(Evictions::new().key("5|7").key("6|8"));
        assert_eq!(own.keys().len(), 100_001);
        assert_ne!(own, all);
        assert_eq!(all.clone(), all);
    }
}
