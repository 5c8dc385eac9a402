//! Rows in batches, read no further ahead than the caller keeps up with.
//!
//! A thread stands on the query and hands filled sinks over a short channel; when that is full it waits. Dropping the
//! stream stops the query and gives the connection back.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::future::{Either, select};
use futures_util::{StreamExt as _, stream};
use shelfmark_core::{Error, ErrorKind, Flow, Result, RowSink};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::brake::{StopOnDrop, Token};
use crate::connection::Connection;
use crate::perform::{Job, Step, query, ready as bindable};
use crate::row::start;
use crate::site::{Phase, Site};

/// How many rows a batch has.
const BATCH_ROWS: usize = 256;

/// How many batches wait for the caller at most.
const BATCHES_AHEAD: usize = 2;

type Filled = Box<dyn RowSink>;

enum Message {
    Batch(Filled),
    Failed(Error),
    Panicked(Box<dyn Any + Send>),
    /// The result has ended. Without this word it is cut off, whatever came before.
    End,
}

/// Where the thread puts its batches.
pub(crate) struct Outlet {
    sender: mpsc::Sender<Message>,
    site: Arc<Site>,
}

impl Outlet {
    /// Hands a batch over, waiting for room; says whether the caller is still there.
    fn send(&self, batch: Filled) -> bool {
        self.put(Message::Batch(batch))
    }

    fn put(&self, message: Message) -> bool {
        let message = match self.sender.try_send(message) {
            Ok(()) => return true,
            Err(TrySendError::Closed(_)) => return false,
            Err(TrySendError::Full(message)) => message,
        };
        // A caller that reads no further must not hold up the closing of the database.
        tokio::runtime::Handle::current().block_on(async {
            let sent = pin!(self.sender.send(message));
            let stopping = pin!(self.site.reached(Phase::Stopping));
            matches!(select(sent, stopping).await, Either::Left((Ok(()), _)))
        })
    }
}

/// Runs `work` on a blocking thread and gives what it puts into the outlet. What `work` owns is dropped before the
/// stream ends.
pub(crate) fn batches(
    site: &Arc<Site>,
    work: impl FnOnce(&Token, &Outlet) -> Result<()> + Send + 'static,
) -> Batches {
    let token = Token::default();
    let stop = StopOnDrop::new(token.clone());
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    let outlet = Outlet {
        sender,
        site: Arc::clone(site),
    };
    tokio::task::spawn_blocking(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&token, &outlet)));
        outlet.put(match outcome {
            Ok(Ok(())) => Message::End,
            Ok(Err(error)) => Message::Failed(error),
            Err(panic) => Message::Panicked(panic),
        });
    });
    Batches {
        receiver: Some(receiver),
        whole: None,
        _stop: Some(stop),
    }
}

/// A result that was read as a whole.
pub(crate) fn whole(sink: Filled) -> Batches {
    Batches {
        receiver: None,
        whole: Some(sink),
        _stop: None,
    }
}

/// Opens a stream when it is first asked, and fails as a stream when that fails.
pub(crate) fn flatten(
    opened: impl Future<Output = Result<Batches>> + Send,
) -> impl Stream<Item = Result<Filled>> + Send {
    stream::once(opened).flat_map(|batches| match batches {
        Ok(batches) => batches.left_stream(),
        Err(error) => stream::iter([Err(error)]).right_stream(),
    })
}

/// Steps through a query and puts its rows into the outlet, batch by batch.
pub(crate) fn pump(
    connection: &Connection,
    job: Job,
    mut sink: Filled,
    outlet: &Outlet,
) -> Result<()> {
    let route = job.route();
    let (sql, values) = job.into_parts();
    let values = bindable(values);
    let mut wanted = true;
    query(connection, route, &sql, &values, |step| match step {
        Step::Columns(statement) => start(&mut *sink, statement).map(|()| Flow::More),
        Step::Row(row) => {
            let flow = sink.row(&row)?;
            if sink.held() >= BATCH_ROWS {
                let next = sink.next_batch();
                wanted = outlet.send(std::mem::replace(&mut sink, next));
            }
            Ok(if wanted { flow } else { Flow::Enough })
        }
    })?;
    if wanted && sink.held() > 0 {
        outlet.send(sink);
    }
    Ok(())
}

/// The batches of one query.
pub(crate) struct Batches {
    receiver: Option<mpsc::Receiver<Message>>,
    whole: Option<Filled>,
    _stop: Option<StopOnDrop>,
}

impl Stream for Batches {
    type Item = Result<Filled>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(sink) = this.whole.take() {
            return Poll::Ready(Some(Ok(sink)));
        }
        let Some(receiver) = &mut this.receiver else {
            return Poll::Ready(None);
        };
        let message = ready!(receiver.poll_recv(context));
        if let Some(Message::Batch(sink)) = message {
            return Poll::Ready(Some(Ok(sink)));
        }
        this.receiver = None;
        Poll::Ready(match message {
            Some(Message::Failed(error)) => Some(Err(error)),
            Some(Message::Panicked(panic)) => resume_unwind(panic),
            Some(Message::End) => None,
            Some(Message::Batch(_)) | None => Some(Err(Error::new(ErrorKind::Connection)
                .with_detail(
                    "the stream was cut off because the database or the runtime was shut down",
                ))),
        })
    }
}
