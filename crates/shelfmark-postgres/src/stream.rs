//! Results of any length, a batch at a time, in bounded memory.
//!
//! A stream has a connection for itself, since the server stops sending while nobody reads. The deadline bounds the
//! wait for each batch and not the whole, which may take as long as its reader wants; so the server's own deadline,
//! which would count the reader's time, is turned off for it. Dropped before its end it stops the server. A reader that
//! asks for nothing for [`IDLE_LIMIT`] loses its connection to others; a transaction is rolled back for that.
//!
//! A transaction has a deadline as well, but that is kept by the future of its scope, and may be long: the watchdog
//! needs nobody to poll anything.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use shelfmark_core::{Access, BoxStream, Call, Error, ErrorKind, Flow, Result, RowSink};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::RowStream;

use crate::error::{self, Failure, Fate, Link};
use crate::kept::{Kept, Occupied};
use crate::lease::{Lease, RUNNING, UNLIMITED};
use crate::pool::Pool;
use crate::row::PgRow;
use crate::run::{Begin, Begun, Rules, STALE_REPEATS, begin, column_names};
use crate::statement::Prepared;

/// A batch is handed on when it has so many rows,
const BATCH_ROWS: usize = 256;
/// or when its rows took so many bytes on the wire.
const BATCH_BYTES: usize = 1 << 20;

/// How long a stream waits for its reader before it gives its connection back, unless the engine was told otherwise.
pub(crate) const IDLE_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Where a stream gets its connection from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// The pool, for as long as the stream is read; its reader may take so long to ask for the next batch.
    Pool(&'a Arc<Pool>, Duration),
    /// The kept connection of a transaction, or of a migration, where nothing bounds the time of the reader.
    Kept(&'a Arc<Kept>, Rules, Option<Duration>),
}

/// The rows of `call`, in batches.
pub(crate) fn stream<'a>(
    source: Source<'a>,
    call: Call<'a>,
    sink: Box<dyn RowSink>,
    limit: Duration,
) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
    let state = State::Planned { source, call, sink };
    stream::try_unfold(state, move |state| async move {
        let mut open = match state {
            State::Planned { source, call, sink } => open(source, &call, sink, limit).await?,
            State::Open(open) => open,
            State::Parked(parked) => parked.resume()?,
            State::Ended => return Ok(None),
        };
        let filled = match timeout(limit, open.fill()).await {
            Ok(filled) => filled?,
            Err(_) => return Err(error::deadline(limit, open.reads)),
        };
        Ok(match filled {
            Filled::Batch(batch) => Some((batch, open.park())),
            Filled::Last(batch) => Some((batch, State::Ended)),
            Filled::Nothing => None,
        })
    })
    .boxed()
}

enum State<'a> {
    /// Nothing has been sent.
    Planned {
        source: Source<'a>,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    },
    Open(Open),
    /// With its reader, who may not come back.
    Parked(Parked),
    Ended,
}

/// A connection whose rows are being read, and how long it waits for its reader.
enum Tied {
    /// Given back when it is dropped.
    Lease(Lease, Duration),
    /// Its statement is stopped when it is dropped, and the transaction is left with nothing but a rollback.
    Occupied(Occupied, Option<Duration>),
}

impl Tied {
    fn lease(&self) -> Result<&Lease> {
        match self {
            Tied::Lease(lease, _) => Ok(lease),
            Tied::Occupied(occupied, _) => occupied.lease(),
        }
    }

    /// A call begins; dropped from now on, it is stopped.
    fn begin(&mut self) -> Result<()> {
        if let Tied::Occupied(occupied, _) = self {
            occupied.begin();
        }
        let lease = self.lease()?;
        // What is set behind a pooler ends with its transaction.
        lease.note(match lease.connection().behind() {
            Some(_) => RUNNING,
            None => RUNNING | UNLIMITED,
        });
        Ok(())
    }

    /// The answer has ended.
    fn end(&mut self, failure: Option<&Failure>) {
        if let Ok(lease) = self.lease() {
            match failure {
                Some(failure) if failure.link == Link::Lost => lease.note_lost(),
                Some(_) => lease.clear(RUNNING),
                None => {
                    lease.clear(RUNNING);
                    // Sent without waiting: whatever comes next on the connection comes behind it.
                    match (lease.connection().behind(), &*self) {
                        (None, _) => send(lease, "RESET statement_timeout"),
                        (Some(behind), Tied::Occupied(..)) => send(lease, &behind.limit()),
                        (Some(_), Tied::Lease(..)) => {}
                    }
                    lease.clear(UNLIMITED);
                }
            }
        }
        if let Tied::Occupied(occupied, _) = self {
            occupied.end(failure);
        }
    }
}

/// Sends a text whose answer nobody waits for.
fn send(lease: &Lease, sql: &str) {
    let _ = lease
        .connection()
        .client()
        .batch_execute(sql)
        .now_or_never();
}

async fn open<'a>(
    source: Source<'a>,
    call: &Call<'a>,
    sink: Box<dyn RowSink>,
    limit: Duration,
) -> Result<Open> {
    let reads = call.access == Access::Read;
    let (mut unsent_left, mut lost_left) = match source {
        Source::Pool(pool, _) => (pool.most(), usize::from(reads)),
        Source::Kept(..) => (0, 0),
    };
    loop {
        let (mut tied, rules) = match source {
            Source::Pool(pool, idle_limit) => {
                let lease = pool.acquire(call.method).await?;
                (Tied::Lease(lease, idle_limit), Rules::POOLED)
            }
            Source::Kept(kept, rules, idle_limit) => {
                let occupied = kept.occupy_begun().await?;
                (Tied::Occupied(occupied, idle_limit), rules)
            }
        };
        let Ok(begun) = timeout(limit, start(&mut tied, call, rules)).await else {
            return Err(error::deadline(limit, reads));
        };
        let failure = match begun {
            Ok(begun) => {
                return Ok(Open {
                    rows: Box::pin(begun.rows),
                    prepared: begun.prepared,
                    tied,
                    sink,
                    started: false,
                    wants: true,
                    refused: None,
                    reads,
                });
            }
            Err(failure) => failure,
        };
        let left = match (failure.link, failure.fate) {
            (Link::Lost, Fate::NotRun) => &mut unsent_left,
            (Link::Lost, Fate::Other) => &mut lost_left,
            _ => return Err(failure.error),
        };
        if *left == 0 {
            return Err(failure.error);
        }
        *left -= 1;
    }
}

/// Sends the statement, a second time where the first met a plan that no longer fits.
async fn start(tied: &mut Tied, call: &Call<'_>, rules: Rules) -> Result<Begun<'static>, Failure> {
    let mut repeats = if rules.in_transaction {
        0
    } else {
        STALE_REPEATS
    };
    tied.begin().map_err(Failure::unsent)?;
    loop {
        let lease = tied.lease().map_err(Failure::unsent)?;
        match lease.connection().behind() {
            None => send(lease, "SET statement_timeout = 0"),
            Some(_) if rules.in_transaction => send(lease, "SET LOCAL statement_timeout = 0"),
            // It has no deadline of the server's there, unless its user has one.
            Some(_) => {}
        }
        let failure = match begin(lease, call, rules, None).await {
            Ok(begun) => return Ok(begun),
            Err(Begin::Failed(failure)) => failure,
            Err(Begin::Stale(failure)) => {
                if repeats > 0 {
                    repeats -= 1;
                    continue;
                }
                Failure {
                    error: failure.error.with_retryable(),
                    ..failure
                }
            }
        };
        tied.end(Some(&failure));
        return Err(failure);
    }
}

/// A stream that is being read.
struct Open {
    rows: Pin<Box<RowStream>>,
    prepared: Arc<Prepared>,
    tied: Tied,
    /// The batch that is being filled.
    sink: Box<dyn RowSink>,
    started: bool,
    wants: bool,
    /// Why a statement that writes, and is run to its end, has no further rows to give.
    refused: Option<Error>,
    reads: bool,
}

impl Open {
    /// Leaves a stream with its reader, who has a batch to look at.
    fn park<'a>(self) -> State<'a> {
        match self.tied {
            Tied::Lease(_, limit) | Tied::Occupied(_, Some(limit)) => {
                State::Parked(Parked::new(self, limit))
            }
            Tied::Occupied(_, None) => State::Open(self),
        }
    }

    /// Gives the connection to others, since the reader has not come back for `idle`.
    fn forsake(self, idle: Duration) {
        drop(self.rows);
        match self.tied {
            Tied::Lease(lease, _) => drop(lease),
            Tied::Occupied(occupied, _) => occupied.forsake(idle),
        }
    }
}

/// A stream whose reader is busy with a batch, for a time that is bounded.
struct Parked {
    /// Empty once the time was over.
    open: Arc<Mutex<Option<Open>>>,
    limit: Duration,
    in_transaction: bool,
    /// Empties the slot in time; aborted when it is no longer needed.
    watchdog: AbortHandle,
}

impl Parked {
    fn new(open: Open, limit: Duration) -> Self {
        let in_transaction = matches!(open.tied, Tied::Occupied(..));
        let open = Arc::new(Mutex::new(Some(open)));
        let slot = Arc::clone(&open);
        let watchdog = tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            if let Some(open) = taken(&slot) {
                open.forsake(limit);
            }
        });
        Parked {
            open,
            limit,
            in_transaction,
            watchdog: watchdog.abort_handle(),
        }
    }

    /// The stream, for the reader who came back.
    fn resume(self) -> Result<Open> {
        taken(&self.open).ok_or_else(|| {
            let consequence = if self.in_transaction {
                "its transaction was rolled back"
            } else {
                "its connection was given back"
            };
            Error::new(ErrorKind::Timeout).with_detail(format!(
                "no row of the stream was taken for {}ms, so {consequence}; read a stream without such pauses, or in \
                 pages",
                self.limit.as_millis()
            ))
        })
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.watchdog.abort();
        // Here and now, and not when the watchdog has gone.
        drop(taken(&self.open));
    }
}

fn taken(slot: &Mutex<Option<Open>>) -> Option<Open> {
    // Nothing but this happens under the lock.
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What became of a batch.
enum Filled {
    Batch(Box<dyn RowSink>),
    Last(Box<dyn RowSink>),
    Nothing,
}

impl Open {
    /// Reads until a batch is full or the result has ended.
    async fn fill(&mut self) -> Result<Filled> {
        let mut bytes = 0;
        loop {
            let row = match self.rows.try_next().await {
                Ok(Some(row)) => row,
                Ok(None) => {
                    if self.wants {
                        self.start(None)?;
                    }
                    self.tied.end(None);
                    if let Some(error) = self.refused.take() {
                        return Err(error);
                    }
                    return Ok(if self.sink.held() > 0 {
                        Filled::Last(self.next())
                    } else {
                        Filled::Nothing
                    });
                }
                Err(error) => {
                    let failure = {
                        let lease = self.tied.lease()?;
                        Failure::from_driver(error, true, lease.connection())
                    };
                    self.tied.end(Some(&failure));
                    return Err(failure.error);
                }
            };
            if !self.wants {
                continue;
            }
            bytes += row.raw_size_bytes();
            match self
                .start(Some(&row))
                .and_then(|()| self.sink.row(&PgRow(&row)))
            {
                Ok(Flow::More) => {}
                Ok(Flow::Enough) => self.wants = false,
                // What only reads is stopped when the stream is dropped; what writes is done all the same.
                Err(error) if self.reads => return Err(error),
                Err(error) => {
                    self.wants = false;
                    self.refused = Some(error);
                    continue;
                }
            }
            if self.sink.held() >= BATCH_ROWS || bytes >= BATCH_BYTES {
                return Ok(Filled::Batch(self.next()));
            }
        }
    }

    fn start(&mut self, row: Option<&tokio_postgres::Row>) -> Result<()> {
        if !self.started {
            self.started = true;
            self.sink.start(&column_names(&self.prepared, row))?;
        }
        Ok(())
    }

    /// The filled sink; an empty one takes its place.
    fn next(&mut self) -> Box<dyn RowSink> {
        let next = self.sink.next_batch();
        std::mem::replace(&mut self.sink, next)
    }
}
