//! Second evictions, after writes of which nobody knows how they ended.
//!
//! A write that was dropped, or that got no answer, may be done by the database a moment after it was evicted; who read in
//! between has stored the old value. So it is evicted once more when the database must be done with it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shelfmark_core::cache::{Evictions, QueryCache};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How long a write whose caller is gone may go on: a statement is stopped by a message of its own, and a COMMIT that the
/// server has is done within this or not at all.
const SETTLED: Duration = Duration::from_secs(5);

/// What is evicted again, and the one task that does it.
pub(super) struct SecondEvictions {
    cache: Arc<dyn QueryCache>,
    waiting: Arc<Mutex<Waiting>>,
    /// At most one, while something waits.
    task: Mutex<JoinSet<()>>,
    /// For calls that are dropped on a thread without a runtime.
    home: Option<Handle>,
}

/// As many as writes are dropped or get no answer within [`SETTLED`].
#[derive(Default)]
struct Waiting {
    queue: VecDeque<(Instant, Evictions)>,
    /// Whether the task runs.
    served: bool,
}

impl SecondEvictions {
    pub(super) fn of(cache: &Arc<dyn QueryCache>) -> Self {
        SecondEvictions {
            cache: Arc::clone(cache),
            waiting: Arc::default(),
            task: Mutex::default(),
            home: Handle::try_current().ok(),
        }
    }

    pub(super) fn push(&self, evictions: Evictions) {
        let runtime = Handle::try_current().ok().or_else(|| self.home.clone());
        {
            let mut waiting = lock(&self.waiting);
            waiting
                .queue
                .push_back((Instant::now() + SETTLED, evictions));
            // Without a runtime they are left to the next one that has one, or to the drop.
            if waiting.served || runtime.is_none() {
                return;
            }
            waiting.served = true;
        }
        let Some(runtime) = runtime else { return };
        let serving = Serving {
            waiting: Arc::clone(&self.waiting),
            ended: false,
        };
        let mut task = lock(&self.task);
        while task.try_join_next().is_some() {}
        task.spawn_on(serving.run(Arc::clone(&self.cache)), &runtime);
    }
}

/// What still waits is evicted now: nobody reads through this `Db` any more, but the cache may live on.
impl Drop for SecondEvictions {
    fn drop(&mut self) {
        let left = std::mem::take(&mut lock(&self.waiting).queue);
        for (_, evictions) in left {
            self.cache.evict_in_background(evictions);
        }
    }
}

/// The task. Another one is started when something is pushed after its end.
struct Serving {
    waiting: Arc<Mutex<Waiting>>,
    ended: bool,
}

impl Serving {
    async fn run(mut self, cache: Arc<dyn QueryCache>) {
        while let Some((due, evictions)) = self.first() {
            sleep_until(due).await;
            cache.evict(&evictions).await;
            lock(&self.waiting).queue.pop_front();
        }
    }

    /// The one that is due first; it stays in the queue until it is done. Without one this task is over.
    fn first(&mut self) -> Option<(Instant, Evictions)> {
        let mut waiting = lock(&self.waiting);
        let first = waiting.queue.front().cloned();
        if first.is_none() {
            waiting.served = false;
            self.ended = true;
        }
        first
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if !self.ended {
            lock(&self.waiting).served = false;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No user code runs under these locks, so what they keep is whole even if one is poisoned.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
