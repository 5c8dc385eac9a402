//! One connection to the server: the driver's client, its statements, and the task that moves its bytes.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{self, Either};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::{Notify, oneshot};
use tokio::task::{AbortHandle, yield_now};
use tokio_postgres::{AsyncMessage, Client};

use crate::behind::Behind;
use crate::encryption::Encryption;
use crate::error;
use crate::inbox::Ear;
use crate::pump::{Hold, Pump};
use crate::statement::Statements;
use crate::wire::{Address, Pending, Probe, Wire, Written};

/// So often the driver gets a turn to read what has come between two statements; then it is taken for stuck.
const TURNS: usize = 20;
/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// An open connection. Dropping it ends the server's session.
pub(crate) struct Connection {
    /// Stands before `statements`: without a client the statements end silently, with it they would each send a
    /// message on a connection that is about to close.
    client: Client,
    /// The prepared statements; locked for a look-up only, never while waiting.
    pub(crate) statements: Mutex<Statements>,
    /// Whether the driver may have prepared statements of its own, to look up types; `DISCARD ALL` would take them
    /// away from it unnoticed.
    looked_up_types: AtomicBool,
    written: Written,
    probe: Probe,
    address: Address,
    /// The name under which the server was found, for its certificate.
    host: String,
    encryption: Arc<Encryption>,
    /// What the driver has learned by itself.
    news: Arc<News>,
    /// The driver, where calls move the bytes themselves; lanes have a task for that.
    pump: Option<Arc<Pump>>,
    /// The task that moves the bytes when no call does, for ending it at once.
    driver: AbortHandle,
    /// Dropped with the connection, which tells the driver that only a second is left.
    _closing: oneshot::Sender<()>,
    /// What is known of a connection that stands before a pooler in transaction mode.
    behind: Option<Behind>,
    /// When the connection is replaced whatever its state.
    expires: Instant,
    /// Since when it is unused; written when it comes back to the pool.
    idle_since: Mutex<Instant>,
}

/// What the driver's task learns of the session without being asked.
#[derive(Default)]
pub(crate) struct News {
    /// The code with which the server ended the session, once it has.
    farewell: OnceLock<String>,
    /// Who hears the messages of other sessions, where somebody listens.
    ear: OnceLock<Ear>,
    /// Told when the driver has ended; the listener waits for it.
    over: Notify,
}

/// What a connection is made of, besides the driver's task.
pub(crate) struct Parts {
    pub(crate) client: Client,
    pub(crate) written: Written,
    pub(crate) probe: Probe,
    pub(crate) address: Address,
    pub(crate) host: String,
    pub(crate) encryption: Arc<Encryption>,
    pub(crate) behind: Option<Behind>,
    pub(crate) expires: Instant,
    pub(crate) news: Arc<News>,
    pub(crate) pump: Option<Arc<Pump>>,
    pub(crate) driver: AbortHandle,
    pub(crate) closing: oneshot::Sender<()>,
}

impl Connection {
    pub(crate) fn new(parts: Parts) -> Self {
        Connection {
            client: parts.client,
            statements: Mutex::default(),
            looked_up_types: AtomicBool::new(false),
            written: parts.written,
            probe: parts.probe,
            address: parts.address,
            host: parts.host,
            encryption: parts.encryption,
            news: parts.news,
            pump: parts.pump,
            driver: parts.driver,
            behind: parts.behind,
            _closing: parts.closing,
            expires: parts.expires,
            idle_since: Mutex::new(Instant::now()),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for `work`, which waits for answers on this connection, and moves its bytes meanwhile.
    ///
    /// # Cancel safety
    /// As `work`; what is under way on the connection goes on.
    pub(crate) async fn drive<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.pump {
            Some(pump) => pump.drive(work).await,
            None => work.await,
        }
    }

    /// As [`drive`](Connection::drive), for work that others may join on the same task: what they all send leaves together.
    /// `hold` is what has been sent before.
    pub(crate) async fn drive_joined<T>(
        &self,
        hold: Option<Hold>,
        work: impl Future<Output = T>,
    ) -> T {
        match &self.pump {
            Some(pump) => pump.drive_joined(hold, work).await,
            None => work.await,
        }
    }

    /// Begins to send something that a call is about to wait for.
    pub(crate) fn hold(&self) -> Option<Hold> {
        self.pump.as_ref().map(Pump::hold)
    }

    /// What is known of it, if it stands before a pooler in transaction mode.
    pub(crate) fn behind(&self) -> Option<&Behind> {
        self.behind.as_ref()
    }

    pub(crate) fn statements(&self) -> std::sync::MutexGuard<'_, Statements> {
        // Nothing that could panic half-way runs under the lock.
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a cancel request over a socket of its own to the same server, and waits until that has closed it.
    pub(crate) async fn cancel(&self) -> io::Result<()> {
        let mut wire = Wire::open(&self.address).await?.shared();
        let sent = self
            .encryption
            .cancel(&self.client.cancel_token(), &self.host, wire.clone())
            .await;
        if let Err(error) = sent {
            match error::io_cause(&error) {
                Some(cause) if is_end(cause) => return Ok(()),
                _ => return Err(io::Error::other(error)),
            }
        }
        // Nothing is ever said but goodbye.
        let mut ignored = [0; 256];
        loop {
            match wire.read(&mut ignored).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if is_end(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The bytes sent so far.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.written.bytes()
    }

    /// The code with which the server ended the session.
    pub(crate) fn farewell(&self) -> Option<&str> {
        self.news.farewell.get().map(String::as_str)
    }

    /// Gives the messages of other sessions to `ear`, once and for all; without one they are dropped.
    pub(crate) fn hear_with(&self, ear: Ear) {
        // There is one listener for each connection that listens.
        let _ = self.news.ear.set(ear);
    }

    /// Waits until the driver has ended. One caller at a time is told.
    pub(crate) async fn over(&self) {
        self.news.over.notified().await;
    }

    /// Whether the driver has noticed that the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether nothing has happened on it since it was used last, by a look at the socket: the driver learns of a
    /// server that said farewell only when its task gets its turn.
    pub(crate) async fn is_quiet(&self) -> bool {
        for _ in 0..TURNS {
            if self.is_closed() {
                return false;
            }
            match self.probe.pending() {
                Pending::Nothing => return true,
                Pending::End => return false,
                // A notice, or the answer to something that nobody waited for; or the farewell.
                Pending::Bytes => {
                    if let Some(pump) = &self.pump {
                        pump.poll_driver();
                    }
                    yield_now().await;
                }
            }
        }
        false
    }

    /// Whether it has reached the age at which it is replaced.
    pub(crate) fn is_expired(&self) -> bool {
        Instant::now() >= self.expires
    }

    /// How long it has not been used.
    pub(crate) fn idle_for(&self) -> Duration {
        self.lock_idle().elapsed()
    }

    /// Begins a time without use.
    pub(crate) fn rest(&self) {
        *self.lock_idle() = Instant::now();
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.idle_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the socket without waiting for anything.
    pub(crate) fn kill(&self) {
        self.driver.abort();
        if let Some(pump) = &self.pump {
            pump.stop();
        }
        self.probe.shut_down();
    }

    pub(crate) fn note_type_lookup(&self) {
        self.looked_up_types.store(true, Ordering::Release);
    }

    /// Takes the session back to how it was when it began. Fails where that cannot be done well; the connection is
    /// closed then.
    pub(crate) async fn reset(&self) -> Result<(), ResetError> {
        if self.looked_up_types.load(Ordering::Acquire) {
            return Err(ResetError);
        }
        self.drive(self.client.batch_execute("DISCARD ALL"))
            .await
            .map_err(|_| ResetError)?;
        self.statements().clear();
        Ok(())
    }
}

/// Whether the other side has closed the socket: a server that does so over TLS before it has read our goodbye
/// resets the connection.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
    )
}

/// The session cannot be taken back.
#[derive(Debug)]
pub(crate) struct ResetError;

/// Moves the connection's bytes until it ends, or, once its owner has dropped it, for a second more.
pub(crate) async fn drive<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    closing: oneshot::Receiver<()>,
    news: Arc<News>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let news = EndOf(news);
    let driving = async {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => tracing::debug!(
                    severity = notice.severity(),
                    code = notice.code().code(),
                    "{}",
                    notice.message()
                ),
                Ok(AsyncMessage::Notification(message)) => {
                    if let Some(ear) = news.0.ear.get() {
                        ear.hear(message.channel(), message.payload());
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    if let Some(code) = error.code() {
                        // The first reason is the reason.
                        let _ = news.0.farewell.set(code.code().to_owned());
                    }
                    return;
                }
            }
        }
    };
    if let Either::Right((_, driving)) = future::select(pin!(driving), closing).await {
        let _ = tokio::time::timeout(GOODBYE, driving).await;
    }
}

/// Tells the owner of a connection that its driver has ended, however that came.
struct EndOf(Arc<News>);

impl Drop for EndOf {
    fn drop(&mut self) {
        self.0.over.notify_one();
    }
}
