//! What the cache asks of Redis. Each call takes its own deadline, since that of a cache is not that of the store.

use std::borrow::Cow;

use bytes::Bytes;
use redis::{Cmd, Value};
use shelfmark_core::Result;
use tokio::time::Instant;

use super::error::{Failure, Intent};
use super::script::{
    CACHE_CLAIM, CACHE_RELEASE, CACHE_RENEW, CACHE_SET, CACHE_STORE, CACHE_TAG, Script,
};
use super::{Redis, answer, on_key};

/// The names of one value, all in one slot.
#[derive(Clone, Debug)]
pub(crate) struct CacheKeys {
    pub(crate) entry: String,
    pub(crate) version: String,
    pub(crate) claim: String,
}

/// What is there of one key.
#[derive(Debug)]
pub(crate) struct CacheFound {
    pub(crate) entry: Option<Bytes>,
    pub(crate) version: Option<Bytes>,
    pub(crate) claim: Option<Bytes>,
    /// How long the entry lives; negative when it is not there.
    pub(crate) left_ms: i64,
    /// The versions of the tags that were asked for, in their order.
    pub(crate) tags: Vec<Option<Bytes>>,
}

/// What a claim comes to.
#[derive(Debug)]
pub(crate) enum CacheClaimed {
    /// It is ours, at this version of the key.
    Claimed(Bytes),
    /// There is another entry than the one that was seen.
    Changed,
    /// Somebody else has it.
    Elsewhere,
    /// A writer has put this in the version's place.
    Blocked(Bytes),
}

/// A value that is stored for a claim.
#[derive(Debug)]
pub(crate) struct CacheStored<'a> {
    pub(crate) version: &'a [u8],
    pub(crate) claim: &'a [u8],
    pub(crate) entry: &'a [u8],
    pub(crate) ttl_ms: u64,
    pub(crate) version_ms: u64,
}

/// How long the version of a tag is to live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TagLife {
    /// At least so many milliseconds.
    pub(crate) least_ms: u64,
    /// So many when it is less, so that not every call writes.
    pub(crate) given_ms: u64,
}

/// A script with its keys, all of one slot, and its arguments.
struct Step<'a> {
    script: &'static Script,
    keys: Vec<&'a str>,
    arguments: Vec<Cow<'a, [u8]>>,
}

impl<'a> Step<'a> {
    fn key(&self) -> &'a str {
        self.keys.first().copied().unwrap_or_default()
    }

    fn command(&self, name: &str, what: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(what).arg(self.keys.len()).arg(&self.keys);
        for argument in &self.arguments {
            command.arg(&**argument);
        }
        command
    }
}

fn number<'a>(number: u64) -> Cow<'a, [u8]> {
    Cow::Owned(number.to_string().into_bytes())
}

fn tag_step<'a>(tag: &'a str, fresh: &'a [u8], life: TagLife) -> Step<'a> {
    Step {
        script: &CACHE_TAG,
        keys: vec![tag],
        arguments: vec![
            fresh.into(),
            number(life.least_ms),
            number(life.given_ms.max(life.least_ms)),
        ],
    }
}

impl Redis {
    /// Runs scripts in one round trip, and those that a server did not know in a second one. Not one step.
    async fn run_each(&self, steps: &[Step<'_>], until: Instant) -> Result<Vec<Value>> {
        let left = || until.saturating_duration_since(Instant::now());
        let by_hash = |step: &Step<'_>| step.command("EVALSHA", &step.script.hash);
        if let [step] = steps {
            let command = by_hash(step);
            let answer = self
                .nodes
                .call(step.key(), &command, Intent::Write, left())
                .await;
            let answer = match answer {
                Err(Failure::Server(error)) if error.code() == "NOSCRIPT" => {
                    let whole = step.command("EVAL", step.script.text);
                    self.nodes
                        .call(step.key(), &whole, Intent::Write, left())
                        .await?
                }
                other => other?,
            };
            return Ok(vec![answer]);
        }
        let commands = steps.iter().map(|step| (step.key(), by_hash(step)));
        let mut answers = self
            .nodes
            .call_each(commands.collect(), Intent::Write, left())
            .await?;
        for (step, answer) in steps.iter().zip(&mut answers) {
            if let Value::ServerError(error) = answer
                && error.code() == "NOSCRIPT"
            {
                let whole = step.command("EVAL", step.script.text);
                *answer = self
                    .nodes
                    .call(step.key(), &whole, Intent::Write, left())
                    .await?;
            }
        }
        Ok(answers)
    }

    async fn run_one(&self, step: Step<'_>, until: Instant) -> Result<Value> {
        let answers = self.run_each(&[step], until).await?;
        let [answer] = <[Value; 1]>::try_from(answers).map_err(|_| super::link::unexpected())?;
        Ok(answer)
    }

    /// The entry of a key, its version, who has claimed it, and the versions of `tags`, in one round trip.
    pub(crate) async fn cache_look(
        &self,
        keys: &CacheKeys,
        tags: &[String],
        until: Instant,
    ) -> Result<CacheFound> {
        let mut values = on_key("MGET", &keys.entry);
        values.arg(&keys.version).arg(&keys.claim);
        let mut commands = Vec::with_capacity(tags.len() + 2);
        commands.push((keys.entry.as_str(), values));
        commands.push((keys.entry.as_str(), on_key("PTTL", &keys.entry)));
        commands.extend(tags.iter().map(|tag| (tag.as_str(), on_key("GET", tag))));
        let left = until.saturating_duration_since(Instant::now());
        let answers = self.nodes.call_each(commands, Intent::Read, left).await?;
        let mut answers = answers.into_iter();
        let mut next = || answers.next().ok_or_else(super::link::unexpected);
        let [entry, version, claim] = answer::parts(next()?)?;
        let left_ms = answer::int(next()?)?;
        Ok(CacheFound {
            entry: answer::bytes(entry)?,
            version: answer::bytes(version)?,
            claim: answer::bytes(claim)?,
            left_ms,
            tags: answers.map(answer::bytes).collect::<Result<_>>()?,
        })
    }

    /// The versions of keys and tags.
    pub(crate) async fn cache_versions(
        &self,
        names: &[String],
        until: Instant,
    ) -> Result<Vec<Option<Bytes>>> {
        let commands = names
            .iter()
            .map(|name| (name.as_str(), on_key("GET", name)));
        let left = until.saturating_duration_since(Instant::now());
        let answers = self
            .nodes
            .call_each(commands.collect(), Intent::Read, left)
            .await?;
        answers.into_iter().map(answer::bytes).collect()
    }

    /// The versions of tags, made of `fresh` where there are none.
    pub(crate) async fn cache_tags(
        &self,
        tags: &[String],
        fresh: &[u8],
        life: TagLife,
        until: Instant,
    ) -> Result<Vec<Bytes>> {
        let steps: Vec<_> = tags.iter().map(|tag| tag_step(tag, fresh, life)).collect();
        let answers = self.run_each(&steps, until).await?;
        answers.into_iter().map(answer::present).collect()
    }

    /// Claims the computing of a value: with a version for a key that has none, and a token.
    pub(crate) async fn cache_claim(
        &self,
        keys: &CacheKeys,
        seen: &[u8],
        (fresh, token): (&[u8], &[u8]),
        (lease_ms, version_ms): (u64, u64),
        until: Instant,
    ) -> Result<CacheClaimed> {
        let step = Step {
            script: &CACHE_CLAIM,
            keys: vec![&keys.entry, &keys.version, &keys.claim],
            arguments: vec![
                seen.into(),
                fresh.into(),
                token.into(),
                number(lease_ms),
                number(version_ms),
            ],
        };
        let [what, version] = answer::parts(self.run_one(step, until).await?)?;
        let version = answer::present(version)?;
        match &*answer::present(what)? {
            b"claimed" => Ok(CacheClaimed::Claimed(version)),
            b"changed" => Ok(CacheClaimed::Changed),
            b"elsewhere" => Ok(CacheClaimed::Elsewhere),
            b"blocked" => Ok(CacheClaimed::Blocked(version)),
            _ => Err(super::link::unexpected()),
        }
    }

    /// Answers `false` when the claim is somebody else's by now.
    pub(crate) async fn cache_renew(
        &self,
        keys: &CacheKeys,
        claim: &[u8],
        (lease_ms, version_ms): (u64, u64),
        until: Instant,
    ) -> Result<bool> {
        let step = Step {
            script: &CACHE_RENEW,
            keys: vec![&keys.claim, &keys.version],
            arguments: vec![claim.into(), number(lease_ms), number(version_ms)],
        };
        answer::flag(self.run_one(step, until).await?)
    }

    /// Ends the claim with this token, if it is there.
    pub(crate) async fn cache_release(
        &self,
        keys: &CacheKeys,
        token: &[u8],
        until: Instant,
    ) -> Result<bool> {
        let step = Step {
            script: &CACHE_RELEASE,
            keys: vec![&keys.claim],
            arguments: vec![token.into()],
        };
        answer::flag(self.run_one(step, until).await?)
    }

    /// Stores a value unless its key was evicted, and answers whether it did, with the versions of its tags by now.
    pub(crate) async fn cache_store(
        &self,
        keys: &CacheKeys,
        stored: CacheStored<'_>,
        tags: &[String],
        (fresh, life): (&[u8], TagLife),
        until: Instant,
    ) -> Result<(bool, Vec<Bytes>)> {
        let mut steps = vec![Step {
            script: &CACHE_STORE,
            keys: vec![&keys.entry, &keys.version, &keys.claim],
            arguments: vec![
                stored.version.into(),
                stored.claim.into(),
                stored.entry.into(),
                number(stored.ttl_ms),
                number(stored.version_ms),
            ],
        }];
        steps.extend(tags.iter().map(|tag| tag_step(tag, fresh, life)));
        let mut answers = self.run_each(&steps, until).await?.into_iter();
        let is_stored = answer::flag(answers.next().ok_or_else(super::link::unexpected)?)?;
        let tags = answers.map(answer::present).collect::<Result<_>>()?;
        Ok((is_stored, tags))
    }

    /// Stores a value whatever there is. Answers `false` when a writer has blocked the key.
    pub(crate) async fn cache_set(
        &self,
        keys: &CacheKeys,
        (entry, fresh): (&[u8], &[u8]),
        (ttl_ms, version_ms): (u64, u64),
        until: Instant,
    ) -> Result<bool> {
        let step = Step {
            script: &CACHE_SET,
            keys: vec![&keys.entry, &keys.version, &keys.claim],
            arguments: vec![
                entry.into(),
                fresh.into(),
                number(ttl_ms),
                number(version_ms),
            ],
        };
        answer::flag(self.run_one(step, until).await?)
    }

    /// Puts `block` in place of each version, for so many milliseconds.
    pub(crate) async fn cache_block(
        &self,
        names: &[String],
        block: &[u8],
        ms: u64,
        until: Instant,
    ) -> Result<Vec<Result<()>>> {
        let commands = names.iter().map(|name| {
            let mut command = on_key("SET", name);
            command.arg(block).arg("PX").arg(ms);
            (name.as_str(), command)
        });
        self.each_done(commands.collect(), until).await
    }

    /// Drops the versions of keys and tags, and with them all that is stored or computed for them. Answers what became of
    /// each.
    pub(crate) async fn cache_evict(
        &self,
        names: &[String],
        until: Instant,
    ) -> Result<Vec<Result<()>>> {
        let commands = names
            .iter()
            .map(|name| (name.as_str(), on_key("DEL", name)));
        self.each_done(commands.collect(), until).await
    }

    /// Sends commands of which doing them twice does no harm.
    async fn each_done(
        &self,
        commands: Vec<(&str, Cmd)>,
        until: Instant,
    ) -> Result<Vec<Result<()>>> {
        let left = || until.saturating_duration_since(Instant::now());
        let first = commands.first().cloned();
        let answers = self.nodes.call_each(commands, Intent::Read, left()).await?;
        let is_replica = |answer: &Value| matches!(answer, Value::ServerError(error) if error.code() == "READONLY");
        if answers.iter().any(is_replica)
            && let Some((key, command)) = first
        {
            // Asked by itself, a replica is left and the master looked for.
            drop(self.nodes.call(key, &command, Intent::Read, left()).await);
        }
        let done = |answer| match answer {
            Value::ServerError(error) => Err(super::error::refused(&error)),
            _ => Ok(()),
        };
        Ok(answers.into_iter().map(done).collect())
    }
}
