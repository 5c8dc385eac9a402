//! Where the database is, and the phase of its life that all of its connections share.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shelfmark_core::{Error, ErrorKind, Result};
use tokio::sync::watch;

use crate::stream::IDLE_LIMIT;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file, by its absolute path.
    File(PathBuf),
    /// The memory of one connection.
    Memory,
}

impl Place {
    /// The place as an address, for the pool's status.
    pub(crate) fn address(&self) -> String {
        match self {
            Place::File(path) => path.display().to_string(),
            Place::Memory => "memory:".to_owned(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => write!(f, "{}", path.display()),
            Place::Memory => f.write_str("the database in memory"),
        }
    }
}

/// How far the closing of a database has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It is in use.
    Open,
    /// New work is refused; what runs may end.
    Draining,
    /// What still runs is stopped.
    Stopping,
    /// No connection is kept any more.
    Closed,
}

/// What the pools and leases of one engine share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) place: Place,
    /// How long a caller waits, for a connection and for the lock of another process together.
    pub(crate) acquire_timeout: Duration,
    phase: watch::Sender<Phase>,
    /// Whether it is [`Phase::Open`], for those who ask at every call.
    open: AtomicBool,
    /// How long a stream waits for its reader, in milliseconds.
    stream_idle_ms: AtomicU64,
}

impl Site {
    pub(crate) fn new(place: Place, acquire_timeout: Duration) -> Self {
        Site {
            place,
            acquire_timeout,
            phase: watch::Sender::new(Phase::Open),
            open: AtomicBool::new(true),
            stream_idle_ms: AtomicU64::new(millis(IDLE_LIMIT)),
        }
    }

    /// How long a stream waits for its reader.
    pub(crate) fn stream_idle_limit(&self) -> Duration {
        Duration::from_millis(self.stream_idle_ms.load(Ordering::Relaxed))
    }

    /// Has streams wait for their readers as long as `limit`.
    pub(crate) fn limit_idle_streams(&self, limit: Duration) {
        self.stream_idle_ms.store(millis(limit), Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Whether new work is taken.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Moves on to `phase`; there is no way back.
    pub(crate) fn enter(&self, phase: Phase) {
        self.open.store(false, Ordering::SeqCst);
        self.phase.send_if_modified(|now| {
            let later = phase > *now;
            if later {
                *now = phase;
            }
            later
        });
    }

    /// Waits until `phase` is reached.
    pub(crate) async fn reached(&self, phase: Phase) {
        // The sender is this value, so it cannot be gone.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// Refuses new work once closing has begun.
    pub(crate) fn refuse_when_closing(&self) -> Result<()> {
        if self.is_open() {
            return Ok(());
        }
        Err(closed())
    }

    /// Until when a call that begins at `from` may wait.
    pub(crate) fn patience(&self, from: Instant) -> Instant {
        const LONG: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        from + self.acquire_timeout.min(LONG)
    }
}

fn millis(limit: Duration) -> u64 {
    u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)
}

/// The answer to a call on a database that was closed.
pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Connection).with_detail("the database was closed")
}
