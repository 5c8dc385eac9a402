//! The names of keys and tags on Redis.
//!
//! All of one key is in one slot of a cluster, by a hash tag that no key can break out of: braces in it are escaped.

use std::fmt::Write as _;

use crate::redis::CacheKeys;

/// Where the version of a key is.
pub(super) fn version(key: &str) -> String {
    let mut name = braced(key, 2);
    name.push_str(":v");
    name
}

/// Where the version of a tag is.
pub(super) fn tag(tag: &str) -> String {
    let mut name = braced(tag, 2);
    name.push_str(":t");
    name
}

/// Where the value of a key, of one shape, is.
pub(super) fn value(key: &str, shape: u64) -> CacheKeys {
    let mut entry = braced(key, 17);
    let mut version = entry.clone();
    version.push_str(":v");
    // Writing to a String never fails.
    let _ = write!(entry, ":{shape:016x}");
    let claim = [&*entry, ":f"].concat();
    CacheKeys {
        entry,
        version,
        claim,
    }
}

fn braced(name: &str, more: usize) -> String {
    let mut braced = String::with_capacity(name.len() + more + 2);
    braced.push('{');
    for character in name.chars() {
        match character {
            '{' => braced.push_str("\\("),
            '}' => braced.push_str("\\)"),
            '\\' => braced.push_str("\\\\"),
            other => braced.push(other),
        }
    }
    braced.push('}');
    braced
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::hash_tag;
    use std::collections::HashSet;

    #[test]
    fn no_key_has_the_names_of_another_and_all_of_one_are_in_one_slot() {
        let keys = [
            "a",
            "{a}",
            "a}:v",
            "a:v",
            "{a",
            "a}",
            "\\(a\\)",
            "\\",
            "\\\\(",
            "}{",
            "a\r\nDEL b",
        ];
        let mut names = HashSet::new();
        for key in keys {
            let of_value = value(key, 7);
            assert_eq!(of_value.version, version(key));
            let all = [
                of_value.entry,
                of_value.claim,
                of_value.version,
                value(key, 8).entry,
                tag(key),
            ];
            let slots: HashSet<_> = all
                .iter()
                .map(|name| hash_tag(name).map(str::to_owned))
                .collect();
            assert_eq!(slots.len(), 1, "{key}");
            assert!(!slots.contains(&None));
            for name in all {
                assert!(names.insert(name), "{key}");
            }
        }
    }
}
