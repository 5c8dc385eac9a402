//! Versions: values that never come again. That of a key or a tag is another one after each eviction, so what was stored
//! before it is known by the old one.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many bytes a version has. What a writer puts in its place has one more.
pub(super) const LENGTH: usize = 16;

/// A value that no process has had before: a keyed hash, whose key comes from the system, of a count.
pub(super) fn unique() -> [u8; LENGTH] {
    static PROCESS: LazyLock<[RandomState; 2]> =
        LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed);
    let [high, low] = PROCESS.each_ref().map(|half| half.hash_one(count));
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}

/// What a writer puts in place of a version until its transaction has ended.
pub(super) fn block() -> [u8; LENGTH + 1] {
    let mut block = [b'w'; LENGTH + 1];
    for (to, from) in block.iter_mut().skip(1).zip(unique()) {
        *to = from;
    }
    block
}

/// Whether a writer has put something in the version's place.
pub(super) fn is_block(version: &[u8]) -> bool {
    version.len() != LENGTH
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_version_comes_twice_and_none_is_taken_for_a_block() {
        let versions: HashSet<_> = std::iter::repeat_with(unique).take(10_000).collect();
        assert_eq!(versions.len(), 10_000);
        assert!(!versions.iter().any(|version| is_block(version)));
        assert!(is_block(&block()));
        assert_ne!(block(), block());
    }
}
