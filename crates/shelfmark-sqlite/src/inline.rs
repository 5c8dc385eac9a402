//! Reads in line with their caller: no other thread, no wait.
//!
//! A point read takes SQLite a few microseconds, and the way to another thread and back ten times that. So a read that
//! was quick before runs where it is called, under a budget: SQLite is stopped when it takes longer, and the read goes
//! the long way, from its start. Nothing here waits for a lock, for a connection to be opened or for a statement to be
//! prepared. Whatever else is wrong is found out on the long way, too, so that there is one place that explains it.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use shelfmark_core::{Access, Call, Flow, Glance, Now, Result, RowSink};
use tokio::task::coop::{consume_budget, has_budget_remaining};
use tokio::task::yield_now;

use crate::bind::bind_in_place;
use crate::connection::Connection;
use crate::cost::{Cost, READ_BUDGET};
use crate::lease::{Lease, Pool};
use crate::perform::{End, Step, Visitor, keeps_its_word};
use crate::route::Route;
use crate::row::start;

/// After how many rows the time is looked at: SQLite looks when it has done a thousand steps, which may be many rows
/// that take long to decode.
const ROWS_BETWEEN_LOOKS: u32 = 64;

/// What one unit of a task's budget stands for: a point read. A task has 128 of them, so one that does nothing but read
/// in line lets others run after half a millisecond at most. Shorter turns cost more than they help: each ends with a way
/// through the queues of the runtime, and with many tasks more of their reads have such a way in them.
const UNIT: Duration = Duration::from_micros(4);

/// How long a read looks for a connection before it queues up for one.
const MOMENT: Duration = Duration::from_millis(1);

/// What became of a read.
pub(crate) enum Read {
    /// It has its answer, after this time.
    Done(Result<Sink>, Duration),
    /// It goes the long way, with this connection if it has one.
    Later(Sink, Option<Lease>),
}

type Sink = Box<dyn RowSink>;

/// What came of looking for a connection at home.
enum AtHome {
    /// The read was run on it: what it came to and how long it took, or `None` when it did not come to an end.
    Ran(Box<Lease>, Option<(End, Duration)>),
    /// None rests there, or it has not prepared this statement, or the statement is not quick.
    Nothing,
}

/// Reads on the spot, if a connection rests with this thread on which the statement was prepared.
///
/// A read that overruns its budget goes the long way from there, and is not tried in line once more.
pub(crate) fn fetch_now(pool: &Pool, call: Glance<'_>, sink: &mut dyn RowSink) -> Option<Now> {
    if !has_budget_remaining() {
        return None;
    }
    match run_at_home(pool, call, sink, Overrun::IsSlow) {
        AtHome::Ran(lease, Some((end, took))) => {
            pool.rest_at_home(lease);
            take_budget(took);
            let answer = match end {
                End::Complete => Ok(()),
                End::Refused(error) => Err(error),
            };
            Some(Now { answer, took })
        }
        AtHome::Ran(lease, None) => {
            sink.restart();
            pool.rest_at_home(lease);
            None
        }
        AtHome::Nothing => None,
    }
}

/// Reads in line, if a connection rests with this thread on which the statement was prepared.
pub(crate) fn fetch_at_home(pool: &Arc<Pool>, call: &Call<'_>, mut sink: Sink) -> Read {
    match run_at_home(pool, call.glance(), &mut *sink, Overrun::GoesOn) {
        AtHome::Ran(lease, ended) => told(pool, lease, sink, ended),
        AtHome::Nothing => Read::Later(sink, None),
    }
}

/// What an overrun says of a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overrun {
    /// It goes the long way at once, which says more.
    GoesOn,
    /// It is slow until the long way has said otherwise.
    IsSlow,
}

fn run_at_home(pool: &Pool, call: Glance<'_>, sink: &mut dyn RowSink, overrun: Overrun) -> AtHome {
    if call.access != Access::Read || !sink.restart() {
        return AtHome::Nothing;
    }
    let Some(lease) = pool.take_from_home() else {
        return AtHome::Nothing;
    };
    let began = Instant::now();
    let ran = lease.at_hand().and_then(|connection| {
        let cost = connection.known(call).filter(|cost| may_try(cost))?;
        let ended = timed(connection, call, &cost, sink, began);
        if ended.is_none() && overrun == Overrun::IsSlow && began.elapsed() > READ_BUDGET {
            cost.overran();
        }
        Some(ended)
    });
    match ran {
        Some(ended) => AtHome::Ran(lease, ended),
        None => {
            pool.rest_at_home(lease);
            AtHome::Nothing
        }
    }
}

/// Whether a read may be tried in line.
fn may_try(cost: &Cost) -> bool {
    cost.route() == Route::Read && cost.is_quick()
}

/// Whether a read may be tried in line that goes to this sink.
pub(crate) fn may_try_with(cost: &Cost, sink: &mut dyn RowSink) -> bool {
    may_try(cost) && sink.restart()
}

/// Reads in line, on the connection of `lease`.
pub(crate) fn fetch(
    pool: &Arc<Pool>,
    lease: Lease,
    call: &Call<'_>,
    cost: &Arc<Cost>,
    mut sink: Sink,
) -> Read {
    let began = Instant::now();
    let ended = lease
        .at_hand()
        .filter(|connection| connection.has_prepared(cost.number()))
        .and_then(|connection| {
            let ended = timed(connection, call.glance(), cost, &mut *sink, began)?;
            // Two statements may have one text: the next call of this one is found by its own.
            connection.note_prepared(&call.sql, cost);
            Some(ended)
        });
    told(pool, Box::new(lease), sink, ended)
}

/// Waits a moment for a connection, out of line, as long as reads in line have some of them.
///
/// Those who queue up are handed their connections one by one, each when it has its turn on a processor. With many tasks
/// that becomes a convoy, in which connections spend their time on the way from one to the next.
pub(crate) async fn soon(pool: &Arc<Pool>) -> Option<Lease> {
    let began = Instant::now();
    while pool.is_free_soon() && began.elapsed() < MOMENT {
        yield_now().await;
        if let Some(lease) = pool.take_from_home() {
            return Some(*lease);
        }
        if let Some(lease) = pool.try_acquire() {
            return Some(lease);
        }
    }
    None
}

/// Runs the statement and notes what it cost.
fn timed(
    connection: &Connection,
    call: Glance<'_>,
    cost: &Cost,
    sink: &mut dyn RowSink,
    began: Instant,
) -> Option<(End, Duration)> {
    let ended = run(connection, call, sink, began);
    let took = began.elapsed();
    if ended.is_some() || took > READ_BUDGET {
        cost.took(took);
    }
    ended.map(|end| (end, took))
}

fn told(
    pool: &Arc<Pool>,
    mut lease: Box<Lease>,
    mut sink: Sink,
    ended: Option<(End, Duration)>,
) -> Read {
    let Some((end, took)) = ended else {
        sink.restart();
        lease.wait_anew();
        return Read::Later(sink, Some(*lease));
    };
    pool.rest_at_home(lease);
    let answer = match end {
        End::Complete => Ok(sink),
        End::Refused(error) => Err(error),
    };
    Read::Done(answer, took)
}

/// Runs the statement until its end; `None` when it did not come to one.
fn run(
    connection: &Connection,
    call: Glance<'_>,
    sink: &mut dyn RowSink,
    began: Instant,
) -> Option<End> {
    let signals = connection.signals();
    let _bound = signals.bound(began, READ_BUDGET);
    let mut statement = connection.prepare(call.sql).ok()?;
    keeps_its_word(connection, Route::Read, &statement).ok()?;
    bind_in_place(&mut statement, call.params).ok()?;
    let (mut rows, mut is_late) = (0_u32, false);
    let mut visitor = Visitor::new(|step: Step<'_, '_>| match step {
        Step::Columns(statement) => start(sink, statement).map(|()| Flow::More),
        Step::Row(row) => {
            rows = rows.wrapping_add(1);
            if rows.is_multiple_of(ROWS_BETWEEN_LOOKS) && signals.is_late() {
                is_late = true;
                return Ok(Flow::Enough);
            }
            sink.row(&row)
        }
    });
    visitor.step(&mut statement).ok()?;
    let end = visitor.end(&statement);
    (!is_late).then_some(end)
}

/// Lets other tasks run when the caller's task has read for long enough, this time and the times before.
pub(crate) async fn take_turns(took: Duration) {
    for _ in 0..units(took) {
        consume_budget().await;
    }
}

/// Takes what a read took from the budget of the caller's task, as far as there is any: the next read in line finds
/// nothing left and lets others run.
fn take_budget(took: Duration) {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..units(took) {
        if pin!(consume_budget()).poll(&mut context).is_pending() {
            return;
        }
    }
}

fn units(took: Duration) -> u128 {
    (took.as_nanos() / UNIT.as_nanos() + 1).min(128)
}
