//! The keys and values of the contestants on Redis and in process.

use std::fmt::Write as _;

use anyhow::bail;

/// How long a value is.
pub const VALUE_BYTES: usize = 100;

/// The keys to choose from, and the value of each.
#[derive(Debug)]
pub struct Entries {
    entries: Vec<(String, Vec<u8>)>,
}

impl Entries {
    /// So many keys, `bench:000000000042` and the like, each with a value of its own.
    #[must_use]
    pub fn new(count: u64) -> Entries {
        let entries = (0..count)
            .map(|number| {
                let key = format!("bench:{number:012}");
                let mut value = String::with_capacity(VALUE_BYTES);
                while value.len() < VALUE_BYTES {
                    // Writing to a String cannot fail.
                    _ = write!(value, "{number}-");
                }
                value.truncate(VALUE_BYTES);
                (key, value.into_bytes())
            })
            .collect();
        Entries { entries }
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    /// All of them as texts, which they are.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter()
            .map(|(key, value)| (key, str::from_utf8(value).unwrap_or_default()))
    }

    /// The one of `values`, in the order of the keys, that the same number chooses.
    ///
    /// # Panics
    /// Never, unless there are no values.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is less than the length"
    )]
    pub fn chosen<T>(values: &[T], choice: u64) -> &T {
        &values[usize::try_from(choice % values.len() as u64).unwrap_or_default()]
    }

    /// The one that a random number chooses.
    #[must_use]
    pub fn choose(&self, choice: u64) -> (&str, &[u8]) {
        let place = usize::try_from(choice % self.entries.len() as u64).unwrap_or_default();
        self.entries
            .get(place)
            .map_or(("", &[]), |(key, value)| (key, value))
    }
}

/// Fails unless `found` is the value that is expected.
///
/// # Errors
/// When it is another one, or there is none.
pub fn check(key: &str, expected: &[u8], found: Option<&[u8]>) -> anyhow::Result<()> {
    if found != Some(expected) {
        bail!("{key} does not have its value");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_have_the_same_value() {
        let entries = Entries::new(1000);
        let values: std::collections::BTreeSet<_> = entries.iter().map(|(_, v)| v).collect();
        assert_eq!(values.len(), 1000);
        assert!(values.iter().all(|value| value.len() == VALUE_BYTES));
        let (key, value) = entries.choose(1042);
        assert_eq!(key, "bench:000000000042");
        assert!(check(key, value, Some(value)).is_ok());
        assert!(check(key, value, None).is_err());
    }
}
