//! The exclusive pool: a bounded number of places, each with at most one connection, lent to one caller at a time.
//!
//! deadpool keeps the places and the queue of those who wait. A place may be empty; it is the caller who fills it,
//! within its own deadline, so that a server that is away is never taken for a pool that is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

use deadpool::managed::{
    self, Manager, Metrics, Object, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult,
    Timeouts,
};
use shelfmark_core::config::PoolSettings;
use shelfmark_core::pool::{HoldGuard, Holders, PoolStatus};
use shelfmark_core::{Error, ErrorKind, Result};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::clock;
use crate::connect::{Connector, Pauses, Purpose};
use crate::connection::Connection;
use crate::error;
use crate::keeper::Keeper;
use crate::lanes::Lanes;
use crate::lease::{Lease, Place};
use crate::listen::Listeners;
use crate::tasks::Tasks;
use crate::texts::Texts;

/// So long a connection may take to prove that it lives.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// A place of the pool; empty until its first caller has connected.
#[derive(Default)]
pub(crate) struct Slot(pub(crate) Option<Arc<Connection>>);

/// Makes empty places, and throws out those whose connection is over.
pub(crate) struct Slots;

impl Manager for Slots {
    type Type = Slot;
    type Error = ();

    async fn create(&self) -> std::result::Result<Slot, ()> {
        Ok(Slot::default())
    }

    async fn recycle(&self, slot: &mut Slot, _: &Metrics) -> RecycleResult<()> {
        match &slot.0 {
            Some(connection) if connection.is_closed() || connection.is_expired() => {
                Err(RecycleError::message("the connection is over"))
            }
            _ => Ok(()),
        }
    }
}

/// The pool of one engine.
pub(crate) struct Pool {
    places: managed::Pool<Slots>,
    pub(crate) connector: Connector,
    pub(crate) settings: PoolSettings,
    /// Who holds a place, also while it is being cleaned.
    pub(crate) holders: Holders,
    /// Told whenever a place becomes free while `close` waits.
    freed: Notify,
    pub(crate) tasks: Tasks,
    pub(crate) texts: Texts,
    /// The connections that many reads share; none of the places.
    pub(crate) lanes: Lanes,
    /// Told of the close, and counted; their connections are none of the places.
    pub(crate) listeners: Listeners,
    closed: AtomicBool,
    keeper: Keeper,
}

impl Pool {
    pub(crate) fn new(
        connector: Connector,
        settings: &PoolSettings,
        tasks: Tasks,
    ) -> Result<Arc<Self>> {
        let most = settings.max.saturating_add(settings.max_overflow);
        if settings.max == 0 {
            return Err(Error::new(ErrorKind::InvalidConfig)
                .with_detail("the pool's max is 0; it needs at least one connection"));
        }
        let places = managed::Pool::builder(Slots)
            .config(PoolConfig {
                max_size: most,
                timeouts: Timeouts::default(),
                queue_mode: QueueMode::Lifo,
            })
            .build()
            .map_err(|error| Error::new(ErrorKind::InvalidConfig).with_detail(error.to_string()))?;
        let pool = Arc::new(Pool {
            places,
            lanes: Lanes::new(settings, connector.is_behind()),
            connector,
            settings: settings.clone(),
            holders: Holders::default(),
            freed: Notify::new(),
            tasks,
            texts: Texts::default(),
            listeners: Listeners::default(),
            closed: AtomicBool::new(false),
            keeper: Keeper::default(),
        });
        pool.keeper.start(&pool);
        Ok(pool)
    }

    /// Lends a connection to `holder`, opening it if need be, within the acquire deadline.
    ///
    /// # Cancel safety
    /// A place that was already given is freed again.
    pub(crate) async fn acquire(self: &Arc<Self>, holder: &'static str) -> Result<Lease> {
        let started = Instant::now();
        let deadline = clock::after(self.settings.acquire_timeout);
        let mut pauses = Pauses::default();
        let mut last = None;
        loop {
            let place = match self.place(holder, deadline).await? {
                Some(place) => place,
                None => {
                    return Err(last.unwrap_or_else(|| self.status().exhausted(started.elapsed())));
                }
            };
            if let Some(connection) = place.connection() {
                let lease = Lease::new(Arc::clone(self), place, connection);
                let quiet = lease.connection().is_quiet().await;
                if quiet && (!self.settings.pre_ping || answers(&lease, deadline).await) {
                    return Ok(lease);
                }
                lease.note_lost();
                continue;
            }
            match self.connector.connect(Purpose::Calls, deadline).await {
                Ok(connection) if !self.is_closed() => {
                    let connection = Arc::new(connection);
                    let place = place.fill(&connection);
                    return Ok(Lease::new(Arc::clone(self), place, connection));
                }
                Ok(_) => return Err(error::closed()),
                Err(refused) => {
                    // Others may be given a connection that comes back while this caller waits.
                    drop(place);
                    let until = pauses.next_end();
                    if !refused.passes || until >= deadline {
                        return Err(refused.error);
                    }
                    last = Some(refused.error);
                    sleep_until(until).await;
                }
            }
        }
    }

    /// As [`acquire`](Pool::acquire), a connection that has answered a round trip.
    pub(crate) async fn acquire_proven(self: &Arc<Self>, holder: &'static str) -> Result<Lease> {
        let deadline = clock::after(self.settings.acquire_timeout);
        loop {
            let lease = self.acquire(holder).await?;
            if answers(&lease, deadline).await {
                return Ok(lease);
            }
            lease.note_lost();
        }
    }

    /// Waits for a place; `None` when the deadline passes.
    async fn place(
        self: &Arc<Self>,
        holder: &'static str,
        deadline: Instant,
    ) -> Result<Option<Place>> {
        let waiting = self.holders.wait();
        match timeout_at(deadline, self.places.get()).await {
            Ok(Ok(object)) => {
                drop(waiting);
                Ok(Some(self.occupied(object, self.holders.hold(holder))))
            }
            Ok(Err(PoolError::Closed)) => Err(error::closed()),
            // Places are made without anything that could fail.
            Ok(Err(_)) => Err(Error::new(ErrorKind::Connection)),
            Err(_) => Ok(None),
        }
    }

    /// A place that is free at this moment.
    pub(crate) async fn free_place(self: &Arc<Self>, holder: &'static str) -> Option<Place> {
        let at_once = Timeouts {
            wait: Some(Duration::ZERO),
            ..Timeouts::default()
        };
        let object = self.places.timeout_get(&at_once).await.ok()?;
        Some(self.occupied(object, self.holders.hold(holder)))
    }

    fn occupied(self: &Arc<Self>, object: Object<Slots>, hold: HoldGuard) -> Place {
        Place::new(Arc::clone(self), object, hold)
    }

    /// Whether a connection that comes back is one too many: opened under load beyond what is kept, and wanted by
    /// nobody.
    pub(crate) fn has_too_many(&self) -> bool {
        // Asked each time a connection comes back, so the pool's lock is left alone where there cannot be one too many.
        self.settings.max_overflow > 0
            && self.places.status().size > self.settings.max
            && self.holders.waiting() == 0
    }

    /// Closes what has been idle for too long or is over, and keeps at least `min`.
    pub(crate) fn thin_out(&self) {
        let mut spare = self.places.status().size.saturating_sub(self.settings.min);
        let limit = self.settings.idle_timeout;
        // Dropped here, after deadpool's lock has been let go.
        let _ended = self.places.retain(|slot, _| {
            let Some(connection) = &slot.0 else {
                return false;
            };
            let over = connection.is_closed() || connection.is_expired();
            let unused = connection.idle_for() >= limit && spare > 0;
            if over || unused {
                spare = spare.saturating_sub(1);
                return false;
            }
            true
        });
    }

    /// The most connections there can be.
    pub(crate) fn most(&self) -> usize {
        self.settings.max.saturating_add(self.settings.max_overflow)
    }

    /// Connections that are open or being opened.
    pub(crate) fn size(&self) -> usize {
        self.places.status().size
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let in_use = self.holders.held();
        PoolStatus::new(
            format!("PostgreSQL {}", self.connector.place()),
            self.most(),
            self.size().max(in_use),
            in_use,
            self.holders.waiting(),
        )
        .with_listeners(self.listeners.count())
        .with_lanes(self.lanes.status())
        .with_holders(self.holders.list())
    }

    /// A place has become free, and no longer counts as held.
    pub(crate) fn note_freed(&self) {
        // Either this sees that the pool is being closed, or the close sees that the place is free.
        fence(Ordering::SeqCst);
        if self.is_closed() {
            self.freed.notify_waiters();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Refuses new callers, ends all listeners, waits until `deadline` for those who hold a place, then ends every
    /// connection. Gives the pool as it was when the waiting ended.
    pub(crate) async fn close(&self, deadline: Instant) -> PoolStatus {
        self.closed.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
        self.places.close();
        self.keeper.stop();
        self.listeners.end();
        loop {
            let freed = self.freed.notified();
            if self.holders.held() == 0 {
                break;
            }
            if timeout_at(deadline, freed).await.is_err() {
                break;
            }
        }
        let cut_off = self.lanes.close(deadline).await;
        let mut status = self.status();
        status.in_use += cut_off;
        self.tasks.join(deadline).await;
        status
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.keeper.stop();
    }
}

/// Whether the connection answers a round trip.
async fn answers(lease: &Lease, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let running = lease.run();
    let connection = lease.connection();
    let asked = connection.drive(connection.client().check_connection());
    let answer = timeout(PING_LIMIT.min(left), asked).await;
    let answered = matches!(answer, Ok(Ok(())));
    if answered {
        running.ended();
    }
    answered
}
