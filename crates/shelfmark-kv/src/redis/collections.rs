//! Hashes and sets.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use shelfmark_core::Result;

use super::error::Intent;
use super::script::{ALL_FIELDS, MEMBERS};
use super::{Redis, answer, on_key};
use crate::limits::MAX_ITEMS;

impl Redis {
    pub(crate) async fn field(&self, key: &str, field: &str) -> Result<Option<Bytes>> {
        let mut command = on_key("HGET", key);
        command.arg(field);
        answer::bytes(self.read(key, &command).await?)
    }

    pub(crate) async fn fields(&self, key: &str, fields: &[&str]) -> Result<Vec<Option<Bytes>>> {
        let mut command = on_key("HMGET", key);
        command.arg(fields);
        let values = answer::all(self.read(key, &command).await?)?;
        values.into_iter().map(answer::bytes).collect()
    }

    pub(crate) async fn all_fields(&self, key: &str) -> Result<BTreeMap<String, Bytes>> {
        let all = self
            .run(&ALL_FIELDS, &[key], Intent::Read, |command| {
                command.arg(MAX_ITEMS);
            })
            .await?;
        let mut parts = answer::all(all)?.into_iter();
        let mut fields = BTreeMap::new();
        while let (Some(field), Some(value)) = (parts.next(), parts.next()) {
            fields.insert(answer::name(field)?, answer::present(value)?);
        }
        Ok(fields)
    }

    pub(crate) async fn set_fields(&self, key: &str, fields: &[(&str, &[u8])]) -> Result<u64> {
        let mut command = on_key("HSET", key);
        for (field, value) in fields {
            command.arg(*field).arg(*value);
        }
        answer::count(self.write(key, &command).await?)
    }

    pub(crate) async fn delete_fields(&self, key: &str, fields: &[&str]) -> Result<u64> {
        let mut command = on_key("HDEL", key);
        command.arg(fields);
        answer::count(self.write(key, &command).await?)
    }

    pub(crate) async fn incr_field(&self, key: &str, field: &str, by: i64) -> Result<i64> {
        let mut command = on_key("HINCRBY", key);
        command.arg(field).arg(by);
        answer::int(self.write(key, &command).await?)
    }

    pub(crate) async fn field_count(&self, key: &str) -> Result<u64> {
        answer::count(self.read(key, &on_key("HLEN", key)).await?)
    }

    pub(crate) async fn add_members(&self, key: &str, members: &[&str]) -> Result<u64> {
        let mut command = on_key("SADD", key);
        command.arg(members);
        answer::count(self.write(key, &command).await?)
    }

    pub(crate) async fn remove_members(&self, key: &str, members: &[&str]) -> Result<u64> {
        let mut command = on_key("SREM", key);
        command.arg(members);
        answer::count(self.write(key, &command).await?)
    }

    pub(crate) async fn has_member(&self, key: &str, member: &str) -> Result<bool> {
        let mut command = on_key("SISMEMBER", key);
        command.arg(member);
        answer::flag(self.read(key, &command).await?)
    }

    pub(crate) async fn members(&self, key: &str) -> Result<BTreeSet<String>> {
        let all = self
            .run(&MEMBERS, &[key], Intent::Read, |command| {
                command.arg(MAX_ITEMS);
            })
            .await?;
        let members = answer::all(all)?;
        members.into_iter().map(answer::name).collect()
    }

    pub(crate) async fn member_count(&self, key: &str) -> Result<u64> {
        answer::count(self.read(key, &on_key("SCARD", key)).await?)
    }

    pub(crate) async fn pop_members(&self, key: &str, count: usize) -> Result<Vec<String>> {
        let mut command = on_key("SPOP", key);
        command.arg(count);
        let members = answer::all(self.write(key, &command).await?)?;
        members.into_iter().map(answer::name).collect()
    }
}
