//! Second evictions, after writes of which nobody knows how they ended.
//!
//! A write that was dropped, or that got no answer, may be done by the database a moment after it was evicted; who read in
//! between has stored the old value. So it is evicted once more when the database must be done with it. While the database
//! is away many writes end like that, so those that end together are evicted together, and what waits is bounded.

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

/// Writes that end within this of each other are evicted together.
const TOGETHER: Duration = Duration::from_millis(250);
/// So many lots wait, of which twenty come together within [`SETTLED`]; more where a cache takes its time, or where no
/// runtime is left to serve them.
const LOTS: usize = 64;
/// So many names wait. A cache keeps names of at most 512 bytes, so those that have something to drop are 51 MB at the worst.
const NAMES: usize = 100_000;

/// What is evicted again, and the one task that does it.
pub(super) struct SecondEvictions {
    cache: Arc<dyn QueryCache>,
    waiting: Arc<Mutex<Waiting>>,
    /// At most one, while something waits.
    task: Mutex<JoinSet<()>>,
    /// For calls that are dropped on a thread without a runtime.
    home: Option<Handle>,
}

/// What writes that were dropped or got no answer within [`SETTLED`] leave to do.
#[derive(Default)]
struct Waiting {
    /// In the order in which they are due.
    lots: VecDeque<Lot>,
    /// So many of the first are being evicted; nothing is added to them.
    begun: usize,
    /// Whether the task runs.
    served: bool,
}

/// What is evicted together.
struct Lot {
    /// When the first write came, and when the database must be done with the last.
    since: Instant,
    due: Instant,
    names: Names,
}

#[derive(Clone)]
enum Names {
    These(Evictions),
    /// More than are kept.
    All,
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
        let (refused, begins) = {
            let mut waiting = lock(&self.waiting);
            let refused = waiting.add(evictions, !self.cache.is_shared());
            // Without a runtime they are left to the next one that has one, or to the drop.
            let begins = !waiting.served && runtime.is_some();
            waiting.served |= begins;
            (refused, begins)
        };
        if let Some(early) = refused {
            tracing::error!(
                target: "shelfmark::cache",
                "more evictions of writes without an answer wait than are kept ({NAMES} names); some are done before their \
                 writes must have ended, and old values may be given until they end"
            );
            self.cache.evict_in_background(early);
        }
        let Some(runtime) = runtime.filter(|_| begins) else {
            return;
        };
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
        let left = std::mem::take(&mut lock(&self.waiting).lots);
        for lot in left {
            match lot.names {
                Names::These(evictions) => self.cache.evict_in_background(evictions),
                Names::All => self.cache.drop_all(),
            }
        }
    }
}

impl Waiting {
    /// Adds `evictions`, or gives them back when they are too many. Where `all` can be dropped in place of names, they
    /// never are.
    fn add(&mut self, evictions: Evictions, all: bool) -> Option<Evictions> {
        let now = Instant::now();
        let known: usize = self.lots.iter().map(|lot| lot.names.count()).sum();
        let mut names = Names::These(evictions);
        if known + names.count() > NAMES {
            match names {
                Names::These(evictions) if !all => return Some(evictions),
                _ => names = Names::All,
            }
            for lot in self.lots.iter_mut().skip(self.begun) {
                lot.names = Names::All;
            }
        }
        let is_full = self.lots.len() >= LOTS;
        let waits = self.lots.len() > self.begun;
        match self.lots.back_mut().filter(|_| waits) {
            Some(last) if is_full || now.duration_since(last.since) < TOGETHER => {
                last.due = now + SETTLED;
                last.names.add(names);
            }
            _ => self.lots.push_back(Lot {
                since: now,
                due: now + SETTLED,
                names,
            }),
        }
        None
    }

    /// When the next lot is due.
    fn due(&self) -> Option<Instant> {
        self.lots.front().map(|lot| lot.due)
    }

    /// All that is due; it stays until it is [`done`](Waiting::done).
    fn begin(&mut self) -> Names {
        let now = Instant::now();
        self.begun = self.lots.iter().take_while(|lot| lot.due <= now).count();
        let mut names = Names::These(Evictions::new());
        for lot in self.lots.iter().take(self.begun) {
            names.add(lot.names.clone());
        }
        names
    }

    fn done(&mut self) {
        self.lots.drain(..self.begun.min(self.lots.len()));
        self.begun = 0;
    }
}

impl Names {
    fn count(&self) -> usize {
        match self {
            Names::These(evictions) => evictions.keys().len() + evictions.tags().len(),
            Names::All => 0,
        }
    }

    fn add(&mut self, more: Names) {
        match (&mut *self, more) {
            (Names::These(these), Names::These(more)) => these.add(more),
            _ => *self = Names::All,
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
        while let Some(due) = self.next_due() {
            sleep_until(due).await;
            let names = lock(&self.waiting).begin();
            match names {
                Names::These(evictions) if evictions.is_empty() => {}
                Names::These(evictions) => cache.evict(&evictions).await,
                Names::All => cache.drop_all(),
            }
            lock(&self.waiting).done();
        }
    }

    /// Without anything that waits this task is over.
    fn next_due(&mut self) -> Option<Instant> {
        let mut waiting = lock(&self.waiting);
        let due = waiting.due();
        if due.is_none() {
            waiting.served = false;
            self.ended = true;
        }
        due
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if !self.ended {
            let mut waiting = lock(&self.waiting);
            waiting.served = false;
            // What it had begun is done by the next.
            waiting.begun = 0;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No user code runs under these locks, so what they keep is whole even if one is poisoned.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
