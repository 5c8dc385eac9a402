//! Single writes in one transaction, each in a savepoint of its own, each answered after the commit.
//!
//! One that fails is undone alone and the others stand. When the commit itself fails, as it does for a foreign key that
//! is checked there, it is tried again in halves, so that it fails for none but those whose fault it is. SQLite sometimes
//! undoes a whole transaction (a write that was stopped, a full disk, `ON CONFLICT ROLLBACK`); then the others are run
//! once more. Nobody has been answered before, so nobody sees any of that.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shelfmark_core::{Error, Result, RowSink};
use tokio::sync::oneshot;

use crate::bind::Ready;
use crate::brake::Token;
use crate::connection::Connection;
use crate::cost::Cost;
use crate::lease::Lease;
use crate::line::{Answer, Batch, Outcome, Seat, Sink, Work};
use crate::many::{show, touch};
use crate::perform::{End, ready};

/// How many writes are committed together at most.
const MOST_TOGETHER: usize = 128;

/// For how long writes are taken into a transaction, so that the first of them does not wait long for the others. The
/// last one may take [`WRITE_BUDGET`](crate::cost::WRITE_BUDGET) more, unless it is slower than it used to be.
const TAKEN_IN_FOR: Duration = Duration::from_millis(5);

/// Runs the writes of a batch until nobody sits there any more. The connection is given back before the last are answered.
pub(crate) fn run(mut lease: Lease, batch: &Batch) {
    loop {
        let done = serve(&mut lease, batch);
        let is_last = batch.close_if_empty();
        if is_last {
            drop(lease);
            done.into_iter().for_each(Member::answer);
            return;
        }
        done.into_iter().for_each(Member::answer);
    }
}

/// A write that has begun.
struct Member {
    token: Token,
    since: Instant,
    method: &'static str,
    shares: bool,
    sql: Arc<str>,
    rows: Rows,
    sink: Option<Box<dyn RowSink>>,
    cost: Option<Arc<Cost>>,
    answer: oneshot::Sender<Outcome>,
    said: Option<Said>,
}

/// The rows of values that a write is run with, once with each.
enum Rows {
    One(Vec<Ready>),
    Few(Vec<Vec<Ready>>),
}

impl Rows {
    fn all(&self) -> &[Vec<Ready>] {
        match self {
            Rows::One(row) => std::slice::from_ref(row),
            Rows::Few(rows) => rows,
        }
    }
}

/// What running a write came to, which holds if it is committed.
enum Said {
    Touched(u64),
    Rows(End),
    Failed(Error),
    Panicked(Box<dyn Any + Send>),
}

/// What became of a write's savepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Savepoint {
    /// What was written waits for the commit.
    Kept,
    /// It failed and was undone.
    Undone,
    /// It failed, and the whole transaction was undone.
    AllUndone,
}

impl Member {
    /// `None` when the caller has left.
    fn begin(seat: &Seat) -> Option<Member> {
        let (write, answer) = seat.begin()?;
        let (cost, sql, rows) = match write.work {
            Work::One(job) => {
                let cost = job.cost().map(Arc::clone);
                let (sql, values) = job.into_parts();
                (cost, sql, Rows::One(ready(values)))
            }
            Work::Few(job) => {
                let cost = job.cost().map(Arc::clone);
                let (sql, rows) = job.into_parts();
                (cost, sql, Rows::Few(rows.into_iter().map(ready).collect()))
            }
        };
        Some(Member {
            token: seat.token.clone(),
            since: seat.since,
            method: write.method,
            shares: write.shares,
            sql,
            rows,
            sink: write.sink.map(|Sink(sink)| sink),
            cost,
            answer,
            said: None,
        })
    }

    /// Runs the write, while its caller can stop it, and says whether it succeeded.
    fn attempt(&mut self, lease: &mut Lease) -> bool {
        let began = Instant::now();
        let token = self.token.clone();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            lease.run(&token, |connection| self.perform(connection))
        }));
        let said = match outcome {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => Said::Failed(error),
            Err(panic) => Said::Panicked(panic),
        };
        let succeeded = matches!(said, Said::Touched(_) | Said::Rows(_));
        if succeeded && let Some(cost) = &self.cost {
            cost.took(began.elapsed());
        }
        self.said = Some(said);
        succeeded
    }

    fn perform(&mut self, connection: &Connection) -> Result<Said> {
        let rows = self.rows.all();
        match &mut self.sink {
            Some(sink) => show(connection, &self.sql, rows, &mut **sink).map(Said::Rows),
            None => touch(connection, &self.sql, rows).map(Said::Touched),
        }
    }

    /// Runs the write in a savepoint of its own. Only the write itself can be stopped by its caller.
    fn attempt_in_savepoint(&mut self, lease: &mut Lease) -> Savepoint {
        let opened = lease.on_connection(Connection::savepoint);
        if let Err(error) = opened {
            return self.lost(lease, error);
        }
        if self.attempt(lease) {
            return match lease.on_connection(Connection::release) {
                Ok(()) => Savepoint::Kept,
                Err(error) => self.lost(lease, error),
            };
        }
        if !lease.is_idle() && lease.on_connection(Connection::undo).is_ok() {
            return Savepoint::Undone;
        }
        lease.roll_back();
        Savepoint::AllUndone
    }

    /// The transaction cannot go on, for this reason.
    fn lost(&mut self, lease: &mut Lease, error: Error) -> Savepoint {
        self.said = Some(Said::Failed(error));
        lease.roll_back();
        Savepoint::AllUndone
    }

    /// Forgets the run that was undone with the transaction.
    fn start_over(&mut self) {
        self.said = None;
        if let Some(sink) = &mut self.sink {
            // Those whose sinks cannot are never in a transaction with others.
            sink.restart();
        }
    }

    fn failed(mut self, error: Error) -> Member {
        self.said = Some(Said::Failed(error));
        self
    }

    /// Tells the caller, if it is still there.
    fn answer(self) {
        let outcome = match (self.said, self.sink) {
            (Some(Said::Touched(rows)), _) => Ok(Ok(Answer::Touched(rows))),
            (Some(Said::Rows(End::Complete)), Some(sink)) => Ok(Ok(Answer::Rows(Sink(sink)))),
            (Some(Said::Rows(End::Refused(error)) | Said::Failed(error)), _) => Ok(Err(error)),
            (Some(Said::Panicked(panic)), _) => Err(panic),
            (Some(Said::Rows(End::Complete)) | None, _) => return,
        };
        let _ = self.answer.send(outcome);
    }
}

/// Runs one transaction: one write that has to be alone, or as many of those behind it as may share it. Gives those that
/// can be answered now.
fn serve(lease: &mut Lease, batch: &Batch) -> Vec<Member> {
    let mut done = Vec::new();
    let Some(first) = begin_for_the_next(lease, batch) else {
        return done;
    };
    if !first.shares {
        done.push(alone(lease, first));
        return done;
    }
    let began = Instant::now();
    let mut together = Vec::new();
    let mut next = Some(first);
    while let Some(mut member) = next {
        match member.attempt_in_savepoint(lease) {
            Savepoint::Kept => together.push(member),
            Savepoint::Undone => done.push(member),
            Savepoint::AllUndone => {
                done.push(member);
                again(lease, together, &mut done);
                return done;
            }
        }
        let has_room = together.len() < MOST_TOGETHER && began.elapsed() < TAKEN_IN_FOR;
        next = has_room.then(|| next_that_shares(batch)).flatten();
    }
    commit(lease, together, &mut done);
    done
}

/// Begins a transaction for the write whose turn it is. That one waits for locks of other processes as long as it may;
/// when it waited in vain, the next one does.
fn begin_for_the_next(lease: &mut Lease, batch: &Batch) -> Option<Member> {
    loop {
        let seat = batch.next()?;
        let Some(member) = Member::begin(&seat) else {
            continue;
        };
        lease.register(member.method);
        match begin(lease, &member) {
            Ok(()) => return Some(member),
            Err(error) => member.failed(error).answer(),
        }
    }
}

fn begin(lease: &mut Lease, member: &Member) -> Result<()> {
    lease.wait_since(member.since);
    lease.run(&member.token, Connection::begin_writing)
}

fn next_that_shares(batch: &Batch) -> Option<Member> {
    loop {
        let seat = batch.next_that_shares()?;
        if let Some(member) = Member::begin(&seat) {
            return Some(member);
        }
    }
}

/// Runs the write that has the transaction for itself.
fn alone(lease: &mut Lease, mut member: Member) -> Member {
    if !member.attempt(lease) {
        lease.roll_back();
        return member;
    }
    match lease.on_connection(Connection::commit) {
        Ok(()) => member,
        Err(error) => member.failed(error),
    }
}

/// Commits what `together` wrote.
fn commit(lease: &mut Lease, mut together: Vec<Member>, done: &mut Vec<Member>) {
    if together.len() > 1 {
        if lease.on_connection(Connection::try_commit).is_ok() {
            done.append(&mut together);
            return;
        }
        let later = together.split_off(together.len() / 2);
        again(lease, together, done);
        again(lease, later, done);
        return;
    }
    let Some(only) = together.pop() else {
        lease.roll_back();
        return;
    };
    match lease.on_connection(Connection::commit) {
        Ok(()) => done.push(only),
        Err(error) => done.push(only.failed(error)),
    }
}

/// Runs `members` once more, in a transaction of their own.
fn again(lease: &mut Lease, mut members: Vec<Member>, done: &mut Vec<Member>) {
    while let Some(first) = members.first() {
        if let Err(error) = begin(lease, first) {
            done.push(members.remove(0).failed(error));
            continue;
        }
        match run_again(lease, std::mem::take(&mut members), done) {
            Ok(kept) => {
                commit(lease, kept, done);
                return;
            }
            Err(rest) => members = rest,
        }
    }
}

/// Gives those that wait for the commit; as an error, those whose work was undone with the transaction by another one.
fn run_again(
    lease: &mut Lease,
    members: Vec<Member>,
    done: &mut Vec<Member>,
) -> Result<Vec<Member>, Vec<Member>> {
    let mut kept = Vec::with_capacity(members.len());
    let mut members = members.into_iter();
    while let Some(mut member) = members.next() {
        member.start_over();
        match member.attempt_in_savepoint(lease) {
            Savepoint::Kept => kept.push(member),
            Savepoint::Undone => done.push(member),
            Savepoint::AllUndone => {
                done.push(member);
                kept.extend(members);
                return Err(kept);
            }
        }
    }
    Ok(kept)
}
