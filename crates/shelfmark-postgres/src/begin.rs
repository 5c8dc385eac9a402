//! The beginning of a transaction: how it may see others, and whose rows it may see.
//!
//! BEGIN travels with the first statement, so an empty transaction sends nothing. The driver ends each request by itself:
//! a statement behind a BEGIN that fails alone would be run as a transaction of its own. So only a read that does nothing
//! but answer leaves before BEGIN is answered, and what it says is thrown away when that fails; whatever may write waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;

use futures_util::future::{self, join};
use shelfmark_core::{BeginOptions, BoxFuture, Error, ErrorKind, Isolation, ValueRef};
use tokio::sync::Notify;
use tokio_postgres::types::{ToSql, Type as PgType};

use crate::bind::Bound;
use crate::connection::Connection;
use crate::error::{self, Failure, Fate, Link};
use crate::lease::{Lease, TRANSACTION};

/// Sets the tenant for the transaction only.
const SET_TENANT: &str = "SELECT pg_catalog.set_config('shelfmark.tenant', $1, true)";

/// How far the beginning of a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing has been sent.
    Waiting,
    /// BEGIN is on its way.
    Sent,
    /// The server has begun the transaction.
    Open,
    /// The server has refused to.
    Refused,
    /// The statement that BEGIN travelled with was dropped before the answer, so nobody takes that any more.
    Dropped,
    /// The connection was lost before the transaction had begun. Who sent BEGIN may send it on another; nobody else may,
    /// since nobody knows in which order they would come.
    Lost,
}

/// The beginning of one transaction.
pub(crate) struct Opening {
    options: BeginOptions,
    stage: AtomicU8,
    /// Told when BEGIN has been answered, was lost, or has nobody who takes its answer.
    answered: Notify,
}

/// The answer to BEGIN, which has been sent. Dropped without having been taken, it tells those who wait for it.
pub(crate) struct Beginning<'o> {
    opening: &'o Opening,
    answer: BoxFuture<'static, Result<(), Failure>>,
    taken: bool,
}

impl Beginning<'_> {
    /// Takes the answer.
    ///
    /// # Cancel safety
    /// Dropped before its end, it tells those who wait for the answer that nobody takes it.
    pub(crate) async fn take(mut self, lease: &Lease) -> Result<(), Failure> {
        let answer = self.answer.as_mut().await;
        self.taken = true;
        match &answer {
            Ok(()) => self.opening.set(Stage::Open),
            Err(failure) if failure.link == Link::Lost => {
                lease.note_lost();
                self.opening.lose();
            }
            Err(_) => self.opening.set(Stage::Refused),
        }
        answer
    }
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        if !self.taken {
            self.opening.set(Stage::Dropped);
        }
    }
}

impl Opening {
    pub(crate) fn new(options: BeginOptions) -> Self {
        Opening {
            options,
            stage: AtomicU8::new(Stage::Waiting as u8),
            answered: Notify::new(),
        }
    }

    /// Who is said to hold the connection.
    pub(crate) fn label(&self) -> &'static str {
        self.options.label
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Waiting,
            1 => Stage::Sent,
            2 => Stage::Open,
            3 => Stage::Refused,
            4 => Stage::Dropped,
            _ => Stage::Lost,
        }
    }

    /// Whether the server has nothing of the transaction, so that there is nothing to end.
    pub(crate) fn has_not_begun(&self) -> bool {
        matches!(self.stage(), Stage::Waiting | Stage::Lost)
    }

    /// The connection on which it was to begin is gone.
    pub(crate) fn lose(&self) {
        self.set(Stage::Lost);
    }

    fn set(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Release);
        self.answered.notify_waiters();
    }

    /// Sends BEGIN, and the tenant with it, without waiting for an answer.
    pub(crate) async fn send(&self, lease: &Lease) -> Beginning<'_> {
        // Before it is sent, so that a dropped call is rolled back whatever the server has seen of it.
        lease.note(TRANSACTION);
        let connection = lease.shared_connection();
        let mut text = begin_text(&self.options);
        if let Some(behind) = connection.behind() {
            // In the same request, so it costs no wait.
            text = format!("{text}; {}", behind.limit());
        }
        let mut answer: BoxFuture<'static, _> =
            Box::pin(begin(connection, text, self.options.tenant.clone()));
        if let Poll::Ready(ended) = futures_util::poll!(answer.as_mut()) {
            answer = Box::pin(future::ready(ended));
        }
        self.set(Stage::Sent);
        Beginning {
            opening: self,
            answer,
            taken: false,
        }
    }

    /// Waits until BEGIN, which another statement has sent, is answered.
    pub(crate) async fn opened(&self) -> Result<(), Failure> {
        loop {
            let answered = self.answered.notified();
            match self.stage() {
                Stage::Open => return Ok(()),
                Stage::Sent => answered.await,
                Stage::Waiting | Stage::Lost => {
                    return Err(Failure {
                        error: error::lost(false, None),
                        link: Link::Lost,
                        fate: Fate::NotRun,
                    });
                }
                Stage::Refused => {
                    return Err(aborted("the server refused to begin the transaction"));
                }
                Stage::Dropped => {
                    return Err(aborted(
                        "the transaction has not begun: the statement that BEGIN travelled with was dropped before its \
                         answer",
                    ));
                }
            }
        }
    }
}

fn aborted(reason: &'static str) -> Failure {
    Failure {
        error: Error::new(ErrorKind::TransactionAborted).with_detail(reason),
        link: Link::Usable,
        fate: Fate::Other,
    }
}

/// What statements answer that were lost together before the transaction had begun: [`ErrorKind::Connection`] the one that
/// brought BEGIN, [`ErrorKind::TransactionAborted`] those beside it.
pub(crate) fn lost_together(kind: ErrorKind, reason: Error) -> Error {
    Error::new(kind)
        .with_detail(
            "the connection was lost before the transaction had begun; nothing of it has been done",
        )
        .with_source(reason)
        .with_retryable()
}

/// One that belongs to a tenant has its setting when this answers; both travel together.
async fn begin(
    connection: Arc<Connection>,
    begin: String,
    tenant: Option<Arc<str>>,
) -> Result<(), Failure> {
    let client = connection.client();
    let written = connection.bytes_written();
    let failed = |error| {
        let sent = connection.bytes_written() != written;
        Failure::from_driver(error, sent, &connection)
    };
    let Some(tenant) = tenant else {
        return client.batch_execute(&begin).await.map_err(failed);
    };
    let value = ValueRef::Text((&*tenant).into());
    // The driver logs values by their `Debug`, and this one does not tell.
    let bound = Bound {
        value: &value,
        index: 0,
    };
    let params: [(&(dyn ToSql + Sync), PgType); 1] = [(&bound, PgType::TEXT)];
    // Polled in this order, so sent in this order. If BEGIN fails, the setting ends with its own statement.
    match join(
        client.batch_execute(&begin),
        client.query_typed(SET_TENANT, &params),
    )
    .await
    {
        (Ok(()), Ok(_)) => Ok(()),
        (Err(error), _) => Err(failed(error)),
        (Ok(()), Err(error)) => {
            let failure = failed(error);
            Err(match failure.link {
                Link::Lost => failure,
                Link::Usable => Failure {
                    error: failure
                        .error
                        .with_detail("the server refused the tenant of the transaction"),
                    ..failure
                },
            })
        }
    }
}

fn begin_text(options: &BeginOptions) -> String {
    let isolation = match options.isolation {
        Isolation::RepeatableRead => "REPEATABLE READ",
        Isolation::Serializable => "SERIALIZABLE",
        _ => "READ COMMITTED",
    };
    let access = if options.read_only {
        " READ ONLY"
    } else {
        " READ WRITE"
    };
    format!("BEGIN ISOLATION LEVEL {isolation}{access}")
}
