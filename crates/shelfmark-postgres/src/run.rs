//! One statement on one connection: prepared, bound, sent, and its rows handed to the sink as they arrive.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use futures_util::future::{self, MaybeDone};
use shelfmark_core::{Access, BoxFuture, Call, Error, Flow, Result, RowSink};
use tokio::time::timeout_at;
use tokio_postgres::RowStream;

use crate::behind::Behind;
use crate::bind::{self, Refusal};
use crate::clock;
use crate::error::{self, Failure, Fate, Link};
use crate::kept::Within;
use crate::lease::{CHANGED, Lease};
use crate::parsed::Parsed;
use crate::pool::Pool;
use crate::queue::Size;
use crate::row::PgRow;
use crate::statement::{Prepared, prepared};
use crate::texts::{Control, Text};

/// Rows that nobody wants are read to their end up to this many; beyond, stopping the server is cheaper.
const DRAINED_ROWS: usize = 10_000;

/// A statement whose plan went stale is prepared anew and run so many times more: the schema may change again in between.
pub(crate) const STALE_REPEATS: usize = 3;

/// Where a statement runs, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether it may begin and end transactions.
    pub(crate) control: Control,
    /// Whether a failure of it ends a transaction, so that nothing can be tried again on the quiet.
    pub(crate) in_transaction: bool,
    /// Whether its values are columns, of which each element is a row.
    pub(crate) by_row: bool,
}

impl Rules {
    /// Outside a transaction, on a connection of the pool.
    pub(crate) const POOLED: Rules = Rules {
        control: Control::Refused,
        in_transaction: false,
        by_row: false,
    };
    /// Inside a transaction.
    pub(crate) const SESSION: Rules = Rules {
        control: Control::Refused,
        in_transaction: true,
        by_row: false,
    };
    /// On a connection of its own, whose owner may have begun a transaction.
    pub(crate) const OWN: Rules = Rules {
        control: Control::Allowed,
        in_transaction: true,
        by_row: false,
    };

    /// The values are columns, of which each element is a row.
    pub(crate) const fn by_row(self) -> Rules {
        Rules {
            by_row: true,
            ..self
        }
    }
}

/// What is left to a read that came from a lane without an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    /// When its call ends, which began on the lane.
    pub(crate) deadline: tokio::time::Instant,
    /// Whether its answer was lost with the lane.
    pub(crate) was_lost: bool,
}

/// Runs a statement on a connection of the pool, within `limit`, and gives the rows touched. A statement that never
/// left goes to another connection; so does, once, a read whose answer was lost. `rest` is for one that was on a lane
/// before.
pub(crate) async fn pooled(
    pool: &Arc<Pool>,
    call: &Call<'_>,
    mut sink: Option<&mut dyn RowSink>,
    limit: Duration,
    rules: Rules,
    rest: Option<Rest>,
) -> Result<u64> {
    let reads = call.access == Access::Read;
    let again = async |deadline, was_lost: bool| {
        // What ended one connection may be about to end them all; so an idle one has to prove itself first.
        let acquired = match was_lost {
            true => timeout_at(deadline, pool.acquire_proven(call.method)).await,
            false => timeout_at(deadline, pool.acquire(call.method)).await,
        };
        acquired.ok()
    };
    let (mut lease, deadline) = match rest {
        None => {
            let lease = pool.acquire(call.method).await?;
            (lease, clock::after(limit))
        }
        Some(rest) => match again(rest.deadline, rest.was_lost).await {
            Some(acquired) => (acquired?, rest.deadline),
            None => return Err(error::deadline(limit, reads)),
        },
    };
    let mut unsent_left = pool.most();
    let mut lost_left = usize::from(reads);
    loop {
        let sink = sink.as_mut().map(|sink| &mut **sink as &mut dyn RowSink);
        let running = run(&lease, call, sink, rules, None);
        let failure = match timeout_at(deadline, lease.connection().drive(running)).await {
            Err(_) => return Err(error::deadline(limit, reads)),
            Ok(Ok(touched)) => return Ok(touched),
            Ok(Err(failure)) => failure,
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
        // The lost connection's place is free before another one is asked for.
        drop(lease);
        lease = match again(deadline, failure.fate == Fate::Other).await {
            Some(acquired) => acquired?,
            None => return Err(failure.error),
        };
    }
}

/// Runs a statement once and gives the rows touched, `within` a transaction or outside of one.
///
/// # Cancel safety
/// Dropped before its end, it leaves the lease marked as running.
pub(crate) async fn run(
    lease: &Lease,
    call: &Call<'_>,
    mut sink: Option<&mut dyn RowSink>,
    rules: Rules,
    within: Option<&Within<'_>>,
) -> Result<u64, Failure> {
    let running = lease.run();
    let mut repeats = if rules.in_transaction {
        0
    } else {
        STALE_REPEATS
    };
    loop {
        let sink = sink.as_mut().map(|sink| &mut **sink as &mut dyn RowSink);
        let failure = match begin(lease, call, rules, within).await {
            Ok(begun) => match read_noting(begun, lease, call, sink, rules).await {
                Ok(End::Complete(touched)) => {
                    running.ended();
                    return Ok(touched);
                }
                // Still marked as running.
                Ok(End::Abandoned) => return Ok(0),
                Ok(End::Refused { error, drained }) => {
                    if drained {
                        running.ended();
                    }
                    return Err(Failure {
                        error,
                        link: Link::Usable,
                        fate: Fate::Answered,
                    });
                }
                Err(failure) => failure,
            },
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
        match failure.link {
            Link::Usable => running.ended(),
            Link::Lost => lease.note_lost(),
        }
        return Err(failure);
    }
}

/// A statement that the server has begun to answer.
pub(crate) struct Begun<'w> {
    pub(crate) text: Arc<Text>,
    pub(crate) prepared: Arc<Prepared>,
    /// When it was sent.
    pub(crate) sent: Instant,
    pub(crate) rows: RowStream,
    /// The question for the transaction's number, sent behind the first statement that writes.
    question: MaybeDone<BoxFuture<'w, ()>>,
}

/// Why a statement did not begin.
pub(crate) enum Begin {
    Failed(Failure),
    /// The server refused the prepared statement, because the schema has changed since; it is forgotten.
    Stale(Failure),
}

/// Prepares a statement, binds its values and sends it, which tells the transaction that it is `within`.
pub(crate) async fn begin<'w>(
    lease: &Lease,
    call: &Call<'_>,
    rules: Rules,
    within: Option<&'w Within<'_>>,
) -> Result<Begun<'w>, Begin> {
    let connection = lease.connection();
    let text = lease.text(&call.sql);
    if rules.control == Control::Allowed {
        // A migration changes the schema under its own statements, perhaps in a transaction, where a plan that went
        // stale cannot be replaced.
        connection.statements().forget(text.id);
    }
    if let Some(within) = within
        && connection.behind().is_some()
    {
        // What is learned of a statement there is learned inside of the transaction.
        within.opened(lease).await.map_err(Begin::Failed)?;
    }
    let prepared = prepared(
        connection,
        &text,
        &call.params,
        &call.specs,
        rules.control,
        rules.in_transaction,
    )
    .await
    .map_err(Begin::Failed)?;
    bind::check(call, prepared.statement.params().len())
        .map_err(|error| Begin::Failed(Failure::unsent(error)))?;
    // Behind a pooler, what would leave something there is refused.
    if connection.behind().is_none() && (text.leaves_state || call.access == Access::Session) {
        lease.note(CHANGED);
    }
    // Alone it would do nothing but answer.
    let harmless = call.access == Access::Read && text.is_stateless;
    if let Some(within) = within
        && !harmless
    {
        within.opened(lease).await.map_err(Begin::Failed)?;
    }
    let written = connection.bytes_written();
    let sent = Instant::now();
    let mut question = MaybeDone::Gone;
    let answer = {
        let client = connection.client();
        let mut sending = pin!(prepared.statement.send(client, &text.sql, &call.params));
        let at_once = futures_util::poll!(sending.as_mut());
        if let Some(within) = within {
            within.note_sent();
            if call.access != Access::Read
                && let Some(asking) = within.ledger.may_ask()
            {
                question = future::maybe_done(
                    Box::pin(asking.ask(lease.shared_connection())) as BoxFuture<'w, ()>
                );
                // The first poll sends it; on a connection that is gone it is over at once.
                let _ = futures_util::poll!(Pin::new(&mut question));
            }
            if harmless {
                within.opened(lease).await.map_err(Begin::Failed)?;
            }
        }
        match at_once {
            Poll::Ready(answer) => answer,
            Poll::Pending => sending.await,
        }
    };
    match answer {
        Ok(rows) => {
            prepared.has_run.store(true, Ordering::Relaxed);
            Ok(Begun {
                text,
                prepared,
                sent,
                rows,
                question,
            })
        }
        Err(error) => {
            if let Some(refusal) = refusal(&error) {
                let failure = Failure::unsent(refusal.into_error(call, rules.by_row));
                // What is known of the types may be what the schema was.
                let outdated = connection.behind().is_some()
                    && !rules.in_transaction
                    && prepared.has_run.load(Ordering::Relaxed);
                if outdated {
                    connection.statements().forget(text.id);
                    return Err(Begin::Stale(failure));
                }
                return Err(Begin::Failed(failure));
            }
            if connection.behind().is_some() && Behind::is_astray(&error) {
                connection.kill();
                return Err(Begin::Failed(Failure {
                    error: error::lost(true, error.code().map(|code| code.code().to_owned())),
                    link: Link::Lost,
                    fate: Fate::Other,
                }));
            }
            let stale = match connection.behind() {
                None => error::is_stale(&error),
                Some(_) => prepared.has_run.load(Ordering::Relaxed) && Behind::is_outdated(&error),
            };
            let sent = connection.bytes_written() != written;
            let failure = Failure::from_driver(error, sent, connection);
            Err(if stale {
                connection.statements().forget(text.id);
                connection.client().clear_type_cache();
                Begin::Stale(failure)
            } else {
                Begin::Failed(failure)
            })
        }
    }
}

fn refusal(error: &tokio_postgres::Error) -> Option<&Refusal> {
    std::error::Error::source(error).and_then(|cause| cause.downcast_ref())
}

/// How the answer to a statement ended.
enum End {
    /// It was read to its end.
    Complete(u64),
    /// The sink has had enough, and much is still to come.
    Abandoned,
    /// The sink refused a row.
    Refused { error: Error, drained: bool },
}

/// Hands the rows to the sink, and waits for what was asked behind the statement.
async fn read_noting(
    mut begun: Begun<'_>,
    lease: &Lease,
    call: &Call<'_>,
    sink: Option<&mut dyn RowSink>,
    rules: Rules,
) -> Result<End, Failure> {
    let question = std::mem::replace(&mut begun.question, MaybeDone::Gone);
    let end = read(begun, lease, call, sink, rules).await?;
    if let MaybeDone::Future(question) = question {
        question.await;
    }
    Ok(end)
}

/// Hands the rows to the sink.
async fn read(
    begun: Begun<'_>,
    lease: &Lease,
    call: &Call<'_>,
    sink: Option<&mut dyn RowSink>,
    rules: Rules,
) -> Result<End, Failure> {
    let connection = lease.connection();
    let mut rows = pin!(begun.rows);
    let text = begun.text;
    let learns = call.access == Access::Read
        && !rules.in_transaction
        && text.is_stateless
        && text.cost.learns();
    let mut size = Size::default();
    let mut receiver = Receiver {
        prepared: &begun.prepared,
        sink,
        started: false,
        wants: true,
        refused: None,
    };
    let mut unwanted = 0;
    let driver = |error, started| {
        let mut failure = Failure::from_driver(error, true, connection);
        if started {
            failure.fate = Fate::Answered;
        }
        failure
    };
    loop {
        let next = rows.try_next().await;
        let row = match next {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => return Err(driver(error, receiver.started)),
        };
        if learns {
            size.add(&row);
        }
        if receiver.wants {
            receiver.receive(&row);
            continue;
        }
        unwanted += 1;
        // What writes is run to its end, whoever wants its rows; and stopping a statement ends its transaction.
        if unwanted > DRAINED_ROWS && call.access == Access::Read && !rules.in_transaction {
            return Ok(match receiver.refused {
                Some(error) => End::Refused {
                    error,
                    drained: false,
                },
                None => End::Abandoned,
            });
        }
    }
    if learns && size.fits_a_lane() {
        let took = begun.sent.elapsed();
        text.cost.observe(took.saturating_sub(lease.round_trip()));
    } else if learns {
        text.cost.observe_too_large();
    }
    receiver.start(None);
    Ok(match receiver.refused {
        Some(error) => End::Refused {
            error,
            drained: true,
        },
        None => End::Complete(rows.rows_affected().unwrap_or_default()),
    })
}

/// Hands rows that are all there to the sink.
pub(crate) fn hand_over(
    prepared: &Prepared,
    rows: &[tokio_postgres::Row],
    sink: &mut dyn RowSink,
) -> Result<()> {
    let mut receiver = Receiver {
        prepared,
        sink: Some(sink),
        started: false,
        wants: true,
        refused: None,
    };
    receiver.start(rows.first());
    for row in rows {
        receiver.receive(row);
    }
    receiver.refused.map_or(Ok(()), Err)
}

/// A sink, told of the columns before the first row.
struct Receiver<'r> {
    prepared: &'r Prepared,
    /// `None` where only the number of rows is wanted.
    sink: Option<&'r mut dyn RowSink>,
    started: bool,
    wants: bool,
    refused: Option<Error>,
}

impl Receiver<'_> {
    /// Tells the sink of the columns: those of `row`, if there is one.
    fn start(&mut self, row: Option<&tokio_postgres::Row>) {
        if self.started {
            return;
        }
        self.started = true;
        if let Some(sink) = &mut self.sink
            && let Err(error) = sink.start(&column_names(self.prepared, row))
        {
            self.refused = Some(error);
            self.wants = false;
        }
    }

    fn receive(&mut self, row: &tokio_postgres::Row) {
        self.start(Some(row));
        let Some(sink) = &mut self.sink else { return };
        if !self.wants {
            return;
        }
        match sink.row(&PgRow(row)) {
            Ok(Flow::More) => {}
            Ok(Flow::Enough) => self.wants = false,
            Err(error) => {
                self.refused = Some(error);
                self.wants = false;
            }
        }
    }
}

/// The names of a statement's columns: those of a row, if there is one, where nobody keeps the statement as it was.
pub(crate) fn column_names<'p>(
    prepared: &'p Prepared,
    row: Option<&'p tokio_postgres::Row>,
) -> Vec<&'p str> {
    match (&prepared.statement, row) {
        (Parsed::Unnamed { .. }, Some(row)) => row.columns().iter().map(|it| it.name()).collect(),
        (statement, _) => statement.column_names(),
    }
}
