//! Strings, counters, rate limits and locks.

use bytes::Bytes;
use redis::{Cmd, Value};
use shelfmark_core::{Error, Result};

use super::error::{Failure, Intent};
use super::script::{
    ACQUIRE, CHECK, COMPARE_AND_DELETE, COMPARE_AND_SET, INCR_WITHIN, RENEW, RESET,
};
use super::{Redis, answer, on_key, on_key_with_room};
use crate::gcra::Decision;
use crate::strings::parse_count;

fn set_command(key: &str, value: &[u8], ttl_ms: Option<u64>) -> Cmd {
    let mut command = on_key_with_room("SET", key, value.len());
    command.arg(value);
    if let Some(ttl) = ttl_ms {
        command.arg("PX").arg(ttl);
    }
    command
}

/// A time to live as our scripts take it.
fn ttl_argument(ttl_ms: Option<u64>) -> String {
    ttl_ms.map_or_else(String::new, |ttl| ttl.to_string())
}

impl Redis {
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        answer::bytes(self.read(key, &on_key("GET", key)).await?)
    }

    pub(crate) async fn set(&self, key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<()> {
        answer::done(self.write(key, &set_command(key, value, ttl_ms)).await?)
    }

    pub(crate) async fn set_if_absent(
        &self,
        key: &str,
        value: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<bool> {
        let mut command = set_command(key, value, ttl_ms);
        command.arg("NX");
        match self.write(key, &command).await? {
            Value::Nil => Ok(false),
            other => answer::done(other).map(|()| true),
        }
    }

    pub(crate) async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>> {
        let commands = keys.iter().map(|key| (key.as_str(), on_key("GET", key)));
        let answers = self
            .nodes
            .call_each(commands.collect(), Intent::Read, self.timeout);
        let answers = answers.await?.into_iter().map(|value| match value {
            // What is no string counts as missing.
            Value::ServerError(error) if error.code() == "WRONGTYPE" => Ok(None),
            value => answer::bytes(value),
        });
        answers.collect()
    }

    pub(crate) async fn set_many(
        &self,
        entries: &[(String, &[u8])],
        ttl_ms: Option<u64>,
    ) -> Result<()> {
        let commands = entries
            .iter()
            .map(|(key, value)| (key.as_str(), set_command(key, value, ttl_ms)));
        let answers = self
            .nodes
            .call_each(commands.collect(), Intent::Write, self.timeout);
        answers.await?.into_iter().try_for_each(answer::done)
    }

    pub(crate) async fn get_and_set(
        &self,
        key: &str,
        value: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<Option<Bytes>> {
        let mut command = set_command(key, value, ttl_ms);
        command.arg("GET");
        answer::bytes(self.write(key, &command).await?)
    }

    pub(crate) async fn get_and_delete(&self, key: &str) -> Result<Option<Bytes>> {
        answer::bytes(self.write(key, &on_key("GETDEL", key)).await?)
    }

    pub(crate) async fn compare_and_set(
        &self,
        key: &str,
        expected: &[u8],
        new: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<bool> {
        let ttl = ttl_argument(ttl_ms);
        let done = self
            .run(&COMPARE_AND_SET, &[key], Intent::Write, |command| {
                command.arg(expected).arg(new).arg(&ttl);
            })
            .await?;
        answer::flag(done)
    }

    pub(crate) async fn compare_and_delete(&self, key: &str, expected: &[u8]) -> Result<bool> {
        let done = self
            .run(&COMPARE_AND_DELETE, &[key], Intent::Write, |command| {
                command.arg(expected);
            })
            .await?;
        answer::flag(done)
    }

    pub(crate) async fn incr(&self, key: &str, by: i64) -> Result<i64> {
        let mut command = on_key("INCRBY", key);
        command.arg(by);
        answer::int(self.write(key, &command).await?)
    }

    pub(crate) async fn incr_within(&self, key: &str, by: i64, ttl_ms: u64) -> Result<i64> {
        let count = self
            .run(&INCR_WITHIN, &[key], Intent::Write, |command| {
                command.arg(by).arg(ttl_ms);
            })
            .await?;
        parse_count(&answer::present(count)?)
    }

    pub(crate) async fn count(&self, key: &str) -> Result<i64> {
        match self.get(key).await? {
            Some(count) => parse_count(&count),
            None => Ok(0),
        }
    }

    pub(crate) async fn reset(&self, key: &str) -> Result<i64> {
        let count = self.run(&RESET, &[key], Intent::Write, |_| {}).await?;
        parse_count(&answer::present(count)?)
    }

    pub(crate) async fn check(
        &self,
        key: &str,
        interval_us: i64,
        burst: i64,
        cost: i64,
    ) -> Result<Decision> {
        let now = self.clock.as_ref();
        let now = now.map_or_else(String::new, |clock| {
            clock.now().as_microsecond().to_string()
        });
        let decided = self
            .run(&CHECK, &[key], Intent::Write, |command| {
                command.arg(interval_us).arg(burst).arg(cost).arg(&now);
            })
            .await?;
        let [allowed, remaining, retry, reset] = answer::parts(decided)?;
        Ok(Decision::from_us(
            answer::flag(allowed)?,
            answer::int(remaining)?,
            answer::int(retry)?,
            answer::int(reset)?,
        ))
    }

    pub(crate) async fn acquire(
        &self,
        key: &str,
        fence: &str,
        owner: &str,
        ttl_ms: u64,
    ) -> Result<Option<u64>> {
        let token = self
            .run(&ACQUIRE, &[key, fence], Intent::Write, |command| {
                command.arg(owner).arg(ttl_ms);
            })
            .await?;
        let Some(token) = answer::bytes(token)? else {
            return Ok(None);
        };
        let token = parse_count(&token)?;
        u64::try_from(token)
            .map(Some)
            .map_err(|_| Error::from(Failure::Other(super::link::unexpected())))
    }

    pub(crate) async fn renew(&self, key: &str, owner: &str, ttl_ms: u64) -> Result<bool> {
        let renewed = self
            .run(&RENEW, &[key], Intent::Write, |command| {
                command.arg(owner).arg(ttl_ms);
            })
            .await?;
        answer::flag(renewed)
    }
}
