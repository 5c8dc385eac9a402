//! Values of bytes, with or without a time to live.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use shelfmark_core::Result;

use crate::kv::{Kv, named, on_engine};
use crate::limits::{check_count, check_optional_ttl, invalid};

/// Values of bytes, with or without a time to live.
///
/// Every method fails with `InvalidInput` for a key or value that is too long or a key of another kind, with `Other`
/// and code `OOM` when there is no room, and, on Redis, with `Connection` and `Timeout`. A write whose answer was lost
/// has [`OutcomeUnknown`](crate::OutcomeUnknown) as its cause.
///
/// Cancel safety: a dropped call is done as a whole or not at all, [`set_many`](Strings::set_many) key by key.
pub trait Strings {
    /// The value of a key, if it is there.
    ///
    /// # Errors
    /// As the [trait](Strings) says.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// Stores a value, whatever the key held before; without `ttl` until it is deleted.
    ///
    /// # Errors
    /// As the [trait](Strings) says.
    fn set(
        &self,
        key: &str,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Stores a value unless the key is there, whatever it holds. Answers whether it was stored.
    ///
    /// # Errors
    /// As the [trait](Strings) says.
    fn set_if_absent(
        &self,
        key: &str,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// The values of many keys, in their order; `None` where there is no string.
    ///
    /// # Errors
    /// As the [trait](Strings) says, and `InvalidInput` for more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn get_many(&self, keys: &[&str]) -> impl Future<Output = Result<Vec<Option<Bytes>>>> + Send;

    /// Stores many values, all with the same `ttl`. Not one step: another caller may see some of them, and after an
    /// error some may be stored.
    ///
    /// # Errors
    /// As the [trait](Strings) says, and `InvalidInput` for more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn set_many(
        &self,
        entries: &[(&str, &[u8])],
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Stores a value and answers the one before.
    ///
    /// # Errors
    /// As the [trait](Strings) says.
    fn get_and_set(
        &self,
        key: &str,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// Deletes a value and answers it.
    ///
    /// # Errors
    /// As the [trait](Strings) says.
    fn get_and_delete(&self, key: &str) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// Stores `new` when the value is `expected`. Answers whether it was.
    ///
    /// # Errors
    /// As the [trait](Strings) says.
    fn compare_and_set(
        &self,
        key: &str,
        expected: &[u8],
        new: &[u8],
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Deletes the key when its value is `expected`. Answers whether it was.
    ///
    /// # Errors
    /// As the [trait](Strings) says.
    fn compare_and_delete(
        &self,
        key: &str,
        expected: &[u8],
    ) -> impl Future<Output = Result<bool>> + Send;
}

impl Strings for Kv {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        named("Strings::get", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.get(&key), engine.get(&key))
        })
        .await
    }

    async fn set(&self, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<()> {
        named("Strings::set", async {
            let key = self.key(key)?;
            self.check_value(value)?;
            let ttl = check_optional_ttl(ttl)?;
            on_engine!(self, engine => engine.set(&key, value, ttl), engine.set(&key, value, ttl))
        })
        .await
    }

    async fn set_if_absent(&self, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<bool> {
        named("Strings::set_if_absent", async {
            let key = self.key(key)?;
            self.check_value(value)?;
            let ttl = check_optional_ttl(ttl)?;
            on_engine!(self, engine =>
                engine.set_if_absent(&key, value, ttl), engine.set_if_absent(&key, value, ttl))
        })
        .await
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Bytes>>> {
        named("Strings::get_many", async {
            let keys = self.keys(keys)?;
            on_engine!(self, engine => engine.get_many(&keys), engine.get_many(&keys))
        })
        .await
    }

    async fn set_many(&self, entries: &[(&str, &[u8])], ttl: Option<Duration>) -> Result<()> {
        named("Strings::set_many", async {
            check_count("entries", entries.len())?;
            self.check_values(entries.iter().map(|(_, value)| *value))?;
            let ttl = check_optional_ttl(ttl)?;
            let entries = entries
                .iter()
                .map(|(key, value)| Ok((self.key(key)?, *value)))
                .collect::<Result<Vec<_>>>()?;
            on_engine!(self, engine => engine.set_many(&entries, ttl), engine.set_many(&entries, ttl))
        })
        .await
    }

    async fn get_and_set(
        &self,
        key: &str,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Result<Option<Bytes>> {
        named("Strings::get_and_set", async {
            let key = self.key(key)?;
            self.check_value(value)?;
            let ttl = check_optional_ttl(ttl)?;
            on_engine!(self, engine =>
                engine.get_and_set(&key, value, ttl), engine.get_and_set(&key, value, ttl))
        })
        .await
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<Bytes>> {
        named("Strings::get_and_delete", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.get_and_delete(&key), engine.get_and_delete(&key))
        })
        .await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: &[u8],
        new: &[u8],
        ttl: Option<Duration>,
    ) -> Result<bool> {
        named("Strings::compare_and_set", async {
            let key = self.key(key)?;
            self.check_values([expected, new])?;
            let ttl = check_optional_ttl(ttl)?;
            on_engine!(self, engine =>
                engine.compare_and_set(&key, expected, new, ttl),
                engine.compare_and_set(&key, expected, new, ttl))
        })
        .await
    }

    async fn compare_and_delete(&self, key: &str, expected: &[u8]) -> Result<bool> {
        named("Strings::compare_and_delete", async {
            let key = self.key(key)?;
            self.check_value(expected)?;
            on_engine!(self, engine =>
                engine.compare_and_delete(&key, expected), engine.compare_and_delete(&key, expected))
        })
        .await
    }
}

/// Reads a decimal of 64 bits as Redis stores one: no sign but `-`, no white space, no zeros in front.
pub(crate) fn parse_count(text: &[u8]) -> Result<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_plain = match digits {
        b"0" => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let parsed = std::str::from_utf8(text)
        .ok()
        .filter(|_| is_plain)
        .and_then(|text| text.parse().ok());
    parsed.ok_or_else(crate::failure::not_a_number)
}

/// A name that came from the engine: others may have stored what is not UTF-8.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| invalid("a field or member is not UTF-8, so it was not stored by this crate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_read_as_redis_reads_it() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-12", Some(-12)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-0", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("", None),
            ("-", None),
            ("1.0", None),
        ] {
            assert_eq!(parse_count(text.as_bytes()).ok(), expected, "{text}");
        }
    }
}
