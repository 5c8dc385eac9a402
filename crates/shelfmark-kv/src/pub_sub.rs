//! Messages to whoever listens right now.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use shelfmark_core::Result;

use crate::glob;
use crate::inbox::{Inbox, Registration};
use crate::kv::{Kv, named, on_engine};
use crate::limits::{check_count, invalid};

/// What a subscriber is told.
///
/// After [`Missed`](Event::Missed) and [`Resumed`](Event::Resumed) messages are lost for good, so whoever keeps
/// something in step reads it again from where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message.
    Message {
        /// The channel it was sent on.
        channel: String,
        /// The pattern that brought it, for a subscriber to patterns.
        pattern: Option<String>,
        /// What was sent.
        payload: Bytes,
    },
    /// Messages came faster than they were taken, and this many of them were thrown away.
    Missed {
        /// How many.
        messages: u64,
    },
    /// The connection was lost; what is sent from now on until [`Resumed`](Event::Resumed) is missed.
    Interrupted,
    /// The connection is there again, and messages that were sent in between are lost.
    Resumed,
}

/// Messages to whoever listens right now: at most once, kept nowhere, those of one sender in their order.
///
/// Every method fails with `InvalidInput` for a channel, pattern or message that is too long, and, on Redis, with
/// `Connection` and `Timeout`.
pub trait PubSub {
    /// Sends a message to all who listen on `channel` now.
    ///
    /// # Errors
    /// As the [trait](PubSub) says.
    ///
    /// # Cancel safety
    /// A dropped call has sent it or not.
    fn publish(&self, channel: &str, message: &[u8]) -> impl Future<Output = Result<()>> + Send;

    /// Listens on channels. What is sent once this has answered is received.
    ///
    /// # Errors
    /// As the [trait](PubSub) says, and `InvalidInput` for no channel.
    ///
    /// # Cancel safety
    /// A dropped call listens on nothing.
    fn subscribe(&self, channels: &[&str]) -> impl Future<Output = Result<Subscription>> + Send;

    /// Listens on all channels that match one of `patterns`: `*` is any text, `?` one byte, `[a-z]` one of these, and
    /// `\` takes the meaning from the next character. A message that two patterns match comes twice.
    ///
    /// # Errors
    /// As the [trait](PubSub) says, and `InvalidInput` for no pattern.
    ///
    /// # Cancel safety
    /// A dropped call listens on nothing.
    fn subscribe_matching(
        &self,
        patterns: &[&str],
    ) -> impl Future<Output = Result<Subscription>> + Send;
}

impl PubSub for Kv {
    async fn publish(&self, channel: &str, message: &[u8]) -> Result<()> {
        named("PubSub::publish", async {
            let channel = self.name("channel", channel)?;
            self.check_value(message)?;
            on_engine!(self, engine =>
                engine.publish(&channel, message), engine.publish(&channel, message))
        })
        .await
    }

    async fn subscribe(&self, channels: &[&str]) -> Result<Subscription> {
        named("PubSub::subscribe", async {
            if channels.is_empty() {
                return Err(invalid("no channel is given; name at least one"));
            }
            check_count("channels", channels.len())?;
            let channels: Result<Vec<String>> = channels
                .iter()
                .map(|channel| self.name("channel", channel))
                .collect();
            self.listen_on(channels?, Vec::new()).await
        })
        .await
    }

    async fn subscribe_matching(&self, patterns: &[&str]) -> Result<Subscription> {
        named("PubSub::subscribe_matching", async {
            if patterns.is_empty() {
                return Err(invalid("no pattern is given; name at least one"));
            }
            check_count("patterns", patterns.len())?;
            let prefix = glob::escaped(self.prefix());
            let patterns: Result<Vec<String>> = patterns
                .iter()
                .map(|pattern| {
                    self.name("pattern", pattern)?;
                    Ok([&prefix, *pattern].concat())
                })
                .collect();
            self.listen_on(Vec::new(), patterns?).await
        })
        .await
    }
}

impl Kv {
    async fn listen_on(
        &self,
        channels: Vec<String>,
        patterns: Vec<String>,
    ) -> Result<Subscription> {
        let registration = on_engine!(self, engine =>
            engine.subscribe(channels, patterns), engine.subscribe(channels, patterns));
        Ok(Subscription {
            source: Source::Store(registration?),
            kv: Some(self.clone()),
        })
    }
}

/// What comes in on some channels: a stream that never ends by itself.
///
/// At most 1,024 messages and 16 MiB wait for a slow reader; the oldest make way, and [`Event::Missed`] says so.
/// Dropping it ends the subscription.
#[must_use = "a subscription ends when it is dropped"]
pub struct Subscription {
    source: Source,
    kv: Option<Kv>,
}

enum Source {
    Store(Registration),
    Fake(Arc<Inbox>),
}

impl Subscription {
    /// A subscription that tells `events` and then nothing more, for fakes of [`PubSub`].
    pub fn of(events: impl IntoIterator<Item = Event>) -> Subscription {
        let inbox = Arc::new(Inbox::default());
        for event in events {
            inbox.push(event);
        }
        Subscription {
            source: Source::Fake(inbox),
            kv: None,
        }
    }

    /// Waits for the next event.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Event {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let inbox = match &self.source {
            Source::Store(registration) => registration.inbox(),
            Source::Fake(inbox) => inbox,
        };
        inbox.poll(cx).map(|event| self.as_seen_by_caller(event))
    }

    fn as_seen_by_caller(&self, event: Event) -> Event {
        let Some(kv) = &self.kv else {
            return event;
        };
        match event {
            Event::Message {
                channel,
                pattern,
                payload,
            } => Event::Message {
                channel: kv.without_prefix(&channel).to_owned(),
                pattern: pattern.map(|pattern| {
                    let prefix = glob::escaped(kv.prefix());
                    pattern.strip_prefix(&prefix).unwrap_or(&pattern).to_owned()
                }),
                payload,
            },
            other => other,
        }
    }
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_event(cx).map(Some)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
