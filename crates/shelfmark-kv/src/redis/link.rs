//! A connection that many tasks share and that comes back by itself.
//!
//! One task, the keeper, opens it: so there is one attempt at a time however many callers wait, with growing and
//! scattered pauses. It notices an end also while nobody calls. A connection on which nothing was answered for a second
//! although somebody asked is given up, since a machine that is gone says nothing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use redis::{Cmd, Pipeline, RedisResult, Value};
use shelfmark_core::{Error, Result};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::connection::Connection;
use super::dial::Dial;
use super::error::{Failure, Intent, is_refusal, login_refused, lost, reason, silent, unreachable};

/// How long nothing is answered on a connection before it is given up.
const SILENCE: Duration = Duration::from_secs(1);
/// How much longer than an attempt to connect one waits for what it says.
const VERDICT: Duration = Duration::from_millis(20);
/// Pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_millis(500);

/// A pause that doubles, scattered so that many clients of one server don't come together.
#[derive(Debug, Default)]
pub(super) struct Backoff(u32);

impl Backoff {
    pub(super) async fn pause(&mut self) {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.0.min(10))
            .min(LAST_PAUSE);
        self.0 += 1;
        sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }

    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }
}

/// One connection.
pub(super) struct Wire {
    connection: Connection,
    opened: Instant,
    /// When the first call since the last answer was made, in microseconds after `opened`, plus one; 0 without any.
    asked: AtomicU64,
    /// Whether anything was ever answered on it.
    has_answered: AtomicBool,
    /// Rung when it is not to be used any more.
    lost: Arc<Notify>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
enum Status {
    Up(Arc<Wire>),
    Down {
        reason: Option<Arc<str>>,
        /// The server was there and refused our login.
        is_refusal: bool,
    },
}

#[derive(Debug)]
pub(super) struct Link {
    dial: Dial,
    place: String,
    status: watch::Sender<Status>,
    keeper: std::sync::OnceLock<JoinHandle<()>>,
}

/// What is sent as one.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    One(&'a Cmd),
    Many(&'a Pipeline, usize),
}

impl Link {
    /// Begins to keep a connection, in the current runtime.
    pub(super) fn start(dial: Dial) -> Arc<Link> {
        let link = Arc::new(Link {
            place: dial.shown(),
            dial: dial.clone(),
            status: watch::Sender::new(Status::Down {
                reason: None,
                is_refusal: false,
            }),
            keeper: std::sync::OnceLock::new(),
        });
        let keeper = tokio::spawn(keep(dial, link.status.clone()));
        // Nobody else sets it.
        let _ = link.keeper.set(keeper);
        link
    }

    pub(super) fn dial(&self) -> &Dial {
        &self.dial
    }

    /// Waits until the connection is there, for one whole attempt: it ends in time to say why it failed.
    pub(super) async fn ready(&self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout + VERDICT;
        self.wire(deadline, timeout).await.map(drop)
    }

    async fn wire(&self, deadline: Instant, timeout: Duration) -> Result<Arc<Wire>> {
        if let Status::Up(wire) = &*self.status.borrow() {
            return Ok(wire.clone());
        }
        let mut status = self.status.subscribe();
        let is_decided = |status: &Status| match status {
            Status::Up(_) => true,
            Status::Down { is_refusal, .. } => *is_refusal,
        };
        let decided = timeout_at(deadline, status.wait_for(is_decided)).await;
        if let Ok(Ok(status)) = decided {
            return match &*status {
                Status::Up(wire) => Ok(wire.clone()),
                Status::Down { reason, .. } => Err(login_refused(
                    &self.place,
                    reason.as_deref().unwrap_or_default(),
                )),
            };
        }
        let status = self.status.borrow().clone();
        match status {
            // It came at the last moment.
            Status::Up(wire) => Ok(wire),
            Status::Down { reason, .. } => {
                Err(unreachable(&self.place, timeout, reason.as_deref()))
            }
        }
    }

    /// Sends `request` and waits for its answer, all within `timeout`. A read is sent once more when the connection was
    /// lost under it.
    pub(super) async fn call(
        &self,
        request: Request<'_>,
        intent: Intent,
        timeout: Duration,
    ) -> std::result::Result<Vec<Value>, Failure> {
        let deadline = Instant::now() + timeout;
        let mut may_repeat = intent == Intent::Read;
        loop {
            let wire = self.wire(deadline, timeout).await?;
            wire.ask();
            match timeout_at(deadline, wire.send(request)).await {
                Ok(Ok(values)) => {
                    wire.answered();
                    return Ok(values);
                }
                Ok(Err(error)) => {
                    if let Ok(error) = redis::ServerError::try_from(error.clone()) {
                        return Err(Failure::Server(error));
                    }
                    wire.lost.notify_one();
                    // The keeper is to notice first: the same connection would be taken again, and callers that try
                    // again at once would leave it no time to.
                    self.until_replaced(&wire, deadline).await;
                    if std::mem::take(&mut may_repeat) {
                        continue;
                    }
                    return Err(lost(&self.place, intent).into());
                }
                Err(_) => {
                    wire.give_up_if_silent();
                    return Err(silent(&self.place, timeout, intent).into());
                }
            }
        }
    }

    async fn until_replaced(&self, wire: &Arc<Wire>, deadline: Instant) {
        let mut status = self.status.subscribe();
        let is_other =
            |status: &Status| !matches!(status, Status::Up(now) if Arc::ptr_eq(now, wire));
        // The deadline is seen by whoever waits for the next one.
        let _ = timeout_at(deadline, status.wait_for(is_other)).await;
    }

    /// Gives the connection up, so that the next one is made from the start: to another master, perhaps.
    pub(super) fn renew(&self) {
        if let Status::Up(wire) = &*self.status.borrow() {
            wire.lost.notify_one();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.abort();
        }
    }
}

impl Wire {
    async fn send(&self, request: Request<'_>) -> RedisResult<Vec<Value>> {
        let mut connection = self.connection.commands.clone();
        match request {
            Request::One(command) => Ok(vec![connection.send_packed_command(command).await?]),
            Request::Many(commands, count) => {
                connection.send_packed_commands(commands, 0, count).await
            }
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn ask(&self) {
        if self.asked.load(Relaxed) == 0 {
            self.asked.store(self.micros() + 1, Relaxed);
        }
    }

    /// Written to only where it changes something, since all calls share it.
    fn answered(&self) {
        if self.asked.load(Relaxed) != 0 {
            self.asked.store(0, Relaxed);
        }
        if !self.has_answered.load(Relaxed) {
            self.has_answered.store(true, Relaxed);
        }
    }

    fn give_up_if_silent(&self) {
        let asked = self.asked.load(Relaxed);
        let silence = Duration::from_micros(self.micros().saturating_sub(asked));
        if asked != 0 && silence >= SILENCE {
            self.lost.notify_one();
        }
    }
}

/// Opens the connection again and again, for as long as the link lives.
async fn keep(dial: Dial, status: watch::Sender<Status>) {
    let place = dial.shown();
    let mut backoff = Backoff::default();
    loop {
        let lost = Arc::new(Notify::new());
        match dial.open(lost.clone(), None).await {
            Ok(connection) => {
                let wire = Arc::new(Wire {
                    connection,
                    opened: Instant::now(),
                    asked: AtomicU64::new(0),
                    has_answered: AtomicBool::new(false),
                    lost: lost.clone(),
                });
                status.send_replace(Status::Up(wire.clone()));
                lost.notified().await;
                tracing::warn!(place, "the connection was lost; connecting again");
                let reason = Some(Arc::from("the connection was lost"));
                status.send_replace(Status::Down {
                    reason,
                    is_refusal: false,
                });
                // A server that hangs up at once is as good as away.
                if wire.has_answered.load(Relaxed) || wire.opened.elapsed() > SILENCE {
                    backoff.reset();
                }
            }
            Err(error) => {
                let is_refusal = is_refusal(&error);
                let reason: Arc<str> = Arc::from(reason(&error, &dial));
                tracing::debug!(place, %reason, "no connection");
                status.send_replace(Status::Down {
                    reason: Some(reason),
                    is_refusal,
                });
                if is_refusal {
                    // Wrong passwords many times a second look like an attack.
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
        backoff.pause().await;
    }
}

/// The only answer of a single command.
pub(super) fn only(values: Vec<Value>) -> std::result::Result<Value, Failure> {
    match values.into_iter().next() {
        Some(Value::ServerError(error)) => Err(Failure::Server(error)),
        Some(value) => Ok(value),
        None => Err(Failure::Other(unexpected())),
    }
}

/// The server answered something else than its protocol says.
pub(crate) fn unexpected() -> Error {
    Error::new(shelfmark_core::ErrorKind::Decode)
        .with_detail("the server's answer is not of the kind its command has; is it a Redis of version 6.2 or newer?")
}
