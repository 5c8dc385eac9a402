//! One server watched: a connection beside its pool, on which it is asked again and again how far it is.
//!
//! A server that stands still answers nothing, and only this connection's own deadline notices that in time; one that
//! was restarted ends the connection. Who cannot wait for the next question has one asked at once; those who want that
//! at the same time share it.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::{self, Either};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock;
use crate::connect::{Pauses, Purpose};
use crate::connection::Connection;
use crate::pool::Pool;
use crate::replicas::{Replicas, Server};
use crate::report::{Report, ask};

/// The first and the longest pause before an attempt to connect again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is said of a server that ended the connection, or is gone.
const LOST: &str = "its connection was lost";

/// How often a server is asked, and how long it may take to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    interval: Duration,
    answer: Duration,
}

impl Pace {
    /// So that a server that stands still is noticed before statements run into their deadline `limit`.
    pub(crate) fn for_deadline(limit: Duration) -> Self {
        let part = limit / 8;
        Pace {
            interval: part.clamp(Duration::from_millis(100), Duration::from_secs(1)),
            answer: part.clamp(Duration::from_millis(250), Duration::from_secs(2)),
        }
    }
}

/// An answer, and what it holds for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) report: Report,
    /// When the question was asked.
    pub(crate) asked: Instant,
    /// Which connection of the watcher gave it: within one, the server was never restarted.
    pub(crate) session: u64,
    /// How many connections to the server had been opened when the question was asked.
    pub(crate) opened: u64,
}

/// Watches one server. Dropping it ends the task.
#[derive(Default)]
pub(crate) struct Watcher {
    /// Told when somebody wants a question to be asked now.
    wanted: Notify,
    /// How many wanted one so far.
    requests: AtomicU64,
    /// How many of them got an answer, or the news that there is none.
    served: watch::Sender<u64>,
    task: Mutex<Option<AbortHandle>>,
}

impl Watcher {
    /// Begins to watch the server of `pool`. The task keeps neither it nor the audience alive.
    pub(crate) fn start(
        self: &Arc<Self>,
        server: Server,
        pool: &Arc<Pool>,
        pace: Pace,
        audience: &Arc<Replicas>,
    ) {
        let watching = Watching {
            watcher: Arc::downgrade(self),
            pool: Arc::downgrade(pool),
            pace,
            server,
            audience: Arc::downgrade(audience),
        };
        *self.lock() = Some(pool.tasks.spawn(watching.run()));
    }

    /// Has the server asked, and waits at most `limit` for the end of that; whether it ended.
    ///
    /// # Cancel safety
    /// The question is asked all the same.
    pub(crate) async fn ask(&self, limit: Duration) -> bool {
        let number = self.requests.fetch_add(1, Ordering::AcqRel) + 1;
        let mut served = self.served.subscribe();
        self.wanted.notify_one();
        let answered = served.wait_for(|served| *served >= number);
        matches!(timeout(limit, answered).await, Ok(Ok(_)))
    }

    /// Has the server asked soon, and waits for nothing.
    pub(crate) fn ask_soon(&self) {
        self.wanted.notify_one();
    }

    pub(crate) fn stop(&self) {
        if let Some(task) = self.lock().take() {
            task.abort();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<AbortHandle>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The task of a watcher.
struct Watching {
    watcher: Weak<Watcher>,
    pool: Weak<Pool>,
    pace: Pace,
    server: Server,
    /// Told of each answer, and of each loss of the connection.
    audience: Weak<Replicas>,
}

impl Watching {
    /// Keeps a connection until the pool, the watcher or the audience is gone.
    async fn run(self) {
        let mut pauses = Pauses::between(FIRST_PAUSE, LONGEST_PAUSE);
        let mut session = 0;
        loop {
            let Some(pool) = self.pool.upgrade() else {
                return;
            };
            let deadline = clock::after(pool.settings.acquire_timeout);
            let connected = pool.connector.connect(Purpose::Calls, deadline).await;
            drop(pool);
            let why = match connected {
                Ok(connection) => {
                    session += 1;
                    let end = self.converse(&connection, session, &mut pauses).await;
                    connection.kill();
                    match end {
                        End::Gone => return,
                        End::Expired => continue,
                        End::Lost(why) => why,
                    }
                }
                Err(refused) => refused.error.to_string(),
            };
            let (Some(audience), Some(watcher)) = (self.audience.upgrade(), self.watcher.upgrade())
            else {
                return;
            };
            let served = watcher.requests.load(Ordering::Acquire);
            audience.lost(self.server, why);
            watcher.served.send_replace(served);
            drop((audience, watcher));
            sleep_until(pauses.next_end()).await;
        }
    }

    /// Asks on `connection` until that is over.
    async fn converse(&self, connection: &Connection, session: u64, pauses: &mut Pauses) -> End {
        loop {
            let (opened, requests) = match (self.pool.upgrade(), self.watcher.upgrade()) {
                (Some(pool), Some(watcher)) => (
                    pool.connector.opened(),
                    watcher.requests.load(Ordering::Acquire),
                ),
                _ => return End::Gone,
            };
            let asked = Instant::now();
            let report = match timeout(self.pace.answer, ask(connection.client())).await {
                Ok(Ok(Some(report))) => report,
                Ok(Ok(None)) => return End::Lost("it does not say how far it is".to_owned()),
                Ok(Err(cause)) => return End::Lost(words(&cause)),
                Err(_) => {
                    let waited_ms = self.pace.answer.as_millis();
                    return End::Lost(format!("it does not answer within {waited_ms}ms"));
                }
            };
            let (Some(audience), Some(watcher)) = (self.audience.upgrade(), self.watcher.upgrade())
            else {
                return End::Gone;
            };
            let heard = Heard {
                report,
                asked,
                session,
                opened,
            };
            audience.heard(self.server, heard);
            watcher.served.send_replace(requests);
            drop(audience);
            *pauses = Pauses::between(FIRST_PAUSE, LONGEST_PAUSE);
            if connection.is_expired() {
                return End::Expired;
            }
            let next = pin!(timeout(self.pace.interval, watcher.wanted.notified()));
            if let Either::Left(_) = future::select(pin!(connection.over()), next).await {
                return End::Lost(LOST.to_owned());
            }
        }
    }
}

/// Why the server gave no answer.
fn words(cause: &tokio_postgres::Error) -> String {
    match cause.as_db_error() {
        // The question has no values, so neither has what is said of it.
        Some(said) => {
            let (code, message) = (said.code().code(), said.message());
            format!("it does not say how far it is: {message} ({code})")
        }
        None => LOST.to_owned(),
    }
}

/// Why a conversation is over.
enum End {
    /// Nobody wants it any more.
    Gone,
    /// The connection has served its time; the server is well.
    Expired,
    Lost(String),
}
