//! The background task of a pool: ends connections that nobody uses, and opens those that are always kept.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::clock;
use crate::connect::Purpose;
use crate::pool::Pool;

/// Bounds of the time between two rounds.
const SHORTEST_ROUND: Duration = Duration::from_millis(50);
const LONGEST_ROUND: Duration = Duration::from_secs(15);
/// Under this name the connections that are being opened stand among the holders.
const HOLDER: &str = "pool";

/// The task; it ends with the pool, and holds it only while it works.
#[derive(Default)]
pub(crate) struct Keeper(Mutex<Option<AbortHandle>>);

impl Keeper {
    pub(crate) fn start(&self, pool: &Arc<Pool>) {
        let settings = &pool.settings;
        let round = (settings.idle_timeout.min(settings.max_lifetime) / 4)
            .clamp(SHORTEST_ROUND, LONGEST_ROUND);
        let task = pool.tasks.spawn(keep(Arc::downgrade(pool), round));
        *self.lock() = Some(task);
    }

    pub(crate) fn stop(&self) {
        if let Some(task) = self.lock().take() {
            task.abort();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<AbortHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep(pool: Weak<Pool>, round: Duration) {
    loop {
        sleep(round).await;
        let Some(pool) = pool.upgrade() else { return };
        if pool.is_closed() {
            return;
        }
        pool.thin_out();
        pool.lanes.thin_out(pool.settings.idle_timeout);
        if let Err(error) = fill_up(&pool).await {
            tracing::debug!(%error, "a connection that is always kept could not be opened");
        }
    }
}

/// Opens connections until there are as many as are always kept.
pub(crate) async fn fill_up(pool: &Arc<Pool>) -> shelfmark_core::Result<()> {
    while pool.size() < pool.settings.min && !pool.is_closed() {
        // The free places come first, then an empty one; all are given back at once.
        let mut filled = Vec::new();
        let empty = loop {
            match pool.free_place(HOLDER).await {
                Some(place) if place.connection().is_some() => filled.push(place),
                found => break found,
            }
        };
        filled.into_iter().for_each(|place| place.give_back());
        let Some(empty) = empty else { return Ok(()) };
        let deadline = clock::after(pool.settings.acquire_timeout);
        let connection = pool
            .connector
            .connect(Purpose::Calls, deadline)
            .await
            .map_err(|refused| refused.error)?;
        empty.fill(&Arc::new(connection)).give_back();
    }
    Ok(())
}
