//! Whether an instance hears what the others evict, and the suspension of the cache that it holds while it does not.
//!
//! The cache may have other users, each with an ear of its own. So an ear takes back what it has suspended, and nothing
//! else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shelfmark_core::cache::QueryCache;

/// The ear of one instance. The task that listens moves it on; dropping the last handle closes it.
pub(super) struct Ear {
    cache: Arc<dyn QueryCache>,
    state: Mutex<State>,
    /// Whether reads may go through the cache; what `state` says, for readers who take no lock.
    holds: AtomicBool,
    /// Whether a task listens, or tries to.
    served: AtomicBool,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Nothing is heard. The cache is suspended, so reads through it are shared and not kept.
    Deaf,
    /// All that is committed is heard.
    Hears,
    /// The task has ended. Reads go past the cache, so it need not be suspended; what it keeps may be outdated.
    Away,
    /// As `Away`, for ever.
    Closed,
}

impl Ear {
    /// Suspends the cache until messages are heard.
    pub(super) fn deaf(cache: &Arc<dyn QueryCache>) -> Arc<Self> {
        cache.suspend();
        Arc::new(Ear {
            cache: Arc::clone(cache),
            state: Mutex::new(State::Deaf),
            holds: AtomicBool::new(true),
            served: AtomicBool::new(false),
        })
    }

    /// Whether what is read through the cache is in step with the database: evictions are heard, or nothing is kept.
    pub(super) fn holds(&self) -> bool {
        self.holds.load(Ordering::Acquire)
    }

    /// Whether somebody has to begin to listen.
    pub(super) fn is_wanting(&self) -> bool {
        !self.served.load(Ordering::Acquire)
    }

    /// The right to listen, which one has at a time; none when it is closed.
    pub(super) fn serve(self: &Arc<Self>) -> Option<Served> {
        if *self.lock() == State::Closed || self.served.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Served(Arc::clone(self)))
    }

    /// From here on nothing is heard.
    pub(super) fn lose(&self) {
        let mut state = self.lock();
        if *state == State::Hears {
            *state = State::Deaf;
            self.cache.suspend();
        }
    }

    /// From here on all that is committed is heard; what was committed before may have been missed.
    pub(super) fn hear(&self) {
        let mut state = self.lock();
        match *state {
            State::Deaf => {
                *state = State::Hears;
                self.cache.resume();
            }
            State::Hears => self.cache.drop_all(),
            State::Away => {
                self.cache.drop_all();
                *state = State::Hears;
                self.holds.store(true, Ordering::Release);
            }
            State::Closed => {}
        }
    }

    /// The database is closed, or nobody has a handle any more: reads go past the cache, which others may go on to use.
    pub(super) fn close(&self) {
        self.end(State::Closed);
    }

    fn end(&self, end: State) {
        let mut state = self.lock();
        let before = *state;
        if before != State::Closed {
            *state = end;
        }
        // Readers first: what is kept from now on is heard by nobody.
        self.holds.store(false, Ordering::Release);
        if before == State::Deaf {
            self.cache.resume();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is set in one step, so it is whole even if a cache has panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever listens has it. Dropped, also by a panic or with the runtime that ran the task, it leaves the ear to the next.
pub(super) struct Served(Arc<Ear>);

impl std::ops::Deref for Served {
    type Target = Ear;

    fn deref(&self) -> &Ear {
        &self.0
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.end(State::Away);
        self.0.served.store(false, Ordering::Release);
    }
}
