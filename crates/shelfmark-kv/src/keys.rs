//! What can be done with a key whatever it holds.

use std::future::Future;
use std::time::Duration;

use shelfmark_core::Result;

use crate::kv::{Kv, named, on_engine};
use crate::limits::check_ttl;

/// How long a key has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLeft {
    /// There is no such key.
    NoKey,
    /// It stays until it is deleted.
    Endless,
    /// It is gone after this time.
    For(Duration),
}

/// What can be done with a key whatever it holds.
///
/// Every method fails with `InvalidInput` for a key that is empty or longer than
/// [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES), and, on Redis, with `Connection` and `Timeout`.
pub trait Keys {
    /// Deletes a key. Answers whether it was there.
    ///
    /// # Errors
    /// As the [trait](Keys) says.
    fn delete(&self, key: &str) -> impl Future<Output = Result<bool>> + Send;

    /// Deletes many keys. Answers how many were there. Not one step: another caller may see some of them gone.
    ///
    /// # Errors
    /// As the [trait](Keys) says, and `InvalidInput` for more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn delete_many(&self, keys: &[&str]) -> impl Future<Output = Result<u64>> + Send;

    /// Whether a key is there.
    ///
    /// # Errors
    /// As the [trait](Keys) says.
    fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + Send;

    /// Lets a key end after `ttl` from now. Answers whether it was there.
    ///
    /// # Errors
    /// As the [trait](Keys) says, and `InvalidInput` for a time of nothing or of more than ten years.
    fn expire(&self, key: &str, ttl: Duration) -> impl Future<Output = Result<bool>> + Send;

    /// Lets a key stay until it is deleted. Answers whether it was there with a time to live.
    ///
    /// # Errors
    /// As the [trait](Keys) says.
    fn persist(&self, key: &str) -> impl Future<Output = Result<bool>> + Send;

    /// How long a key has left.
    ///
    /// # Errors
    /// As the [trait](Keys) says.
    fn time_left(&self, key: &str) -> impl Future<Output = Result<TimeLeft>> + Send;
}

impl Keys for Kv {
    async fn delete(&self, key: &str) -> Result<bool> {
        named("Keys::delete", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.delete(&key), engine.delete(&key))
        })
        .await
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        named("Keys::delete_many", async {
            let keys = self.keys(keys)?;
            on_engine!(self, engine => engine.delete_many(&keys), engine.delete_many(&keys))
        })
        .await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        named("Keys::exists", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.exists(&key), engine.exists(&key))
        })
        .await
    }

    async fn expire(&self, key: &str, ttl: Duration) -> Result<bool> {
        named("Keys::expire", async {
            let key = self.key(key)?;
            let ttl = check_ttl("time to live", ttl)?;
            on_engine!(self, engine => engine.expire(&key, ttl), engine.expire(&key, ttl))
        })
        .await
    }

    async fn persist(&self, key: &str) -> Result<bool> {
        named("Keys::persist", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.persist(&key), engine.persist(&key))
        })
        .await
    }

    async fn time_left(&self, key: &str) -> Result<TimeLeft> {
        named("Keys::time_left", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.time_left(&key), engine.time_left(&key))
        })
        .await
    }
}
