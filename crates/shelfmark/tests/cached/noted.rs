//! A cache that keeps everything and notes what it was asked for, and what it was told to drop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shelfmark::__private::BoxFuture;
use shelfmark::__private::cache::{Compute, Stored, Wanted};
use shelfmark::{Evictions, Keep, QueryCache, Result};

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) keep: Keep,
    /// Whether the answer was there.
    pub(crate) hit: bool,
}

/// Clones note together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted(Arc<Notes>);

#[derive(Debug, Default)]
struct Notes {
    kept: Mutex<HashMap<String, Kept>>,
    asked: Mutex<Vec<Asked>>,
    evicted: Mutex<Vec<Evictions>>,
}

#[derive(Debug)]
struct Kept {
    shape: u64,
    tags: Vec<String>,
    value: Stored,
}

fn lock<T>(notes: &Mutex<T>) -> MutexGuard<'_, T> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Noted {
    /// What it was asked since it was last asked for this.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.0.asked))
    }

    /// The keys of that.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.key).collect()
    }

    /// What it was told to drop since it was last asked for this.
    pub(crate) fn evicted(&self) -> Vec<Evictions> {
        std::mem::take(&mut lock(&self.0.evicted))
    }

    fn drop_all_of(&self, evictions: &Evictions) {
        lock(&self.0.kept).retain(|key, kept| {
            let tagged = kept.tags.iter().any(|tag| evictions.tags().contains(tag));
            !tagged && !evictions.keys().contains(key)
        });
        lock(&self.0.evicted).push(evictions.clone());
    }
}

impl QueryCache for Noted {
    fn remember<'a>(
        &'a self,
        wanted: Wanted<'a>,
        compute: Compute<'a>,
    ) -> BoxFuture<'a, Result<Stored>> {
        Box::pin(async move {
            let found = lock(&self.0.kept)
                .get(&*wanted.key)
                .filter(|kept| kept.shape == wanted.shape)
                .map(|kept| kept.value.clone());
            lock(&self.0.asked).push(Asked {
                key: wanted.key.to_string(),
                keep: wanted.keep.clone(),
                hit: found.is_some(),
            });
            if let Some(found) = found {
                return Ok(found);
            }
            let value = compute().await?;
            let kept = Kept {
                shape: wanted.shape,
                tags: wanted.keep.tags.iter().map(ToString::to_string).collect(),
                value: value.clone(),
            };
            lock(&self.0.kept).insert(wanted.key.to_string(), kept);
            Ok(value)
        })
    }

    fn announce<'a>(&'a self, _: &'a Evictions) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }

    fn evict<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.drop_all_of(evictions) })
    }

    fn evict_in_background(&self, evictions: Evictions) {
        self.drop_all_of(&evictions);
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn namespace(&self) -> &str {
        "noted"
    }

    /// No test has evictions that may be missed.
    fn suspend(&self) {
        lock(&self.0.kept).clear();
    }

    fn resume(&self) {
        lock(&self.0.kept).clear();
    }
}
