//! Connections that rest with the threads that read on them in line.
//!
//! A read in line takes a few microseconds, and so does a word between two processors: about a queue, a counter or a
//! lock. So a thread that has read keeps its connection at home, with its place in the pool, and finds it there for its
//! next read. A home has a lock of its own, which others take only when they need what rests there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::lease::Lease;
use crate::site::Site;

/// There are no more homes than this, since each is looked into when a connection is needed.
const MOST_HOMES: usize = 64;

/// The homes of one pool.
#[derive(Debug)]
pub(crate) struct Homes(Box<[Home]>);

/// As far from other homes as processors fetch memory at once, so that none slows its neighbour down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Home(Mutex<Option<Box<Lease>>>);

impl Home {
    fn lock(&self) -> MutexGuard<'_, Option<Box<Lease>>> {
        // Only moves happen under the lock, so a poisoned one is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    /// The number of this thread among those that ever asked for it.
    static NUMBER: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

impl Homes {
    /// Homes for a pool of `size` connections.
    pub(crate) fn new(size: usize) -> Self {
        let count = size.clamp(1, MOST_HOMES);
        Homes((0..count).map(|_| Home::default()).collect())
    }

    /// The home of this thread, which it may share with others.
    fn of_this_thread(&self) -> Option<&Home> {
        let number = NUMBER.try_with(|number| *number).ok()?;
        self.0.get(number % self.0.len())
    }

    /// Takes what rests with this thread.
    pub(crate) fn take(&self) -> Option<Box<Lease>> {
        self.of_this_thread()?.lock().take()
    }

    /// Lets `lease` rest with this thread while the database is open; gives back what there is no place for.
    pub(crate) fn put(&self, lease: Box<Lease>, site: &Site) -> Option<Box<Lease>> {
        let Some(home) = self.of_this_thread() else {
            return Some(lease);
        };
        let mut place = home.lock();
        // Under the lock: who closes the database looks into the homes after that.
        if place.is_some() || !site.is_open() {
            return Some(lease);
        }
        *place = Some(lease);
        None
    }

    /// Gives back to the pool what rests anywhere.
    pub(crate) fn clear(&self) {
        for home in &self.0 {
            let resting = home.lock().take();
            drop(resting);
        }
    }
}
