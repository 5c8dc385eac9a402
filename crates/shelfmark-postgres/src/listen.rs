//! Listening: a connection of its own outside of the pool, watched and opened again for as long as its stream lives.
//!
//! `inbox` keeps what was heard for the reader; this file keeps the connection. A server that stands still is noticed
//! by a question after some silence, for TCP notices only one whose machine is gone.

use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::{self, Either};
use shelfmark_core::{BoxStream, Error, ErrorKind, Notice, Result};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::clock;
use crate::connect::{ConnectError, Pauses, Purpose};
use crate::connection::Connection;
use crate::error::{self, Failure, Link};
use crate::inbox::Inbox;
use crate::pool::Pool;

/// The first and the longest pause before an attempt to connect again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// When a connection that says nothing is asked whether it lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heartbeat {
    /// So long it may say nothing.
    pub(crate) silence: Duration,
    /// So long it may take to answer.
    pub(crate) answer: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Heartbeat {
            silence: Duration::from_secs(15),
            answer: Duration::from_secs(5),
        }
    }
}

/// The listeners of a pool: they end when it closes, and are counted.
pub(crate) struct Listeners(watch::Sender<bool>);

impl Default for Listeners {
    fn default() -> Self {
        Listeners(watch::Sender::new(false))
    }
}

impl Listeners {
    pub(crate) fn count(&self) -> usize {
        self.0.receiver_count()
    }

    pub(crate) fn end(&self) {
        self.0.send_replace(true);
    }

    fn enter(&self) -> Membership {
        Membership(self.0.subscribe())
    }
}

/// One of the listeners.
struct Membership(watch::Receiver<bool>);

impl Membership {
    /// Runs `work`; `None` when the pool is closed before it has ended, or is gone.
    async fn unless_closed<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let closed = pin!(self.0.wait_for(|closed| *closed));
        match future::select(closed, pin!(work)).await {
            Either::Left(_) => None,
            Either::Right((output, _)) => Some(output),
        }
    }
}

/// Listens on `channels`; answers when the server has accepted them.
///
/// # Cancel safety
/// The connection is closed.
pub(crate) async fn listen(
    pool: &Arc<Pool>,
    channels: &[String],
    heartbeat: Heartbeat,
) -> Result<BoxStream<'static, Result<Notice>>> {
    Notice::check_channels(channels)?;
    let mut membership = pool.listeners.enter();
    let inbox = Inbox::new();
    let command = command(channels);
    let deadline = clock::after(pool.settings.acquire_timeout);
    let opening = async {
        let connection = pool
            .connector
            .connect_patiently(Purpose::Listening, deadline)
            .await?;
        subscribe(&connection, &inbox, &command, deadline)
            .await
            .map_err(|refused| refused.error)?;
        Ok(connection)
    };
    let connection = match membership.unless_closed(opening).await {
        Some(opened) => opened?,
        None => return Err(error::closed()),
    };
    let listening = Listening {
        pool: Arc::downgrade(pool),
        place: pool.connector.place(),
        command,
        heartbeat,
        inbox: Arc::clone(&inbox),
    };
    let task = pool.tasks.spawn(async move {
        let keeping = listening.keep(connection);
        membership.unless_closed(keeping).await;
    });
    Ok(Box::pin(Notices { inbox, task }))
}

/// The stream. Dropping it ends the task, and with that the connection.
struct Notices {
    inbox: Arc<Inbox>,
    task: AbortHandle,
}

impl Stream for Notices {
    type Item = Result<Notice>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inbox.poll_next(cx)
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One listener, as its task has it. Dropping it ends the stream.
struct Listening {
    /// The task does not keep the pool alive; it holds it while it connects.
    pool: Weak<Pool>,
    place: String,
    command: String,
    heartbeat: Heartbeat,
    inbox: Arc<Inbox>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.inbox.end();
    }
}

impl Listening {
    /// Keeps a connection until the pool is gone, beginning with `connection`.
    async fn keep(self, mut connection: Connection) {
        let mut pauses = Pauses::between(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let since = Instant::now();
            let why = self.watch(&connection).await;
            self.inbox.interrupt();
            tracing::warn!(place = %self.place, why, "a listener lost its connection");
            connection.kill();
            drop(connection);
            // A server that ends each connection at once is not asked without a pause.
            if since.elapsed() > LONGEST_PAUSE {
                pauses = Pauses::between(FIRST_PAUSE, LONGEST_PAUSE);
            }
            connection = match self.reconnect(&mut pauses).await {
                Some(connection) => connection,
                None => return,
            };
            tracing::info!(place = %self.place, "a listener has its connection again");
        }
    }

    /// Waits until the connection is lost; says how that was noticed.
    async fn watch(&self, connection: &Connection) -> &'static str {
        let over = pin!(connection.over());
        match future::select(over, pin!(self.beat(connection))).await {
            Either::Left(_) => "it was closed",
            Either::Right(_) => "the server did not answer a heartbeat",
        }
    }

    /// Asks after each silence; ends when there is no answer.
    async fn beat(&self, connection: &Connection) {
        let mut answered = Instant::now();
        loop {
            let due = answered.max(self.inbox.heard()) + self.heartbeat.silence;
            if Instant::now() < due {
                sleep_until(due).await;
                continue;
            }
            let answer = connection.client().check_connection();
            if !matches!(timeout(self.heartbeat.answer, answer).await, Ok(Ok(()))) {
                return;
            }
            answered = Instant::now();
        }
    }

    /// Tries until there is a connection that listens; `None` when the pool is gone.
    async fn reconnect(&self, pauses: &mut Pauses) -> Option<Connection> {
        let mut told = false;
        loop {
            sleep_until(pauses.next_end()).await;
            let refused = {
                let pool = self.pool.upgrade()?;
                match self.open(&pool).await {
                    Ok(connection) => return Some(connection),
                    Err(refused) => refused,
                }
            };
            tracing::debug!(place = %self.place, error = %refused.error, "a listener cannot connect");
            // The server is there and has said no. That may be the end of this listener or a matter of minutes;
            // only its reader can know, so it is told, and told once.
            if !refused.passes && refused.error.code().is_some() && !told {
                told = true;
                self.inbox.refuse(refused.error);
            }
        }
    }

    async fn open(&self, pool: &Pool) -> Result<Connection, ConnectError> {
        let deadline = clock::after(pool.settings.acquire_timeout);
        let connection = pool.connector.connect(Purpose::Listening, deadline).await?;
        let limit = deadline.min(clock::after(self.heartbeat.answer));
        subscribe(&connection, &self.inbox, &self.command, limit).await?;
        Ok(connection)
    }
}

/// Sends the command, and lets `inbox` hear what the connection brings.
async fn subscribe(
    connection: &Connection,
    inbox: &Arc<Inbox>,
    command: &str,
    limit: Instant,
) -> Result<(), ConnectError> {
    connection.hear_with(inbox.ear());
    match timeout_at(limit, connection.client().batch_execute(command)).await {
        Ok(Ok(())) => {
            inbox.resume();
            Ok(())
        }
        Ok(Err(cause)) => {
            let failure = Failure::from_driver(cause, true, connection);
            Err(ConnectError {
                error: failure.error,
                passes: failure.link == Link::Lost,
            })
        }
        Err(_) => Err(ConnectError {
            error: Error::new(ErrorKind::Connection)
                .with_detail("the server did not answer LISTEN in time"),
            passes: true,
        }),
    }
}

/// One command for all channels, so that the server accepts all of them or none.
fn command(channels: &[String]) -> String {
    let listens: Vec<String> = channels
        .iter()
        .map(|name| format!("LISTEN \"{}\"", name.replace('"', "\"\"")))
        .collect();
    listens.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_whatever_they_contain() {
        let names = ["shows", "two words", "a\"b", "\"; DROP TABLE shows; --"].map(str::to_owned);
        assert_eq!(
            command(&names),
            "LISTEN \"shows\"; LISTEN \"two words\"; LISTEN \"a\"\"b\"; LISTEN \"\"\"; DROP TABLE shows; --\""
        );
    }
}
