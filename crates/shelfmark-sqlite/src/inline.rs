//! Reads in line with their caller: no other thread, no wait.
//!
//! A point read takes SQLite a few microseconds, and the way to another thread and back ten times that. So a read that
//! was quick before runs where it is called, under a budget: SQLite is stopped when it takes longer, and the read goes
//! the long way, from its start. Nothing here waits for a lock, for a connection to be opened or for a statement to be
//! prepared. Whatever else is wrong is found out on the long way, too, so that there is one place that explains it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shelfmark_core::{Access, Call, Flow, Result, RowSink};
use tokio::task::coop::consume_budget;
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

/// What one unit of a task's budget stands for. A task has 128, so one that does nothing but read in line lets others
/// run every tenth of a millisecond.
const UNIT: Duration = Duration::from_nanos(800);

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

/// Reads in line, if a connection rests with this thread on which the statement was prepared.
pub(crate) fn fetch_at_home(pool: &Arc<Pool>, call: &Call<'_>, mut sink: Sink) -> Read {
    if call.access != Access::Read || !sink.restart() {
        return Read::Later(sink, None);
    }
    let Some(lease) = pool.take_from_home() else {
        return Read::Later(sink, None);
    };
    let began = Instant::now();
    let ended = lease.at_hand().map(|connection| {
        let cost = connection.known(call).filter(|cost| may_try(cost));
        cost.map(|cost| timed(connection, call, &cost, &mut *sink, began))
    });
    match ended.flatten() {
        Some(ended) => told(pool, lease, sink, ended),
        None => {
            pool.rest_at_home(lease);
            Read::Later(sink, None)
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
    cost: &Cost,
    mut sink: Sink,
) -> Read {
    let began = Instant::now();
    let ended = lease
        .at_hand()
        .filter(|connection| connection.has_prepared(cost.number()))
        .and_then(|connection| timed(connection, call, cost, &mut *sink, began));
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
    call: &Call<'_>,
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
    call: &Call<'_>,
    sink: &mut dyn RowSink,
    began: Instant,
) -> Option<End> {
    let signals = connection.signals();
    let _bound = signals.bound(began, READ_BUDGET);
    let mut statement = connection.prepare(&call.sql).ok()?;
    keeps_its_word(connection, Route::Read, &statement).ok()?;
    bind_in_place(&mut statement, call).ok()?;
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
    let units = took.as_nanos() / UNIT.as_nanos();
    for _ in 0..=units.min(128) {
        consume_budget().await;
    }
}
