//! Tags in process: a number each that grows with every eviction, so that dropping a group of any size is one step.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Below this many, nobody looks for tags that nothing carries any more.
const FEW: usize = 256;

/// The tags that some value, or somebody who computes one, carries. One that nobody does is forgotten, which is safe: who
/// comes later takes its number before computing.
#[derive(Debug, Default)]
pub(super) struct Tags {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    generations: HashMap<Box<str>, Weak<AtomicU64>>,
    /// At how many the forgotten ones are looked for: twice what was left the last time, so that it costs little for each.
    prune_at: usize,
}

/// What some tags' numbers were.
#[derive(Clone, Debug, Default)]
pub(super) struct Tagged(Option<Arc<[Tag]>>);

/// The number of a tag, and what it was.
type Tag = (Arc<AtomicU64>, u64);

impl Tagged {
    /// Whether none of the tags has been evicted since.
    pub(super) fn is_current(&self) -> bool {
        let mut tags = self.0.iter().flat_map(|tags| &**tags);
        tags.all(|(generation, then)| generation.load(Ordering::Acquire) == *then)
    }
}

impl Tags {
    /// What the numbers of `names` are now. To be taken before the value is computed.
    pub(super) fn now<N: AsRef<str>>(&self, names: &[N]) -> Tagged {
        if names.is_empty() {
            return Tagged::default();
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let tags = names.iter().map(|name| {
            let generation = known.generation(name.as_ref());
            let then = generation.load(Ordering::Acquire);
            (generation, then)
        });
        Tagged(Some(tags.collect()))
    }

    /// Makes all outdated that carries `name`.
    pub(super) fn evict(&self, name: &str) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(generation) = known.generations.get(name).and_then(Weak::upgrade) {
            generation.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Known {
    fn generation(&mut self, name: &str) -> Arc<AtomicU64> {
        if let Some(generation) = self.generations.get(name).and_then(Weak::upgrade) {
            return generation;
        }
        if self.generations.len() >= self.prune_at.max(FEW) {
            self.generations.retain(|_, one| one.strong_count() > 0);
            self.prune_at = self.generations.len().saturating_mul(2);
        }
        let generation = Arc::new(AtomicU64::new(0));
        self.generations
            .insert(Box::from(name), Arc::downgrade(&generation));
        generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eviction_of_a_tag_outdates_all_that_carries_it() {
        let tags = Tags::default();
        let (both, one) = (tags.now(&["a", "b"]), tags.now(&["b"]));
        tags.evict("a");
        tags.evict("c");
        assert!(!both.is_current());
        assert!(one.is_current());
        assert!(tags.now(&["a", "b"]).is_current());
    }

    #[test]
    fn tags_that_nothing_carries_are_forgotten() {
        let tags = Tags::default();
        let kept = tags.now(&["kept"]);
        for number in 0..10_000 {
            drop(tags.now(&[number.to_string()]));
        }
        let known = tags.known.lock().unwrap().generations.len();
        assert!(known <= FEW, "{known}");
        tags.evict("kept");
        assert!(!kept.is_current());
    }
}
