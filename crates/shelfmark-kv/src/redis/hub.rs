//! Messages: one connection of its own for all subscribers of this process.
//!
//! It subscribes to what somebody listens on, hands each message to the inboxes it is for, connects again when it is
//! lost, and tells the subscribers so. A heartbeat notices a server that stands still.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use redis::{PushInfo, PushKind, Value};
use shelfmark_core::Result;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout, timeout_at};

use super::connection::Connection;
use super::dial::OnPush;
use super::error::unreachable;
use super::link::Backoff;
use super::nodes::Nodes;
use crate::inbox::{Registration, Registry};
use crate::pub_sub::Event;

/// How often the server has to say that it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long it has for that, and for confirming a subscription.
const ANSWER: Duration = Duration::from_secs(2);
/// How many channels are subscribed to by one command.
const CHUNK: usize = 500;

/// What the server has confirmed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Confirmed {
    channels: HashSet<String>,
    patterns: HashSet<String>,
}

impl Confirmed {
    fn covers(&self, registration: &Registration) -> bool {
        let all = |names: &[String], there: &HashSet<String>| {
            names.iter().all(|name| there.contains(name))
        };
        all(registration.channels(), &self.channels) && all(registration.patterns(), &self.patterns)
    }
}

pub(super) struct Hub {
    nodes: Arc<Nodes>,
    registry: Arc<Registry>,
    confirmed: watch::Sender<Confirmed>,
    /// Begun with the first subscription.
    task: OnceLock<JoinHandle<()>>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl Hub {
    pub(super) fn new(nodes: Arc<Nodes>) -> Hub {
        Hub {
            nodes,
            registry: Arc::default(),
            confirmed: watch::Sender::default(),
            task: OnceLock::new(),
        }
    }

    pub(super) async fn subscribe(
        &self,
        channels: Vec<String>,
        patterns: Vec<String>,
        wait: Duration,
    ) -> Result<Registration> {
        self.task.get_or_init(|| {
            let session = Session {
                nodes: self.nodes.clone(),
                registry: self.registry.clone(),
                confirmed: self.confirmed.clone(),
            };
            tokio::spawn(session.run())
        });
        let registration = self.registry.add(channels, patterns);
        let mut confirmed = self.confirmed.subscribe();
        let is_covered = confirmed.wait_for(|confirmed| confirmed.covers(&registration));
        match timeout_at(Instant::now() + wait, is_covered).await {
            Ok(Ok(_)) => {
                registration.inbox().go_live();
                Ok(registration)
            }
            _ => Err(unreachable(
                "the server for messages",
                wait,
                Some("it has not confirmed the subscription"),
            )),
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// The task that keeps the connection.
struct Session {
    nodes: Arc<Nodes>,
    registry: Arc<Registry>,
    confirmed: watch::Sender<Confirmed>,
}

struct Broken;

impl Session {
    async fn run(self) {
        let mut backoff = Backoff::default();
        let mut is_interrupted = false;
        loop {
            while self.registry.is_empty() {
                self.registry.changed().await;
            }
            let lost = Arc::new(Notify::new());
            let opened = match self.nodes.dial("") {
                Some(dial) => dial.open(lost.clone(), Some(self.on_push())).await.ok(),
                None => None,
            };
            let Some(mut connection) = opened else {
                backoff.pause().await;
                continue;
            };
            let began = Instant::now();
            if self.sync(&mut connection).await.is_ok() {
                if is_interrupted {
                    self.registry.tell_all(&Event::Resumed);
                    is_interrupted = false;
                }
                self.keep(&mut connection, &lost).await;
                self.confirmed.send_replace(Confirmed::default());
                // Nobody is told of a connection that was closed since nobody listened.
                if !self.registry.is_empty() {
                    is_interrupted = true;
                    self.registry.tell_all(&Event::Interrupted);
                }
            } else {
                self.confirmed.send_replace(Confirmed::default());
            }
            if began.elapsed() > ANSWER {
                backoff.reset();
            }
            backoff.pause().await;
        }
    }

    /// Works until the connection is lost, or nobody listens any more.
    async fn keep(&self, connection: &mut Connection, lost: &Notify) {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.reset();
        loop {
            tokio::select! {
                () = lost.notified() => return,
                () = self.registry.changed() => {
                    if self.sync(connection).await.is_err() || self.registry.is_empty() {
                        return;
                    }
                }
                _ = heartbeat.tick() => {
                    let ping = redis::cmd("PING");
                    let pong = timeout(ANSWER, connection.commands.send_packed_command(&ping)).await;
                    if !matches!(pong, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    /// Subscribes to what is wanted and not confirmed, and ends what nobody wants any more.
    async fn sync(&self, connection: &mut Connection) -> Result<(), Broken> {
        let before = self.confirmed.borrow().clone();
        let (channels, patterns) = self.registry.wanted();
        let (channels, patterns) = (HashSet::from_iter(channels), HashSet::from_iter(patterns));
        let kept = Confirmed {
            channels: before.channels.intersection(&channels).cloned().collect(),
            patterns: before.patterns.intersection(&patterns).cloned().collect(),
        };
        // From here on a new subscriber waits for our word; those who came before are among the wanted ones below.
        self.confirmed.send_replace(kept.clone());
        let (channels, patterns) = self.registry.wanted();
        let wanted = Confirmed {
            channels: HashSet::from_iter(channels),
            patterns: HashSet::from_iter(patterns),
        };
        for (names, is_pattern) in [
            (difference(&before.channels, &wanted.channels), false),
            (difference(&before.patterns, &wanted.patterns), true),
        ] {
            for chunk in names.chunks(CHUNK) {
                let done = async {
                    match is_pattern {
                        true => connection.commands.punsubscribe(chunk).await,
                        false => connection.commands.unsubscribe(chunk).await,
                    }
                };
                in_time(done).await?;
            }
        }
        for (names, is_pattern) in [
            (difference(&wanted.channels, &kept.channels), false),
            (difference(&wanted.patterns, &kept.patterns), true),
        ] {
            for chunk in names.chunks(CHUNK) {
                let done = async {
                    match is_pattern {
                        true => connection.commands.psubscribe(chunk).await,
                        false => connection.commands.subscribe(chunk).await,
                    }
                };
                in_time(done).await?;
            }
        }
        self.confirmed.send_replace(wanted);
        Ok(())
    }

    fn on_push(&self) -> OnPush {
        let registry = self.registry.clone();
        Arc::new(move |info: PushInfo| {
            let mut parts = info.data.into_iter().map(|part| match part {
                Value::BulkString(bytes) => bytes,
                Value::SimpleString(text) => text.into_bytes(),
                _ => Vec::new(),
            });
            let mut name = || String::from_utf8(parts.next().unwrap_or_default()).ok();
            // Names that are not UTF-8 are nobody's: ours are.
            match info.kind {
                PushKind::Message => {
                    if let Some(channel) = name() {
                        let payload = Bytes::from(parts.next().unwrap_or_default());
                        registry.deliver(&channel, &payload);
                    }
                }
                PushKind::PMessage => {
                    if let (Some(pattern), Some(channel)) = (name(), name()) {
                        let payload = Bytes::from(parts.next().unwrap_or_default());
                        registry.deliver_matching(&pattern, &channel, &payload);
                    }
                }
                _ => {}
            }
        })
    }
}

/// What is in `left` and not in `right`.
fn difference(left: &HashSet<String>, right: &HashSet<String>) -> Vec<String> {
    left.difference(right).cloned().collect()
}

async fn in_time(work: impl Future<Output = redis::RedisResult<()>>) -> Result<(), Broken> {
    match timeout(ANSWER, work).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Broken),
    }
}
