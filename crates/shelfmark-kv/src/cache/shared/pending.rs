//! Evictions that Redis has not acknowledged. They are sent again until it does, and until then this process asks Redis
//! for nothing, since it would be given what it knows to be outdated.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Core;

/// The most bytes of names that are kept: about 150,000 names. What is beyond is lost: its values may be given until they
/// end.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// What a name takes beside its own bytes: its place in the map, of which up to half is empty.
const NAME_BYTES: usize = 80;
/// How many are sent at once.
pub(super) const BATCH: usize = 1_000;
/// Pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How long they are sent again when nobody has the cache any more.
const AFTERWARDS: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Pending {
    names: Mutex<Names>,
    /// How many there are.
    count: AtomicUsize,
    /// Whether a task sends them. Set by who begins one, cleared when it ends in whatever way.
    is_sent: AtomicBool,
}

#[derive(Debug, Default)]
struct Names {
    /// Each with the number under which it was added last.
    numbers: HashMap<String, u64>,
    last: u64,
    /// What they take.
    bytes: usize,
}

fn bytes_of(name: &str) -> usize {
    name.len().saturating_add(NAME_BYTES)
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        self.count.load(SeqCst) > 0
    }

    /// Adds names, and answers how many there was no room for.
    fn add(&self, added: Vec<String>) -> usize {
        let mut names = self.lock();
        let mut lost = 0;
        for name in added {
            names.last += 1;
            let number = names.last;
            if let Some(known) = names.numbers.get_mut(&name) {
                *known = number;
                continue;
            }
            let bytes = names.bytes.saturating_add(bytes_of(&name));
            if bytes > MOST_BYTES {
                lost += 1;
                continue;
            }
            names.bytes = bytes;
            names.numbers.insert(name, number);
        }
        self.count.store(names.numbers.len(), SeqCst);
        lost
    }

    fn batch(&self) -> Vec<(String, u64)> {
        let names = self.lock();
        let numbers = names.numbers.iter().take(BATCH);
        numbers
            .map(|(name, number)| (name.clone(), *number))
            .collect()
    }

    /// Takes out what was done, unless it was added again meanwhile.
    fn done(&self, done: impl IntoIterator<Item = (String, u64)>) {
        let mut names = self.lock();
        for (name, number) in done {
            if names.numbers.get(&name) == Some(&number) {
                names.numbers.remove(&name);
                names.bytes = names.bytes.saturating_sub(bytes_of(&name));
            }
        }
        if names.numbers.is_empty() {
            // An outage's room is not kept for the next one.
            names.numbers = HashMap::new();
        }
        self.count.store(names.numbers.len(), SeqCst);
    }
}

/// Clears the mark when the task ends, also by the end of its runtime.
struct Sending(Arc<Core>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.pending.is_sent.store(false, SeqCst);
    }
}

/// Names on their way: those that nobody has answered for when it is dropped are kept and sent again.
pub(super) struct OnTheirWay {
    pub(super) core: Arc<Core>,
    pub(super) names: Vec<String>,
}

impl Drop for OnTheirWay {
    fn drop(&mut self) {
        if !self.names.is_empty() {
            self.core.send_later(std::mem::take(&mut self.names));
        }
    }
}

impl Core {
    /// Evicts in the background, until it is done.
    pub(super) fn send_later(self: &Arc<Self>, names: Vec<String>) {
        let lost = self.pending.add(names);
        if lost > 0 {
            self.counts.lost(lost);
            tracing::error!(
                target: "shelfmark::cache",
                lost,
                "more evictions wait for Redis than are kept ({MOST_BYTES} bytes); values of the lost ones may be given \
                 until they end"
            );
        }
        self.send_pending();
    }

    /// Sees to it that a task sends what waits.
    pub(super) fn send_pending(self: &Arc<Self>) {
        if self.pending.is_sent.swap(true, SeqCst) {
            return;
        }
        let sending = Sending(self.clone());
        let current = || tokio::runtime::Handle::try_current().ok();
        // Ours may be gone, and drops what it is given then. Without any, the next one who asks begins it.
        if let Some(runtime) = current().or_else(|| self.runtime.clone()) {
            runtime.spawn(async move {
                send(&sending.0).await;
                let core = sending.0.clone();
                drop(sending);
                if core.pending.any() && Arc::strong_count(&core) > 1 {
                    core.send_pending();
                }
            });
        }
    }
}

/// Sends all that waits.
async fn send(core: &Arc<Core>) {
    let mut pause = FIRST_PAUSE;
    let mut unused_since = None;
    loop {
        let batch = core.pending.batch();
        if batch.is_empty() {
            return;
        }
        let names: Vec<String> = batch.iter().map(|(name, _)| name.clone()).collect();
        let until = Instant::now() + core.timeout;
        let answers = core
            .within(until, core.redis.cache_evict(&names, until))
            .await;
        match answers {
            Ok(answers) => {
                core.breaker.close();
                let mut is_all = true;
                let done = batch.into_iter().zip(answers).filter_map(|(name, answer)| {
                    is_all &= answer.is_ok();
                    answer
                        .map_err(|error| core.failed(super::EVICTING, &error))
                        .ok()?;
                    Some(name)
                });
                let done: Vec<_> = done.collect();
                core.pending.done(done);
                if is_all {
                    pause = FIRST_PAUSE;
                    continue;
                }
            }
            Err(error) => core.failed(super::EVICTING, &error),
        }
        // Ours alone is left of the cache.
        if Arc::strong_count(core) == 1 {
            let since = *unused_since.get_or_insert_with(Instant::now);
            if since.elapsed() > AFTERWARDS {
                tracing::error!(
                    target: "shelfmark::cache",
                    "evictions are given up, because Redis is away and nobody has the cache any more; values may be given \
                     until they end"
                );
                while core.pending.any() {
                    core.pending.done(core.pending.batch());
                }
                return;
            }
        }
        sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: std::ops::Range<usize>) -> Vec<String> {
        of.map(|number| number.to_string()).collect()
    }

    #[test]
    fn as_many_are_kept_as_there_is_room_for_and_those_beyond_are_counted() {
        let pending = Pending::default();
        assert!(!pending.any());
        let long = |number: usize| format!("{number:01000}");
        let room = MOST_BYTES / bytes_of(&long(0));
        assert_eq!(pending.add((0..room).map(long).collect()), 0);
        // Those that wait already take no more room.
        assert_eq!(pending.add((room - 5..room + 5).map(long).collect()), 5);
        pending.done(pending.batch());
        assert_eq!(pending.add((room..room + BATCH + 5).map(long).collect()), 5);
        while pending.any() {
            pending.done(pending.batch());
        }
        assert_eq!(pending.lock().bytes, 0);
    }

    #[test]
    fn one_that_is_added_while_it_is_sent_is_sent_once_more() {
        let pending = Pending::default();
        pending.add(names(0..1));
        let first = pending.batch();
        pending.add(names(0..1));
        pending.done(first);
        assert!(pending.any());
        pending.done(pending.batch());
        assert!(!pending.any());
    }
}
