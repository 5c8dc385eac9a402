//! What is stored of a value: a head that says when it is valid, and its bytes.
//!
//! An entry is valid while the versions in its head are those of its key and its tags. The head: format (1 byte), the
//! key's version (16), the entry's own id (8), the cost of computing in us (8), the number of tags (2), and of each tag
//! its version (16), the length of its name (2) and its name. Numbers are little-endian. `cache_claim.lua` reads the first
//! 25 bytes.

use std::time::Duration;

use bytes::{Buf, Bytes};

use super::version::{self, LENGTH};

/// Another number for each form: what another version of the program stored is a miss.
const FORMAT: u8 = 1;
/// How many bytes an entry's id has.
const ID: usize = 8;
/// Where it is.
const ID_AT: std::ops::Range<usize> = 1 + LENGTH..1 + LENGTH + ID;

/// An entry as it was read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) version: Bytes,
    pub(super) cost: Duration,
    /// Name and version of each tag.
    pub(super) tags: Vec<(String, Bytes)>,
    pub(super) bytes: Bytes,
}

/// The entry of a value.
pub(super) fn write(
    version: &[u8],
    tags: &[(String, Bytes)],
    cost: Duration,
    bytes: &[u8],
) -> Vec<u8> {
    let names: usize = tags
        .iter()
        .map(|(name, version)| name.len() + version.len() + 2)
        .sum();
    let mut entry = Vec::with_capacity(1 + LENGTH + ID + 8 + 2 + names + bytes.len());
    entry.push(FORMAT);
    entry.extend_from_slice(version);
    entry.extend(version::unique().into_iter().take(ID));
    let cost_us = u64::try_from(cost.as_micros()).unwrap_or(u64::MAX);
    entry.extend_from_slice(&cost_us.to_le_bytes());
    // A value has at most 64 tags, and a name at most 512 bytes.
    entry.extend_from_slice(&(tags.len() as u16).to_le_bytes());
    for (name, version) in tags {
        entry.extend_from_slice(version);
        entry.extend_from_slice(&(name.len() as u16).to_le_bytes());
        entry.extend_from_slice(name.as_bytes());
    }
    entry.extend_from_slice(bytes);
    entry
}

/// The id of an entry, also of one that cannot be read.
pub(super) fn id(bytes: &[u8]) -> &[u8] {
    bytes.get(ID_AT).unwrap_or_default()
}

/// The entry of `bytes`, or `None` when they are not of our format.
pub(super) fn read(mut bytes: Bytes) -> Option<Entry> {
    if bytes.try_get_u8().ok()? != FORMAT {
        return None;
    }
    let version = take(&mut bytes, LENGTH)?;
    take(&mut bytes, ID)?;
    let cost = Duration::from_micros(bytes.try_get_u64_le().ok()?);
    let count = bytes.try_get_u16_le().ok()?;
    let mut tags = Vec::new();
    for _ in 0..count {
        let version = take(&mut bytes, LENGTH)?;
        let length = bytes.try_get_u16_le().ok()?;
        let name = take(&mut bytes, usize::from(length))?;
        tags.push((String::from_utf8(name.to_vec()).ok()?, version));
    }
    Some(Entry {
        version,
        cost,
        tags,
        bytes,
    })
}

fn take(bytes: &mut Bytes, length: usize) -> Option<Bytes> {
    (bytes.len() >= length).then(|| bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_all_else_is_no_entry() {
        let version = version::unique();
        let tags: Vec<_> = ["{a}:t", "{é}:t"]
            .map(|name| (name.to_owned(), Bytes::copy_from_slice(&version::unique())))
            .into();
        let cost = Duration::from_micros(1234);
        let written = write(&version, &tags, cost, b"value");
        let entry = read(Bytes::from(written.clone())).unwrap();
        assert_eq!(entry.version, version.as_slice());
        assert_eq!(
            (entry.tags, entry.cost, &*entry.bytes),
            (tags, cost, &b"value"[..])
        );
        // Cut off anywhere in its head, or of another format, it is none.
        for length in 0..written.len() - 5 {
            assert!(read(Bytes::copy_from_slice(&written[..length])).is_none());
        }
        let mut other = written;
        other[0] = 2;
        assert!(read(Bytes::from(other)).is_none());
    }
}
