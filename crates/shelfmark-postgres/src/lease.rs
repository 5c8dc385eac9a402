//! A connection lent to one caller, and how it comes back: idle by the server's own word, or not at all.
//!
//! A lease notes what its connection would have to be freed of. When it is dropped, a connection in good order goes
//! back at once; any other goes to a task that is owned by the pool: it stops what runs, rolls back, takes back what
//! was left in the session, and returns the connection only when the server has answered all of that in time. Until
//! then the place counts as in use; if it fails, the connection is closed and the place is free.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::Object;
use shelfmark_core::pool::HoldGuard;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::cancel::settle;
use crate::connection::Connection;
use crate::pool::{Pool, Slot, Slots};
use crate::texts::Text;

/// A statement was sent whose answer nobody has seen to its end, or will.
pub(crate) const RUNNING: u8 = 1;
/// A transaction is open, or may be.
pub(crate) const TRANSACTION: u8 = 2;
/// The session is no longer as it was: settings, locks, temporary tables.
pub(crate) const CHANGED: u8 = 4;
/// The server's own deadline is off.
pub(crate) const UNLIMITED: u8 = 8;
/// No transaction should be open, but the server has to confirm it.
pub(crate) const UNPROVEN: u8 = 16;
/// The connection is gone or in an unknown state.
const LOST: u8 = 32;

/// So long the server may take to confirm that a connection is idle.
const PROOF_LIMIT: Duration = Duration::from_secs(1);

/// A place of the pool, taken. Dropping it closes its connection and frees it; [`give_back`](Place::give_back) keeps
/// the connection.
pub(crate) struct Place {
    pool: Arc<Pool>,
    /// `None` for a connection outside the pool, and after the place was given back.
    object: Option<Object<Slots>>,
    connection: Option<Arc<Connection>>,
    /// Dropped before `freed` is told.
    hold: Option<HoldGuard>,
}

impl Place {
    pub(crate) fn new(pool: Arc<Pool>, object: Object<Slots>, hold: HoldGuard) -> Self {
        let connection = object.0.clone();
        Place {
            pool,
            object: Some(object),
            connection,
            hold: Some(hold),
        }
    }

    /// A connection that is nobody else's, before or afterwards.
    pub(crate) fn outside(pool: Arc<Pool>, connection: &Arc<Connection>) -> Self {
        Place {
            pool,
            object: None,
            connection: Some(Arc::clone(connection)),
            hold: None,
        }
    }

    pub(crate) fn connection(&self) -> Option<Arc<Connection>> {
        self.connection.clone()
    }

    /// Puts a new connection into an empty place.
    pub(crate) fn fill(mut self, connection: &Arc<Connection>) -> Self {
        if let Some(object) = &mut self.object {
            **object = Slot(Some(Arc::clone(connection)));
        }
        self.connection = Some(Arc::clone(connection));
        self
    }

    /// Gives the place back with its connection, which is idle.
    pub(crate) fn give_back(mut self) {
        let Some(object) = self.object.take() else {
            // Outside the pool: dropped, which says goodbye to the server.
            self.connection = None;
            return;
        };
        let keeps = self.connection.as_ref().is_some_and(|connection| {
            connection.rest();
            !connection.is_closed() && !connection.is_expired()
        }) && !self.pool.has_too_many();
        // A connection that is not kept is idle, so it is dropped and not cut off.
        self.connection = None;
        // From here on the place is free for others, so it no longer counts as held.
        self.hold = None;
        if keeps {
            drop(object);
        } else {
            drop(Object::take(object));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.kill();
        }
        self.hold = None;
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
        self.pool.note_freed();
    }
}

/// A connection lent to one caller.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    connection: Arc<Connection>,
    /// `None` only while it is dropped.
    place: Option<Place>,
    /// What the connection has to be freed of.
    state: AtomicU8,
    /// A statement whose caller went away while the lease lives on, being stopped; the value tells whether that
    /// went well.
    stopping: Mutex<Option<watch::Receiver<Option<bool>>>>,
}

impl Lease {
    pub(crate) fn new(pool: Arc<Pool>, place: Place, connection: Arc<Connection>) -> Self {
        Lease {
            pool,
            connection,
            place: Some(place),
            state: AtomicU8::new(0),
            stopping: Mutex::new(None),
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The connection, for what may outlive the borrow of the lease.
    pub(crate) fn shared_connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// What an answer takes however little the server does for it, as far as that is known.
    pub(crate) fn round_trip(&self) -> Duration {
        self.pool.lanes.round_trip()
    }

    /// What is known of `sql`.
    pub(crate) fn text(&self, sql: &Arc<str>) -> Arc<Text> {
        self.pool.texts.of(sql)
    }

    pub(crate) fn note(&self, state: u8) {
        self.state.fetch_or(state, Ordering::AcqRel);
    }

    pub(crate) fn clear(&self, state: u8) {
        self.state.fetch_and(!state, Ordering::AcqRel);
    }

    /// The connection cannot be used again.
    pub(crate) fn note_lost(&self) {
        self.note(LOST);
    }

    /// Whether the connection cannot be used again.
    pub(crate) fn is_lost(&self) -> bool {
        self.state.load(Ordering::Acquire) & LOST != 0
    }

    /// A statement is about to be sent. Several may be under way.
    pub(crate) fn run(&self) -> Running<'_> {
        Running {
            lease: self,
            ended: false,
        }
    }

    /// Stops a statement whose caller went away, in a task, while the lease lives on.
    pub(crate) fn stop(&self) {
        let mut stopping = self.lock_stopping();
        if stopping.is_some() {
            return;
        }
        let (done, outcome) = watch::channel(None);
        let connection = Arc::clone(&self.connection);
        self.pool.tasks.spawn(async move {
            let settled = settle(&connection).await;
            if !settled {
                connection.kill();
            }
            // Nobody may be left who wants to know.
            let _ = done.send(Some(settled));
        });
        *stopping = Some(outcome);
    }

    /// Waits until a statement whose caller went away has been stopped. False when the connection is lost.
    pub(crate) async fn stopped(&self) -> bool {
        let stopping = self.lock_stopping().clone();
        let settled = match stopping {
            Some(outcome) => wait_for(outcome).await,
            None => true,
        };
        if settled {
            *self.lock_stopping() = None;
            self.clear(RUNNING);
        } else {
            self.note_lost();
        }
        settled
    }

    fn lock_stopping(&self) -> std::sync::MutexGuard<'_, Option<watch::Receiver<Option<bool>>>> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait_for(mut outcome: watch::Receiver<Option<bool>>) -> bool {
    // A task that was aborted has dropped its sender.
    match outcome.wait_for(Option::is_some).await {
        Ok(settled) => settled.unwrap_or(false),
        Err(_) => false,
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else {
            return;
        };
        let state = *self.state.get_mut();
        if state & LOST != 0 || self.connection.is_closed() {
            drop(place);
        } else if state == 0 {
            place.give_back();
        } else {
            let stopping = self.lock_stopping().take();
            let connection = Arc::clone(&self.connection);
            self.pool.tasks.spawn(async move {
                // Dropped unless given back, also when the task is aborted or never runs.
                let place = place;
                if clean(&connection, state, stopping).await {
                    drop(connection);
                    place.give_back();
                }
            });
        }
    }
}

/// Frees a connection of what its caller left behind. True when the server has confirmed all of it.
async fn clean(
    connection: &Connection,
    state: u8,
    stopping: Option<watch::Receiver<Option<bool>>>,
) -> bool {
    let settled = match stopping {
        Some(outcome) => wait_for(outcome).await,
        None if state & RUNNING != 0 => settle(connection).await,
        None => true,
    };
    settled
        && timeout(PROOF_LIMIT, prove(connection, state))
            .await
            .unwrap_or(false)
}

/// Makes the server say that no transaction is open, and that the session is as it was.
async fn prove(connection: &Connection, state: u8) -> bool {
    let client = connection.client();
    // ROLLBACK outside a transaction would put a warning into the server's log at each dropped call; where none
    // should be open, an empty one is opened and closed instead. If there is one after all, this closes it, or fails.
    let proof = if state & TRANSACTION != 0 {
        "ROLLBACK"
    } else {
        "BEGIN; ROLLBACK"
    };
    if connection.drive(client.batch_execute(proof)).await.is_err() {
        return false;
    }
    if state & CHANGED != 0 {
        return connection.reset().await.is_ok();
    }
    if state & UNLIMITED != 0 {
        let reset = client.batch_execute("RESET statement_timeout");
        return connection.drive(reset).await.is_ok();
    }
    true
}

/// A statement that was sent. Dropped before its end, it leaves its connection marked as running.
pub(crate) struct Running<'l> {
    lease: &'l Lease,
    ended: bool,
}

impl Running<'_> {
    /// The answer has been seen to its end.
    pub(crate) fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.lease.note(RUNNING);
        }
    }
}
