//! Sets of names, such as the keys that carry a tag.

use std::collections::BTreeSet;
use std::future::Future;

use shelfmark_core::Result;

use crate::kv::{Kv, named, on_engine};
use crate::limits::{check_count, check_name};

/// Sets of names. A set without members is no key.
///
/// Every method fails with `InvalidInput` for a key or member that is too long or a key of another kind, with `Other`
/// and code `OOM` when there is no room, and, on Redis, with `Connection` and `Timeout`.
///
/// Cancel safety: a dropped call is done as a whole or not at all. Members that a dropped
/// [`pop_members`](Sets::pop_members) took are lost.
pub trait Sets {
    /// Adds members. Answers how many are new.
    ///
    /// # Errors
    /// As the [trait](Sets) says, and `InvalidInput` for more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn add_members(&self, key: &str, members: &[&str]) -> impl Future<Output = Result<u64>> + Send;

    /// Removes members. Answers how many were there.
    ///
    /// # Errors
    /// As the [trait](Sets) says, and `InvalidInput` for more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn remove_members(
        &self,
        key: &str,
        members: &[&str],
    ) -> impl Future<Output = Result<u64>> + Send;

    /// Whether `member` is in the set.
    ///
    /// # Errors
    /// As the [trait](Sets) says.
    fn has_member(&self, key: &str, member: &str) -> impl Future<Output = Result<bool>> + Send;

    /// All members.
    ///
    /// # Errors
    /// As the [trait](Sets) says, and `InvalidInput` when there are more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn members(&self, key: &str) -> impl Future<Output = Result<BTreeSet<String>>> + Send;

    /// How many members there are.
    ///
    /// # Errors
    /// As the [trait](Sets) says.
    fn member_count(&self, key: &str) -> impl Future<Output = Result<u64>> + Send;

    /// Takes at most `count` members out, no matter which, and answers them: for going through a big set.
    ///
    /// # Errors
    /// As the [trait](Sets) says, and `InvalidInput` for more than [`MAX_ITEMS`](crate::MAX_ITEMS).
    fn pop_members(
        &self,
        key: &str,
        count: usize,
    ) -> impl Future<Output = Result<Vec<String>>> + Send;
}

fn check_members(members: &[&str]) -> Result<()> {
    check_count("members", members.len())?;
    members
        .iter()
        .try_for_each(|member| check_name("member", member))
}

impl Sets for Kv {
    async fn add_members(&self, key: &str, members: &[&str]) -> Result<u64> {
        named("Sets::add_members", async {
            let key = self.key(key)?;
            check_members(members)?;
            if members.is_empty() {
                return Ok(0);
            }
            on_engine!(self, engine => engine.add_members(&key, members), engine.add_members(&key, members))
        })
        .await
    }

    async fn remove_members(&self, key: &str, members: &[&str]) -> Result<u64> {
        named("Sets::remove_members", async {
            let key = self.key(key)?;
            check_members(members)?;
            if members.is_empty() {
                return Ok(0);
            }
            on_engine!(self, engine =>
                engine.remove_members(&key, members), engine.remove_members(&key, members))
        })
        .await
    }

    async fn has_member(&self, key: &str, member: &str) -> Result<bool> {
        named("Sets::has_member", async {
            let key = self.key(key)?;
            check_name("member", member)?;
            on_engine!(self, engine => engine.has_member(&key, member), engine.has_member(&key, member))
        })
        .await
    }

    async fn members(&self, key: &str) -> Result<BTreeSet<String>> {
        named("Sets::members", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.members(&key), engine.members(&key))
        })
        .await
    }

    async fn member_count(&self, key: &str) -> Result<u64> {
        named("Sets::member_count", async {
            let key = self.key(key)?;
            on_engine!(self, engine => engine.member_count(&key), engine.member_count(&key))
        })
        .await
    }

    async fn pop_members(&self, key: &str, count: usize) -> Result<Vec<String>> {
        named("Sets::pop_members", async {
            let key = self.key(key)?;
            check_count("members", count)?;
            if count == 0 {
                return Ok(Vec::new());
            }
            on_engine!(self, engine => engine.pop_members(&key, count), engine.pop_members(&key, count))
        })
        .await
    }
}
