//! Who listens on which channel, and the bounded queue in which each finds what came in.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::glob;
use crate::pub_sub::Event;

/// How many messages wait for a slow reader.
const MAX_MESSAGES: usize = 1024;
/// How many bytes of messages wait for a slow reader.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The queue of one subscriber.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    /// Whether its subscriber has been told that it listens; before, the connection's fate is not its business.
    is_live: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    messages: usize,
    bytes: usize,
    /// Messages thrown away since the reader was last told; they were older than all of `events`.
    missed: u64,
    reader: Option<Waker>,
}

fn size(event: &Event) -> Option<usize> {
    match event {
        Event::Message { payload, .. } => Some(payload.len()),
        _ => None,
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn go_live(&self) {
        self.is_live.store(true, Relaxed);
    }

    /// Adds an event; the oldest messages make way when there is no room.
    pub(crate) fn push(&self, event: Event) {
        let mut queue = self.lock();
        if let Some(bytes) = size(&event) {
            queue.messages += 1;
            queue.bytes += bytes;
        } else if queue.events.back() == Some(&event) {
            // A connection that comes and goes says nothing new to a reader that sleeps.
            return;
        }
        queue.events.push_back(event);
        // Events that are no messages are thrown away with those around them: what was missed says as much.
        while queue.messages > MAX_MESSAGES
            || queue.bytes > MAX_BYTES
            || queue.events.len() > 2 * MAX_MESSAGES
        {
            let Some(oldest) = queue.events.pop_front() else {
                break;
            };
            if let Some(bytes) = size(&oldest) {
                queue.messages -= 1;
                queue.bytes -= bytes;
                queue.missed += 1;
            }
        }
        if let Some(reader) = queue.reader.take() {
            drop(queue);
            reader.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Event> {
        let mut queue = self.lock();
        if queue.missed > 0 {
            let messages = std::mem::take(&mut queue.missed);
            return Poll::Ready(Event::Missed { messages });
        }
        if let Some(event) = queue.events.pop_front() {
            if let Some(bytes) = size(&event) {
                queue.messages -= 1;
                queue.bytes -= bytes;
            }
            return Poll::Ready(event);
        }
        queue.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Who listens on what.
#[derive(Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
    /// Rung, without the lock, when channels or patterns came or went.
    changed: tokio::sync::Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    channels: HashMap<String, HashMap<u64, Arc<Inbox>>>,
    patterns: HashMap<String, HashMap<u64, Arc<Inbox>>>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a subscriber, until what is answered is dropped.
    pub(crate) fn add(
        self: &Arc<Self>,
        channels: Vec<String>,
        patterns: Vec<String>,
    ) -> Registration {
        let inbox = Arc::new(Inbox::default());
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        for channel in &channels {
            let listeners = state.channels.entry(channel.clone()).or_default();
            listeners.insert(number, inbox.clone());
        }
        for pattern in &patterns {
            let listeners = state.patterns.entry(pattern.clone()).or_default();
            listeners.insert(number, inbox.clone());
        }
        drop(state);
        self.changed.notify_one();
        Registration {
            registry: self.clone(),
            number,
            inbox,
            channels,
            patterns,
        }
    }

    /// Waits until channels or patterns came or went since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether nobody listens.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.channels.is_empty() && state.patterns.is_empty()
    }

    /// All channels and all patterns that somebody listens on.
    pub(crate) fn wanted(&self) -> (Vec<String>, Vec<String>) {
        let state = self.lock();
        (
            state.channels.keys().cloned().collect(),
            state.patterns.keys().cloned().collect(),
        )
    }

    /// Hands a message to those who named its channel.
    pub(crate) fn deliver(&self, channel: &str, payload: &Bytes) {
        let state = self.lock();
        if let Some(listeners) = state.channels.get(channel) {
            send(listeners, channel, None, payload);
        }
    }

    /// Hands a message to those who named `pattern`, which its channel matches.
    pub(crate) fn deliver_matching(&self, pattern: &str, channel: &str, payload: &Bytes) {
        let state = self.lock();
        if let Some(listeners) = state.patterns.get(pattern) {
            send(listeners, channel, Some(pattern), payload);
        }
    }

    /// Hands a message to all whose channel or pattern it is for.
    pub(crate) fn publish(&self, channel: &str, payload: &Bytes) {
        self.deliver(channel, payload);
        let state = self.lock();
        for (pattern, listeners) in &state.patterns {
            if glob::matches(pattern.as_bytes(), channel.as_bytes()) {
                send(listeners, channel, Some(pattern), payload);
            }
        }
    }

    /// Tells every subscriber.
    pub(crate) fn tell_all(&self, event: &Event) {
        let state = self.lock();
        let listeners = state.channels.values().chain(state.patterns.values());
        let mut inboxes: Vec<(u64, Arc<Inbox>)> = listeners
            .flatten()
            .filter(|(_, inbox)| inbox.is_live.load(Relaxed))
            .map(|(number, inbox)| (*number, inbox.clone()))
            .collect();
        drop(state);
        inboxes.sort_by_key(|(number, _)| *number);
        inboxes.dedup_by_key(|(number, _)| *number);
        for (_, inbox) in inboxes {
            inbox.push(event.clone());
        }
    }
}

fn send(
    listeners: &HashMap<u64, Arc<Inbox>>,
    channel: &str,
    pattern: Option<&str>,
    payload: &Bytes,
) {
    for inbox in listeners.values() {
        inbox.push(Event::Message {
            channel: channel.to_owned(),
            pattern: pattern.map(str::to_owned),
            payload: payload.clone(),
        });
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// A subscriber's place in the registry; dropping it takes it out.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Arc<Registry>,
    number: u64,
    inbox: Arc<Inbox>,
    channels: Vec<String>,
    patterns: Vec<String>,
}

impl Registration {
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    pub(crate) fn channels(&self) -> &[String] {
        &self.channels
    }

    pub(crate) fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.registry.lock();
        let State {
            channels, patterns, ..
        } = &mut *state;
        for (names, listeners) in [(&self.channels, channels), (&self.patterns, patterns)] {
            for name in names {
                if let Some(those) = listeners.get_mut(name) {
                    those.remove(&self.number);
                    if those.is_empty() {
                        listeners.remove(name);
                    }
                }
            }
        }
        drop(state);
        self.registry.changed.notify_one();
    }
}
