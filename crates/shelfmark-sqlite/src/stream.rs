//! Rows in batches, read no further ahead than the caller keeps up with.
//!
//! A thread stands on the query and hands filled sinks over a short channel; when that is full it waits, but not for
//! ever: a reader that takes nothing for [`IDLE_LIMIT`] loses its query. Dropping the stream stops the query and gives
//! the connection back.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_util::future::{Either, select};
use futures_util::{StreamExt as _, stream};
use shelfmark_core::{Error, ErrorKind, Flow, Result, RowSink};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::brake::{StopOnDrop, Token};
use crate::connection::Connection;
use crate::perform::{End, Job, Step, query, ready as bindable};
use crate::row::start;
use crate::site::{Phase, Site, closed};

/// How many rows a batch has.
const BATCH_ROWS: usize = 256;

/// How many batches wait for the caller at most.
const BATCHES_AHEAD: usize = 2;

/// How long a stream waits for its reader before it gives its connection back, unless the engine was told otherwise.
pub(crate) const IDLE_LIMIT: Duration = Duration::from_secs(10 * 60);

type Filled = Box<dyn RowSink>;

/// How a stream ended.
enum Last {
    Whole,
    Failed(Error),
    Panicked(Box<dyn Any + Send>),
}

/// The last word of the thread, said before it lets go of the channel and heard when the channel has run dry. So the
/// thread need not wait for room to say it. Without it a result is cut off, whatever came before.
type LastWord = Arc<Mutex<Option<Last>>>;

/// Where the thread puts its batches.
pub(crate) struct Outlet {
    sender: mpsc::Sender<Filled>,
    site: Arc<Site>,
    /// How long the reader has taken nothing, once that was too long.
    gave_up: Cell<Option<Duration>>,
}

impl Outlet {
    /// How long the reader had taken nothing when it was given up.
    pub(crate) fn gave_up(&self) -> Option<Duration> {
        self.gave_up.get()
    }

    /// Hands a batch over, waiting for room.
    ///
    /// # Errors
    /// Why no further batch is wanted: `Timeout` when the reader took none for too long, `Connection` when the
    /// database is being closed or the reader is gone.
    fn send(&self, batch: Filled) -> Result<()> {
        let batch = match self.sender.try_send(batch) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(reader_gone()),
            Err(TrySendError::Full(batch)) => batch,
        };
        let limit = self.site.stream_idle_limit();
        tokio::runtime::Handle::current().block_on(async {
            let sent = pin!(tokio::time::timeout(limit, self.sender.send(batch)));
            // A caller that reads no further must not hold up the closing of the database.
            let stopping = pin!(self.site.reached(Phase::Stopping));
            match select(sent, stopping).await {
                Either::Left((Ok(Ok(())), _)) => Ok(()),
                Either::Left((Ok(Err(_)), _)) => Err(reader_gone()),
                Either::Left((Err(_), _)) => {
                    self.gave_up.set(Some(limit));
                    Err(given_up(limit, "its connection was given back"))
                }
                Either::Right(_) => Err(closed()),
            }
        })
    }
}

/// What the reader of a stream is told who took nothing for `limit`.
pub(crate) fn given_up(limit: Duration, consequence: &str) -> Error {
    Error::new(ErrorKind::Timeout).with_detail(format!(
        "no row of the stream was taken for {}ms, so {consequence}; read a stream without such pauses, or in pages",
        limit.as_millis()
    ))
}

/// Nobody is left who could see it.
fn reader_gone() -> Error {
    Error::new(ErrorKind::Connection).with_detail("the stream was dropped")
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
    let last = LastWord::default();
    let word = Arc::clone(&last);
    let outlet = Outlet {
        sender,
        site: Arc::clone(site),
        gave_up: Cell::new(None),
    };
    tokio::task::spawn_blocking(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&token, &outlet)));
        *word.lock().unwrap_or_else(PoisonError::into_inner) = Some(match outcome {
            Ok(Ok(())) => Last::Whole,
            Ok(Err(error)) => Last::Failed(error),
            Err(panic) => Last::Panicked(panic),
        });
        // Only now may the reader see that nothing more comes.
        drop(outlet);
    });
    Batches {
        receiver: Some(receiver),
        last,
        whole: None,
        _stop: Some(stop),
    }
}

/// A result that was read as a whole.
pub(crate) fn whole(sink: Filled) -> Batches {
    Batches {
        receiver: None,
        last: LastWord::default(),
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
    let end = query(connection, route, &sql, &values, |step| match step {
        Step::Columns(statement) => start(&mut *sink, statement).map(|()| Flow::More),
        Step::Row(row) => {
            let flow = sink.row(&row)?;
            if sink.held() >= BATCH_ROWS {
                let next = sink.next_batch();
                outlet.send(std::mem::replace(&mut sink, next))?;
            }
            Ok(flow)
        }
    })?;
    match end {
        End::Refused(error) => Err(error),
        End::Complete if sink.held() > 0 => outlet.send(sink),
        End::Complete => Ok(()),
    }
}

/// The batches of one query.
pub(crate) struct Batches {
    receiver: Option<mpsc::Receiver<Filled>>,
    last: LastWord,
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
        if let Some(sink) = ready!(receiver.poll_recv(context)) {
            return Poll::Ready(Some(Ok(sink)));
        }
        this.receiver = None;
        let last = this
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Poll::Ready(match last {
            Some(Last::Whole) => None,
            Some(Last::Failed(error)) => Some(Err(error)),
            Some(Last::Panicked(panic)) => resume_unwind(panic),
            None => Some(Err(Error::new(ErrorKind::Connection).with_detail(
                "the stream was cut off because the database or the runtime was shut down",
            ))),
        })
    }
}
