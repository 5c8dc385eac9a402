//! What a write drops from the cache.

use std::fmt;

use crate::error::Result;
use crate::tenant::Tenant;

use super::key::Key;

/// Keys and tags whose values are outdated once a transaction is committed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Evictions {
    keys: Vec<String>,
    tags: Vec<String>,
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
        add(&mut self.keys, key.into());
        self
    }

    /// Also all values that carry `tag`.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        add(&mut self.tags, tag.into());
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
        for name in self.keys.iter_mut().chain(&mut self.tags) {
            *name = tenant.own(name);
        }
        self
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: Evictions) {
        for key in other.keys {
            add(&mut self.keys, key);
        }
        for tag in other.tags {
            add(&mut self.tags, tag);
        }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The tags.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Whether there is nothing to drop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tags.is_empty()
    }
}

/// Few enough to look through, and their order is kept.
fn add(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// How many, not which: a key may hold values.
impl fmt::Debug for Evictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evictions")
            .field("keys", &self.keys.len())
            .field("tags", &self.tags.len())
            .finish()
    }
}
