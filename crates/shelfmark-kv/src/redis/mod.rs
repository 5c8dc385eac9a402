//! The engine on Redis: one server, the master of sentinels, or a cluster.
//!
//! All calls share one connection per server, on which they are pipelined. Messages have a connection of their own, and
//! so has each list that somebody waits for.

mod answer;
mod at_once;
mod bell;
mod cache;
mod cluster;
mod collections;
mod connection;
mod dial;
mod encryption;
mod error;
mod eviction;
mod gather;
mod hub;
mod link;
mod lists;
mod nodes;
mod script;
mod strings;

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};
use shelfmark_core::{Clock, Result};

pub(crate) use self::bell::Waiting;
pub(crate) use self::cache::{CacheClaimed, CacheKeys, CacheStored, TagLife};
pub(crate) use self::link::unexpected;

use self::bell::Bells;
use self::dial::{Dial, Manner, Place};
use self::error::{Failure, Intent};
use self::eviction::Eviction;
use self::hub::Hub;
use self::nodes::Nodes;
use self::script::Script;
use crate::config::{KvConfig, KvTarget};
use crate::inbox::Registration;
use crate::keys::TimeLeft;

/// The engine on Redis.
#[derive(Debug)]
pub(crate) struct Redis {
    nodes: Arc<Nodes>,
    timeout: Duration,
    connect_timeout: Duration,
    clock: Option<Clock>,
    bells: Arc<Bells>,
    hub: Hub,
    eviction: Eviction,
}

/// A command that begins with `name` and `key`.
fn on_key(name: &str, key: &str) -> Cmd {
    on_key_with_room(name, key, 0)
}

/// As [`on_key`], with room for some more arguments of `bytes` bytes together.
fn on_key_with_room(name: &str, key: &str, bytes: usize) -> Cmd {
    let mut command = Cmd::with_capacity(6, name.len() + key.len() + bytes + 32);
    command.arg(name).arg(key);
    command
}

impl Redis {
    pub(crate) async fn connect(config: &KvConfig) -> Result<Redis> {
        let manner = |login: &crate::config::RedisLogin| Manner {
            login: login.clone(),
            tls: config.tls.clone(),
            timeout: config.connect_timeout,
        };
        let nodes = match &config.target {
            // In process is not ours; its host would be this one.
            KvTarget::InProcess => return Err(link::unexpected()),
            KvTarget::Server(address) => {
                let place = Place::Server(address.host.clone(), address.port);
                Nodes::one(Dial::new(place, manner(&address.login)))
            }
            KvTarget::Socket { path, login } => {
                Nodes::one(Dial::new(Place::Socket(path.clone()), manner(login)))
            }
            KvTarget::Sentinel {
                sentinels,
                master,
                login,
                sentinel_login,
            } => {
                let place = Place::Sentinels {
                    sentinels: sentinels.clone(),
                    master: master.clone(),
                    login: sentinel_login.clone(),
                };
                Nodes::one(Dial::new(place, manner(login)))
            }
            KvTarget::Cluster { nodes, login } => Nodes::cluster(nodes.clone(), manner(login)),
        };
        let nodes = Arc::new(nodes);
        let eviction = Eviction::new(config.allow_eviction);
        if !config.lazy {
            nodes.ready(config.connect_timeout).await?;
            // Asked for its warning; who is refused asks again.
            eviction.policy(&nodes, config.timeout).await;
        }
        Ok(Redis {
            timeout: config.timeout,
            connect_timeout: config.connect_timeout,
            clock: config.clock.clone(),
            bells: Bells::new(nodes.clone()),
            hub: Hub::new(nodes.clone()),
            nodes,
            eviction,
        })
    }

    async fn read(&self, key: &str, command: &Cmd) -> Result<Value> {
        let answer = self.nodes.call(key, command, Intent::Read, self.timeout);
        Ok(answer.await?)
    }

    async fn write(&self, key: &str, command: &Cmd) -> Result<Value> {
        let answer = self.nodes.call(key, command, Intent::Write, self.timeout);
        Ok(answer.await?)
    }

    /// Runs a script on keys of one slot. A server that does not know it has not run it, and is sent all of it.
    async fn run(
        &self,
        script: &Script,
        keys: &[&str],
        intent: Intent,
        add_arguments: impl Fn(&mut Cmd) + Send + Sync,
    ) -> Result<Value> {
        let key = keys.first().copied().unwrap_or_default();
        let command = |name: &str, what: &str| {
            let mut command = redis::cmd(name);
            command.arg(what).arg(keys.len()).arg(keys);
            add_arguments(&mut command);
            command
        };
        let by_hash = command("EVALSHA", &script.hash);
        match self.nodes.call(key, &by_hash, intent, self.timeout).await {
            Err(Failure::Server(error)) if error.code() == "NOSCRIPT" => {
                let whole = command("EVAL", script.text);
                Ok(self.nodes.call(key, &whole, intent, self.timeout).await?)
            }
            other => Ok(other?),
        }
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<bool> {
        answer::flag(self.write(key, &on_key("DEL", key)).await?)
    }

    pub(crate) async fn delete_many(&self, keys: &[String]) -> Result<u64> {
        let commands = keys.iter().map(|key| (key.as_str(), on_key("DEL", key)));
        let answers = self
            .nodes
            .call_each(commands.collect(), Intent::Write, self.timeout);
        let mut deleted = 0;
        for answer in answers.await? {
            deleted += answer::count(answer)?;
        }
        Ok(deleted)
    }

    pub(crate) async fn exists(&self, key: &str) -> Result<bool> {
        answer::flag(self.read(key, &on_key("EXISTS", key)).await?)
    }

    pub(crate) async fn expire(&self, key: &str, ttl_ms: u64) -> Result<bool> {
        let mut command = on_key("PEXPIRE", key);
        command.arg(ttl_ms);
        answer::flag(self.write(key, &command).await?)
    }

    pub(crate) async fn persist(&self, key: &str) -> Result<bool> {
        answer::flag(self.write(key, &on_key("PERSIST", key)).await?)
    }

    pub(crate) async fn time_left(&self, key: &str) -> Result<TimeLeft> {
        let left = answer::int(self.read(key, &on_key("PTTL", key)).await?)?;
        Ok(match left {
            -2 => TimeLeft::NoKey,
            -1 => TimeLeft::Endless,
            ms => TimeLeft::For(Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
        })
    }

    pub(crate) async fn publish(&self, channel: &str, message: &[u8]) -> Result<()> {
        let mut command = on_key("PUBLISH", channel);
        command.arg(message);
        // In a cluster always the server that subscribers ask first: between servers messages lose their order.
        self.write("", &command).await.map(drop)
    }

    pub(crate) async fn subscribe(
        &self,
        channels: Vec<String>,
        patterns: Vec<String>,
    ) -> Result<Registration> {
        self.hub
            .subscribe(channels, patterns, self.connect_timeout)
            .await
    }

    /// Notices pushes to any of `lists`.
    pub(crate) fn listen(&self, lists: &[String]) -> Waiting {
        self.bells.listen(lists)
    }
}
