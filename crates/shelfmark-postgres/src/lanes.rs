//! The lanes of an engine: how many there are, which one a read takes, and how they are opened, replaced and closed.
//!
//! There is one lane for each worker of the runtime, and no task or timer that all share. A lane is opened when reads
//! first need one, in the background; whoever meets a lane that is missing, late or full takes a connection of the pool.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use shelfmark_core::config::PoolSettings;
use shelfmark_core::pool::LaneStatus;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::clock;
use crate::connect::{Pauses, Purpose};
use crate::connection::Connection;
use crate::lane::Lane;
use crate::pool::Pool;
use crate::queue::Queue;

/// Lanes beyond this bring nothing: they are connections of the server too.
const MOST: usize = 8;
/// A pool of so many connections bears one lane beside it.
const CONNECTIONS_PER_LANE: usize = 5;
/// With fewer reads at once, an exclusive connection is as fast and shares nothing.
const BUSY: usize = 4;
/// So often the round trip is measured when a lane is opened, and so long one may take.
const ROUND_TRIPS: usize = 5;
const ROUND_TRIP_LIMIT: Duration = Duration::from_secs(1);
/// The first and the longest pause after a lane could not be opened.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The lanes of one engine.
pub(crate) struct Lanes {
    /// How many there may be.
    most: usize,
    open: RwLock<Vec<Arc<Lane>>>,
    /// Whether a task opens lanes at this moment.
    opening: AtomicBool,
    /// When the next attempt is made after one that failed.
    retry: Mutex<(Pauses, Instant)>,
    /// What an answer takes however little the server does for it, in microseconds; measured when lanes are opened.
    round_trip_us: AtomicU64,
    /// Reads under way, wherever they run.
    reading: AtomicUsize,
    closed: AtomicBool,
}

/// A read that is under way.
pub(crate) struct Reading<'l>(&'l Lanes);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lanes {
    /// As many as `settings` say, none of them open yet.
    pub(crate) fn new(settings: &PoolSettings, is_behind: bool) -> Self {
        // A pooler lends its connections for each of our statements anew, and has to be told the text each time.
        let lanes = if is_behind { Some(0) } else { settings.lanes };
        let most = lanes.unwrap_or_else(|| {
            let workers = Handle::current().metrics().num_workers();
            workers.min(MOST).min(settings.max / CONNECTIONS_PER_LANE)
        });
        Lanes {
            most,
            open: RwLock::default(),
            opening: AtomicBool::new(false),
            retry: Mutex::new((Pauses::between(FIRST_PAUSE, LONGEST_PAUSE), Instant::now())),
            round_trip_us: AtomicU64::new(0),
            reading: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// Whether there can be any.
    pub(crate) fn are_on(&self) -> bool {
        self.most > 0
    }

    /// Counts a read until the guard is dropped; whether there are enough for lanes.
    pub(crate) fn enter(&self) -> (Reading<'_>, bool) {
        let others = self.reading.fetch_add(1, Ordering::Relaxed);
        (Reading(self), others >= BUSY)
    }

    /// The lane with the fewest questions, if one takes another.
    pub(crate) fn pick(&self, pool: &Arc<Pool>, now: Instant) -> Option<Arc<Lane>> {
        if self.closed.load(Ordering::Acquire) {
            return None;
        }
        let (picked, missing) = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            let mut missing = open.len() < self.most;
            let mut picked: Option<(usize, &Arc<Lane>)> = None;
            for lane in open.iter() {
                if lane.is_over() {
                    missing = true;
                } else if let Some(depth) = lane.queue().room()
                    && picked.is_none_or(|(least, _)| depth < least)
                {
                    picked = Some((depth, lane));
                }
            }
            (picked.map(|(_, lane)| Arc::clone(lane)), missing)
        };
        if missing && !self.opening.swap(true, Ordering::AcqRel) {
            self.open_missing(pool, now);
        }
        picked
    }

    /// Opens what is missing, in a task; called by the one who has set `opening`.
    fn open_missing(&self, pool: &Arc<Pool>, now: Instant) {
        if now < self.lock_retry().1 {
            self.opening.store(false, Ordering::Release);
            return;
        }
        let pool_later = Arc::downgrade(pool);
        pool.tasks.spawn(async move {
            let Some(pool) = pool_later.upgrade() else {
                return;
            };
            let lanes = &pool.lanes;
            let _opening = Opening(&lanes.opening);
            lanes.retire(|lane| lane.is_over());
            while lanes.count() < lanes.most && !lanes.closed.load(Ordering::Acquire) {
                let deadline = clock::after(pool.settings.acquire_timeout);
                let queue = Queue::new();
                match pool
                    .connector
                    .connect(Purpose::Lane(&queue), deadline)
                    .await
                {
                    Ok(connection) => {
                        if let Some(us) = round_trip_us(&connection).await {
                            queue.note_round_trip(us);
                            lanes.round_trip_us.store(us, Ordering::Relaxed);
                        }
                        lanes.add(Arc::new(Lane::new(connection, queue)));
                        *lanes.lock_retry() =
                            (Pauses::between(FIRST_PAUSE, LONGEST_PAUSE), Instant::now());
                    }
                    Err(refused) => {
                        tracing::debug!(error = %refused.error, "a lane could not be opened");
                        let mut retry = lanes.lock_retry();
                        retry.1 = retry.0.next_end();
                        return;
                    }
                }
            }
        });
    }

    /// What an answer takes however little the server does for it; zero while that is not known.
    pub(crate) fn round_trip(&self) -> Duration {
        Duration::from_micros(self.round_trip_us.load(Ordering::Relaxed))
    }

    fn add(&self, lane: Arc<Lane>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        // Closed meanwhile: dropped, which says goodbye to the server.
        if !self.closed.load(Ordering::Acquire) {
            open.push(lane);
        }
    }

    pub(crate) fn status(&self) -> LaneStatus {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let in_flight = open.iter().map(|lane| lane.queue().depth()).sum();
        LaneStatus::new(self.most, open.len(), in_flight)
    }

    fn count(&self) -> usize {
        self.open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Lets go of the lanes that are `done`; each ends when what waits there has been answered.
    fn retire(&self, done: impl Fn(&Lane) -> bool) {
        let mut retired = Vec::new();
        {
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            open.retain(|lane| {
                let is_done = done(lane);
                if is_done {
                    retired.push(Arc::clone(lane));
                }
                !is_done
            });
        }
        // Dropped here, without the lock.
        drop(retired);
    }

    /// Closes what has been idle for `limit`, or is over.
    pub(crate) fn thin_out(&self, limit: Duration) {
        if !self.are_on() {
            return;
        }
        let now = Instant::now();
        self.retire(|lane| lane.is_over() || lane.queue().idle_for(now) >= limit);
    }

    /// Takes no more work, waits until `deadline` for what runs, then ends the lanes. Gives how many calls were cut off.
    pub(crate) async fn close(&self, deadline: Instant) -> usize {
        let open = {
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            self.closed.store(true, Ordering::Release);
            std::mem::take(&mut *open)
        };
        let mut cut_off = 0;
        for lane in open {
            if timeout_at(deadline, lane.queue().emptied()).await.is_err() {
                cut_off += lane.queue().depth();
                lane.kill();
            }
        }
        cut_off
    }

    fn lock_retry(&self) -> std::sync::MutexGuard<'_, (Pauses, Instant)> {
        self.retry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody opens lanes; over when it is dropped.
struct Opening<'l>(&'l AtomicBool);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The round trip on a connection that nobody uses: the quickest of a few, since only delays are added to it.
async fn round_trip_us(connection: &Connection) -> Option<u64> {
    let mut quickest = Duration::MAX;
    for _ in 0..ROUND_TRIPS {
        let begun = Instant::now();
        let answered = timeout(ROUND_TRIP_LIMIT, connection.client().check_connection()).await;
        answered.ok()?.ok()?;
        quickest = quickest.min(begun.elapsed());
    }
    u64::try_from(quickest.as_micros()).ok()
}
