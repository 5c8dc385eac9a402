//! The bounds of names, values, counts and times, the same on every engine and checked before anything is sent.

use std::time::Duration;

use shelfmark_core::{Error, ErrorKind, Result};

/// The most bytes of a key, a channel or a pattern, its prefix included.
pub const MAX_KEY_BYTES: usize = 512;
/// The most items, keys, fields or members that one call takes or answers.
pub const MAX_ITEMS: usize = 10_000;
/// The most bytes that one call takes.
pub const MAX_CALL_BYTES: usize = 64 * 1024 * 1024;
/// The longest time to live, lease or wait: ten years.
pub const MAX_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

pub(crate) fn invalid(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput).with_detail(detail.into())
}

/// Checks a key, channel, field or member. `what` says which.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(invalid(format!("the {what} is empty; give it a name")));
    }
    if name.len() > MAX_KEY_BYTES {
        return Err(invalid(format!(
            "the {what} has {} bytes, its prefix included; at most {MAX_KEY_BYTES} are taken, so use a hash of it",
            name.len()
        )));
    }
    Ok(())
}

/// Checks what stands before every key: it leaves half of the longest one to the key itself. What is wrong is said without
/// a name, which differs with who asks.
pub(crate) fn check_prefix(prefix: &str) -> std::result::Result<(), String> {
    const MOST: usize = MAX_KEY_BYTES / 2;
    match prefix.len() <= MOST {
        true => Ok(()),
        false => Err(format!("takes at most {MOST} bytes")),
    }
}

/// Checks how many items a call is given.
pub(crate) fn check_count(what: &str, count: usize) -> Result<()> {
    if count > MAX_ITEMS {
        return Err(invalid(format!(
            "{count} {what} are given and at most {MAX_ITEMS} are taken; make several calls"
        )));
    }
    Ok(())
}

/// Checks values one by one and together.
pub(crate) fn check_values<'a>(
    max_bytes: usize,
    values: impl IntoIterator<Item = &'a [u8]>,
) -> Result<()> {
    let mut total = 0_usize;
    for value in values {
        if value.len() > max_bytes {
            return Err(invalid(format!(
                "the value has {} bytes and at most {max_bytes} are taken; raise KV_MAX_VALUE_BYTES or store it \
                 elsewhere",
                value.len()
            )));
        }
        total = total.saturating_add(value.len());
    }
    if total > MAX_CALL_BYTES {
        return Err(invalid(format!(
            "the values have {total} bytes together and at most {MAX_CALL_BYTES} are taken; make several calls"
        )));
    }
    Ok(())
}

/// A time in whole milliseconds, rounded up: 1 ms to ten years. `what` says which time it is.
pub(crate) fn check_ttl(what: &str, ttl: Duration) -> Result<u64> {
    if ttl.is_zero() || ttl > MAX_TTL {
        return Err(invalid(format!(
            "the {what} is {ttl:?}; more than nothing and at most ten years are taken"
        )));
    }
    Ok(millis(ttl))
}

/// As [`check_ttl`], for a time that may be endless.
pub(crate) fn check_optional_ttl(ttl: Option<Duration>) -> Result<Option<u64>> {
    ttl.map(|ttl| check_ttl("time to live", ttl)).transpose()
}

/// Whole milliseconds, rounded up.
pub(crate) fn millis(time: Duration) -> u64 {
    let part = u64::from(time.subsec_nanos().div_ceil(1_000_000));
    time.as_secs().saturating_mul(1_000).saturating_add(part)
}

/// The answer has more parts than a call answers.
pub(crate) fn too_many(what: &str) -> Error {
    invalid(format!(
        "there are more than {MAX_ITEMS} {what}; ask for them in pieces"
    ))
}

/// The key of what an operation keeps beside `key`: in a cluster on the same node.
pub(crate) fn beside(key: &str, suffix: &str) -> Result<String> {
    let beside = if hash_tag(key).is_some() {
        format!("{key}:{suffix}")
    } else if key.contains('}') {
        return Err(invalid(
            "the key contains } without a hash tag in braces before it; leave it out, or write {tag}",
        ));
    } else {
        format!("{{{key}}}:{suffix}")
    };
    Ok(beside)
}

/// The part of a key that decides its slot in a cluster, if it has one: `{this}`.
pub(crate) fn hash_tag(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once('{')?;
    let (tag, _) = rest.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_a_key_has_its_slot() -> Result<()> {
        assert_eq!(beside("jobs", "leases")?, "{jobs}:leases");
        assert_eq!(beside("a{b}c", "leases")?, "a{b}c:leases");
        for key in ["jobs", "a{b}c", "{}"] {
            let tag = hash_tag(key).unwrap_or(key);
            if let Ok(beside) = beside(key, "x") {
                assert_eq!(hash_tag(&beside), Some(tag));
            }
        }
        assert!(beside("a}b", "x").is_err());
        Ok(())
    }

    #[test]
    fn times_are_whole_milliseconds_rounded_up() -> Result<()> {
        assert_eq!(check_ttl("lease", Duration::from_nanos(1))?, 1);
        assert_eq!(check_ttl("lease", Duration::from_millis(7))?, 7);
        assert!(check_ttl("lease", Duration::ZERO).is_err());
        assert!(check_ttl("lease", Duration::MAX).is_err());
        Ok(())
    }
}
