//! A cache that writes down what it is asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shelfmark_core::cache::{Compute, Evictions, QueryCache, Stored, Wanted};
use shelfmark_core::{BoxFuture, Result};
use tokio::sync::watch;

/// What happened, in its order; whoever takes part writes into one.
#[derive(Clone, Debug)]
pub(crate) struct Events(Arc<watch::Sender<Vec<String>>>);

impl Events {
    pub(crate) fn new() -> Self {
        Events(Arc::new(watch::Sender::new(Vec::new())))
    }

    pub(crate) fn push(&self, event: impl Into<String>) {
        self.0.send_modify(|events| events.push(event.into()));
    }

    /// All so far, which are forgotten.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut taken = Vec::new();
        self.0.send_modify(|events| taken = std::mem::take(events));
        taken
    }

    /// Waits until `event` has happened `times` since the last [`take`](Events::take).
    pub(crate) async fn wait_for(&self, event: &str, times: usize) {
        let mut events = self.0.subscribe();
        let happened = events.wait_for(|events| {
            events.iter().filter(|happened| *happened == event).count() >= times
        });
        let in_time = tokio::time::timeout(Duration::from_secs(30), happened).await;
        if in_time.is_err() {
            panic!("{event} did not happen {times} times: {:?}", self.take());
        }
    }
}

/// What a probe does in the middle of an announcement or an eviction.
type Look = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Keeps values, drops them all with any tag, and writes down what else it is asked.
pub(crate) struct Probe {
    pub(crate) events: Events,
    kept: Mutex<HashMap<String, Stored>>,
    shared: bool,
    /// How often it is suspended now.
    suspended: AtomicUsize,
    /// What happens inside of `announce` and `evict`, before they are written down.
    look: Option<Look>,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

impl Probe {
    /// One that all instances share, as on Redis.
    pub(crate) fn shared() -> Self {
        Probe {
            events: Events::new(),
            kept: Mutex::default(),
            shared: true,
            suspended: AtomicUsize::new(0),
            look: None,
        }
    }

    /// One of this process.
    pub(crate) fn in_process() -> Self {
        Probe {
            shared: false,
            ..Probe::shared()
        }
    }

    /// Runs `look` inside of each `announce` and `evict`.
    pub(crate) fn looking(mut self, look: Look) -> Self {
        self.look = Some(look);
        self
    }

    /// How often it is suspended now.
    pub(crate) fn suspended(&self) -> usize {
        self.suspended.load(Ordering::SeqCst)
    }

    async fn asked(&self, what: &str, evictions: &Evictions) {
        if let Some(look) = &self.look {
            look().await;
        }
        self.done(what, evictions);
    }

    fn done(&self, what: &str, evictions: &Evictions) {
        let mut kept = self.kept.lock().unwrap();
        if !evictions.tags().is_empty() {
            kept.clear();
        }
        for key in evictions.keys() {
            kept.remove(key);
        }
        drop(kept);
        let names: Vec<&str> = [evictions.keys(), evictions.tags()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        self.events.push(format!("{what} {}", names.join(" ")));
    }
}

impl QueryCache for Probe {
    fn remember<'a>(
        &'a self,
        wanted: Wanted<'a>,
        compute: Compute<'a>,
    ) -> BoxFuture<'a, Result<Stored>> {
        Box::pin(async move {
            let kept = self.kept.lock().unwrap().get(&*wanted.key).cloned();
            if let Some(kept) = kept {
                self.events.push(format!("hit {}", wanted.key));
                return Ok(kept);
            }
            let value = compute().await?;
            if self.suspended() == 0 {
                let key = wanted.key.into_owned();
                self.kept.lock().unwrap().insert(key, Arc::clone(&value));
            }
            Ok(value)
        })
    }

    fn announce<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()> {
        Box::pin(self.asked("announce", evictions))
    }

    fn evict<'a>(&'a self, evictions: &'a Evictions) -> BoxFuture<'a, ()> {
        Box::pin(self.asked("evict", evictions))
    }

    fn evict_in_background(&self, evictions: Evictions) {
        self.done("background", &evictions);
    }

    fn is_shared(&self) -> bool {
        self.shared
    }

    fn namespace(&self) -> &str {
        "probe:"
    }

    fn suspend(&self) {
        self.suspended.fetch_add(1, Ordering::SeqCst);
        self.kept.lock().unwrap().clear();
        self.events.push("suspend");
    }

    fn resume(&self) {
        self.kept.lock().unwrap().clear();
        assert!(self.suspended.fetch_sub(1, Ordering::SeqCst) > 0);
        self.events.push("resume");
    }

    fn drop_all(&self) {
        self.kept.lock().unwrap().clear();
        self.events.push("drop all");
    }
}
