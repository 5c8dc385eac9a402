//! The background tasks of an engine: all of them are owned here, and end with it.

use std::future::Future;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

/// The tasks. Dropping the last clone aborts what still runs.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    running: Arc<Mutex<JoinSet<()>>>,
    /// The runtime of the engine's opening, for calls that are dropped on a thread without one.
    home: Handle,
}

impl Tasks {
    /// No tasks yet; belongs to the current runtime.
    pub(crate) fn new() -> Self {
        Tasks {
            running: Arc::default(),
            home: Handle::current(),
        }
    }

    /// Runs `task`. Where no runtime is left, it is dropped at once.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let runtime = Handle::try_current().unwrap_or_else(|_| self.home.clone());
        let mut running = self.lock();
        // What has ended is taken out here, so the set stays as small as what runs.
        while running.try_join_next().is_some() {}
        running.spawn_on(task, &runtime)
    }

    /// Waits for all tasks; aborts those that run at the deadline.
    pub(crate) async fn join(&self, deadline: Instant) {
        loop {
            let mut running = mem::take(&mut *self.lock());
            if running.is_empty() {
                return;
            }
            while let Ok(Some(_)) = timeout_at(deadline, running.join_next()).await {}
            running.shutdown().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        // A task that is dropped under the lock runs its destructors, which must not come back here; a set whose
        // lock is poisoned is still whole.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
