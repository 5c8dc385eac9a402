//! Results of any length, a batch at a time, in bounded memory.
//!
//! A stream has a connection for itself, since the server stops sending while nobody reads. The deadline bounds the
//! wait for each batch and not the whole, which may take as long as its reader wants; so the server's own deadline,
//! which would count the reader's time, is turned off for it. Dropped before its end it stops the server.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use shelfmark_core::{Access, BoxStream, Call, Flow, Result, RowSink};
use tokio::time::timeout;
use tokio_postgres::RowStream;

use crate::error::{self, Failure, Fate, Link};
use crate::kept::{Kept, Occupied, When};
use crate::lease::{Lease, RUNNING, UNLIMITED};
use crate::pool::Pool;
use crate::row::PgRow;
use crate::run::{Begin, Begun, Rules, begin, column_names};
use crate::statement::Prepared;

/// A batch is handed on when it has so many rows,
const BATCH_ROWS: usize = 256;
/// or when its rows took so many bytes on the wire.
const BATCH_BYTES: usize = 1 << 20;

/// Where a stream gets its connection from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// The pool, for as long as the stream lives.
    Pool(&'a Arc<Pool>),
    /// The kept connection of a transaction or a migration.
    Kept(&'a Kept, Rules),
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
            State::Ended => return Ok(None),
        };
        let filled = match timeout(limit, open.fill()).await {
            Ok(filled) => filled?,
            Err(_) => return Err(error::deadline(limit, open.reads)),
        };
        Ok(match filled {
            Filled::Batch(batch) => Some((batch, State::Open(open))),
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
    Open(Open<'a>),
    Ended,
}

/// A connection whose rows are being read.
enum Tied<'a> {
    /// Given back when it is dropped.
    Lease(Lease),
    Occupied(Occupied<'a>),
}

impl Tied<'_> {
    fn lease(&self) -> Result<&Lease> {
        match self {
            Tied::Lease(lease) => Ok(lease),
            Tied::Occupied(occupied) => occupied.lease(),
        }
    }

    /// A call begins; dropped from now on, it is stopped.
    fn begin(&mut self) -> Result<()> {
        if let Tied::Occupied(occupied) = self {
            occupied.begin();
        }
        self.lease()?.note(RUNNING | UNLIMITED);
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
                    send(lease, "RESET statement_timeout");
                    lease.clear(UNLIMITED);
                }
            }
        }
        if let Tied::Occupied(occupied) = self {
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
) -> Result<Open<'a>> {
    let reads = call.access == Access::Read;
    let (mut unsent_left, mut lost_left) = match source {
        Source::Pool(pool) => (pool.most(), usize::from(reads)),
        Source::Kept(..) => (0, 0),
    };
    loop {
        let (mut tied, rules) = match source {
            Source::Pool(pool) => (Tied::Lease(pool.acquire(call.method).await?), Rules::POOLED),
            Source::Kept(kept, rules) => (Tied::Occupied(kept.occupy(When::Whole).await?), rules),
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
async fn start(tied: &mut Tied<'_>, call: &Call<'_>, rules: Rules) -> Result<Begun, Failure> {
    let mut may_repeat = !rules.in_transaction;
    tied.begin().map_err(Failure::unsent)?;
    loop {
        let lease = tied.lease().map_err(Failure::unsent)?;
        send(lease, "SET statement_timeout = 0");
        let failure = match begin(lease, call, rules).await {
            Ok(begun) => return Ok(begun),
            Err(Begin::Failed(failure)) => failure,
            Err(Begin::Stale(failure)) => {
                lease.connection().statements().forget(&call.sql);
                lease.connection().client().clear_type_cache();
                if may_repeat {
                    may_repeat = false;
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
struct Open<'a> {
    rows: Pin<Box<RowStream>>,
    prepared: Arc<Prepared>,
    tied: Tied<'a>,
    /// The batch that is being filled.
    sink: Box<dyn RowSink>,
    started: bool,
    wants: bool,
    reads: bool,
}

/// What became of a batch.
enum Filled {
    Batch(Box<dyn RowSink>),
    Last(Box<dyn RowSink>),
    Nothing,
}

impl Open<'_> {
    /// Reads until a batch is full or the result has ended.
    async fn fill(&mut self) -> Result<Filled> {
        let mut bytes = 0;
        loop {
            let row = match self.rows.try_next().await {
                Ok(Some(row)) => row,
                Ok(None) => {
                    self.start()?;
                    self.tied.end(None);
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
            self.start()?;
            bytes += row.raw_size_bytes();
            // A row that is refused ends the stream, which stops the server when it is dropped.
            if self.sink.row(&PgRow(&row))? == Flow::Enough {
                self.wants = false;
            }
            if self.sink.held() >= BATCH_ROWS || bytes >= BATCH_BYTES {
                return Ok(Filled::Batch(self.next()));
            }
        }
    }

    fn start(&mut self) -> Result<()> {
        if !self.started {
            self.started = true;
            self.sink.start(&column_names(&self.prepared))?;
        }
        Ok(())
    }

    /// The filled sink; an empty one takes its place.
    fn next(&mut self) -> Box<dyn RowSink> {
        let next = self.sink.next_batch();
        std::mem::replace(&mut self.sink, next)
    }
}
