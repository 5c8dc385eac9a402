//! Keys, tags and times as they are given, checked and with the cache's prefix.

use std::borrow::Cow;

use shelfmark_core::Result;
use shelfmark_core::cache::{Codec, Evictions, Keep, Wanted};

use super::Cache;
use crate::limits::{MAX_KEY_BYTES, MAX_TTL, check_name, check_ttl, invalid};

/// The most tags of one value: each is looked at on every hit.
const MAX_TAGS: usize = 64;
/// The largest part of a time to live that is taken off by chance, in per cent.
const MAX_JITTER: u8 = 50;

impl Cache {
    /// `name` with the prefix, which costs nothing where there is none.
    fn full<'a>(&self, what: &str, name: &'a str) -> Result<Cow<'a, str>> {
        if self.prefix.is_empty() || name.is_empty() {
            check_name(what, name)?;
            return Ok(Cow::Borrowed(name));
        }
        let name = [&*self.prefix, name].concat();
        check_name(what, &name)?;
        Ok(Cow::Owned(name))
    }

    pub(super) fn key<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        self.full("key", key)
    }

    /// What is asked for, checked.
    pub(super) fn wanted<'a>(
        &self,
        key: &'a str,
        shape: u64,
        mut keep: Keep,
        codec: &'static Codec,
    ) -> Result<Wanted<'a>> {
        check_ttl("time to live", keep.ttl)?;
        if keep.none_ttl() > MAX_TTL {
            check_ttl("time to live of a None", keep.none_ttl())?;
        }
        if keep.jitter > MAX_JITTER {
            return Err(invalid(format!(
                "the jitter is {} % and at most {MAX_JITTER} are taken",
                keep.jitter
            )));
        }
        if keep.tags.len() > MAX_TAGS {
            return Err(invalid(format!(
                "the value has {} tags and at most {MAX_TAGS} are taken",
                keep.tags.len()
            )));
        }
        for tag in &mut keep.tags {
            if let Cow::Owned(full) = self.full("tag", tag)? {
                *tag = Cow::Owned(full);
            }
        }
        Ok(Wanted {
            key: self.key(key)?,
            shape,
            keep,
            codec,
        })
    }

    /// What is to be dropped. A name that no value can have is left out.
    pub(super) fn evictions<'a>(&self, evictions: &'a Evictions) -> Cow<'a, Evictions> {
        let mut names = evictions.keys().iter().chain(evictions.tags());
        let room = MAX_KEY_BYTES.saturating_sub(self.prefix.len());
        if self.prefix.is_empty() && names.all(|name| !name.is_empty() && name.len() <= room) {
            return Cow::Borrowed(evictions);
        }
        let mut full = Evictions::new();
        for key in evictions.keys() {
            if let Ok(key) = self.full("key", key) {
                full = full.key(key);
            }
        }
        for tag in evictions.tags() {
            if let Ok(tag) = self.full("tag", tag) {
                full = full.tag(tag);
            }
        }
        Cow::Owned(full)
    }
}
