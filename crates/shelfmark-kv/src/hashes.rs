//! Small records: named fields below one key.

use std::collections::BTreeMap;
use std::future::Future;

use bytes::Bytes;
use shelfmark_core::Result;

use crate::kv::{Kv, named, on_engine};
use crate::limits::{check_count, check_name, invalid};

/// Named fields below one key. A hash without fields is no key.
///
/// Every method fails with `InvalidInput` for a key, field or value that is too long or a key of another kind, with
/// `Other` and code `OOM` when there is no room, and, on Redis, with `Connection` and `Timeout`.
///
/// Cancel safety: a dropped call is done as a whole or not at all.
pub trait Hashes {
    /// The value of a field, if it is there.
    ///
    /// # Errors
    /// As the [trait](Hashes) says.
    fn field(&self, key: &str, field: &str) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// The values of some fields, in their order.
    ///
    /// # Errors
    /// As the [trait](Hashes) says, and `InvalidInput` for more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn fields(
        &self,
        key: &str,
        fields: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<Bytes>>>> + Send;

    /// All fields with their values.
    ///
    /// # Errors
    /// As the [trait](Hashes) says, and `InvalidInput` when there are more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn all_fields(&self, key: &str)
    -> impl Future<Output = Result<BTreeMap<String, Bytes>>> + Send;

    /// Sets fields in one step, and leaves the others. Answers how many of them are new.
    ///
    /// # Errors
    /// As the [trait](Hashes) says, and `InvalidInput` for none or more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn set_fields(
        &self,
        key: &str,
        fields: &[(&str, &[u8])],
    ) -> impl Future<Output = Result<u64>> + Send;

    /// Deletes fields. Answers how many were there.
    ///
    /// # Errors
    /// As the [trait](Hashes) says, and `InvalidInput` for more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn delete_fields(&self, key: &str, fields: &[&str])
    -> impl Future<Output = Result<u64>> + Send;

    /// Adds `by` to the number in a field and answers it; a missing one is zero.
    ///
    /// # Errors
    /// As the [trait](Hashes) says, and `InvalidInput` for a value that is no number or would leave its range.
    fn incr_field(
        &self,
        key: &str,
        field: &str,
        by: i64,
    ) -> impl Future<Output = Result<i64>> + Send;

    /// How many fields there are.
    ///
    /// # Errors
    /// As the [trait](Hashes) says.
    fn field_count(&self, key: &str) -> impl Future<Output = Result<u64>> + Send;
}

fn check_fields(fields: &[&str]) -> Result<()> {
    check_count("fields", fields.len())?;
    fields
        .iter()
        .try_for_each(|field| check_name("field", field))
}

impl Hashes for Kv {
    async fn field(&self, key: &str, field: &str) -> Result<Option<Bytes>> {
        named("Hashes::field", async {
            let key = self.key(key)?;
            check_name("field", field)?;
            on_engine!(self, engine => engine.field(&key, field), engine.field(&key, field))
        })
        .await
    }

    async fn fields(&self, key: &str, fields: &[&str]) -> Result<Vec<Option<Bytes>>> {
        named("Hashes::fields", async {
            let key = self.key(key)?;
            check_fields(fields)?;
            if fields.is_empty() {
                return Ok(Vec::new());
            }
            on_engine!(self, engine => engine.fields(&key, fields), engine.fields(&key, fields))
        })
        .await
    }

    async fn all_fields(&self, key: &str) -> Result<BTreeMap<String, Bytes>> {
        named("Hashes::all_fields", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.all_fields(&key), engine.all_fields(&key))
        })
        .await
    }

    async fn set_fields(&self, key: &str, fields: &[(&str, &[u8])]) -> Result<u64> {
        named("Hashes::set_fields", async {
            let key = self.key(key)?;
            if fields.is_empty() {
                return Err(invalid("no field is given; name at least one"));
            }
            check_count("fields", fields.len())?;
            for (field, _) in fields {
                check_name("field", field)?;
            }
            self.check_values(fields.iter().map(|(_, value)| *value))?;
            on_engine!(self, engine => engine.set_fields(&key, fields), engine.set_fields(&key, fields))
        })
        .await
    }

    async fn delete_fields(&self, key: &str, fields: &[&str]) -> Result<u64> {
        named("Hashes::delete_fields", async {
            let key = self.key(key)?;
            check_fields(fields)?;
            if fields.is_empty() {
                return Ok(0);
            }
            on_engine!(self, engine => engine.delete_fields(&key, fields), engine.delete_fields(&key, fields))
        })
        .await
    }

    async fn incr_field(&self, key: &str, field: &str, by: i64) -> Result<i64> {
        named("Hashes::incr_field", async {
            let key = self.key(key)?;
            check_name("field", field)?;
            on_engine!(self, engine => engine.incr_field(&key, field, by), engine.incr_field(&key, field, by))
        })
        .await
    }

    async fn field_count(&self, key: &str) -> Result<u64> {
        named("Hashes::field_count", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.field_count(&key), engine.field_count(&key))
        })
        .await
    }
}
