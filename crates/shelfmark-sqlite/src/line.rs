//! The line of single writes for the one connection that writes.
//!
//! A commit waits for the disk, and it takes no longer for many writes than for one. So single writes that come while
//! the writer is busy sit down in one batch, and when its turn comes they are run and committed together. A batch takes
//! one place in the queue for the writer. It is open until somebody else queues up behind it, a transaction for example:
//! who comes later than that sits down in the next batch, so that everyone is served in the order of their coming.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use shelfmark_core::pool::WaitGuard;
use shelfmark_core::{Error, ErrorKind, Result, RowSink};
use tokio::sync::oneshot;

use crate::brake::Token;
use crate::group;
use crate::lease::{Lease, Pool};
use crate::many::ManyJob;
use crate::perform::Job;
use crate::site::closed;

/// What a single write does.
#[derive(Debug)]
pub(crate) enum Work {
    /// One statement, once.
    One(Job),
    /// One statement, once for each of a few rows.
    Few(ManyJob),
}

/// A single write.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) work: Work,
    /// Where its rows go, if it gives any.
    pub(crate) sink: Option<Sink>,
    pub(crate) method: &'static str,
    /// Whether it may be committed together with others.
    pub(crate) shares: bool,
}

/// A sink, of which nothing can be printed.
pub(crate) struct Sink(pub(crate) Box<dyn RowSink>);

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}

/// What a write comes to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The number of rows it touched.
    Touched(u64),
    /// The rows it gave.
    Rows(Sink),
}

/// An answer, or the panic of its sink.
pub(crate) type Outcome = Result<Result<Answer>, Box<dyn Any + Send>>;

/// The place of a write in the line.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Since when it is there.
    pub(crate) since: Instant,
    /// Whether it may be committed together with others.
    shares: bool,
    /// Stops the write once it has begun.
    pub(crate) token: Token,
    /// Taken out by the thread that runs the write, or by its caller who leaves; whoever is first.
    waiting: Mutex<Option<Waiting>>,
}

/// A write that has not begun.
#[derive(Debug)]
struct Waiting {
    write: Write,
    answer: oneshot::Sender<Outcome>,
    _counted: WaitGuard,
}

impl Seat {
    fn new(write: Write, counted: WaitGuard) -> (Arc<Seat>, oneshot::Receiver<Outcome>) {
        let (answer, receiver) = oneshot::channel();
        let seat = Seat {
            since: Instant::now(),
            shares: write.shares,
            token: Token::default(),
            waiting: Mutex::new(Some(Waiting {
                write,
                answer,
                _counted: counted,
            })),
        };
        (Arc::new(seat), receiver)
    }

    /// Begins the write; `None` when its caller has left.
    pub(crate) fn begin(&self) -> Option<(Write, oneshot::Sender<Outcome>)> {
        let Waiting { write, answer, .. } = lock(&self.waiting).take()?;
        Some((write, answer))
    }

    /// Leaves the line, and says whether the write will never begin.
    fn leave(&self) -> bool {
        lock(&self.waiting).take().is_some()
    }

    fn is_left(&self) -> bool {
        lock(&self.waiting).is_none()
    }
}

/// Single writes that have one turn.
#[derive(Debug)]
pub(crate) struct Batch(Mutex<Door>);

#[derive(Debug)]
struct Door {
    /// Whether further writes may sit down.
    open: bool,
    seats: VecDeque<Arc<Seat>>,
}

impl Batch {
    fn opened_by(seat: &Arc<Seat>) -> Arc<Batch> {
        Arc::new(Batch(Mutex::new(Door {
            open: true,
            seats: VecDeque::from([Arc::clone(seat)]),
        })))
    }

    /// Sits down, if the batch is open.
    fn join(&self, seat: &Arc<Seat>) -> bool {
        let mut door = lock(&self.0);
        if door.open {
            // Those who waited in vain must not pile up behind a writer that is held for long.
            door.drop_the_left();
            door.seats.push_back(Arc::clone(seat));
        }
        door.open
    }

    /// Lets nobody else in.
    fn close(&self) {
        lock(&self.0).open = false;
    }

    /// Closes the batch if nobody sits there any more, and says whether that was so.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut door = lock(&self.0);
        door.drop_the_left();
        if door.seats.is_empty() {
            door.open = false;
        }
        door.seats.is_empty()
    }

    /// The seat whose turn it is, or nobody's.
    pub(crate) fn next(&self) -> Option<Arc<Seat>> {
        let mut door = lock(&self.0);
        door.drop_the_left();
        door.seats.pop_front()
    }

    /// The same, if that write may be committed together with others.
    pub(crate) fn next_that_shares(&self) -> Option<Arc<Seat>> {
        let mut door = lock(&self.0);
        door.drop_the_left();
        if !door.seats.front()?.shares {
            return None;
        }
        door.seats.pop_front()
    }

    /// Closes the batch and gives those who sit there.
    fn abandon(&self) -> VecDeque<Arc<Seat>> {
        let mut door = lock(&self.0);
        door.open = false;
        std::mem::take(&mut door.seats)
    }
}

impl Door {
    fn drop_the_left(&mut self) {
        while self.seats.front().is_some_and(|seat| seat.is_left()) {
            self.seats.pop_front();
        }
    }
}

/// The line: the batch that is open, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Line(Mutex<Option<Arc<Batch>>>);

impl Line {
    /// Sits down in the open batch, or in a new one, which the caller has to see to then.
    fn join(&self, seat: &Arc<Seat>) -> Option<Arc<Batch>> {
        let mut last = lock(&self.0);
        if last.as_ref().is_some_and(|batch| batch.join(seat)) {
            return None;
        }
        let batch = Batch::opened_by(seat);
        *last = Some(Arc::clone(&batch));
        Some(batch)
    }

    /// Somebody else queues up: who comes later sits down behind them.
    pub(crate) fn seal(&self) {
        if let Some(batch) = lock(&self.0).take() {
            batch.close();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only moves happen under these locks, so a poisoned one is still whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who sees to a batch until its end. When that is cut short, by the end of the runtime, nobody is left waiting there.
#[derive(Debug)]
struct Driver(Arc<Batch>);

impl Driver {
    /// Runs the batch when its turn comes. The turn is taken before this answers; waiting for it is a task's, since the
    /// caller may go away: that task ends with the turn, or with the pool.
    async fn start(self, pool: &Arc<Pool>) {
        if let Some(lease) = pool.try_acquire() {
            self.run(lease);
            return;
        }
        let mut turn = Box::pin(pool.turn());
        match futures_util::poll!(&mut turn) {
            std::task::Poll::Ready(lease) => self.run_or_refuse(lease),
            std::task::Poll::Pending => {
                tokio::spawn(async move { self.run_or_refuse(turn.await) });
            }
        }
    }

    fn run_or_refuse(self, lease: Result<Lease>) {
        match lease {
            Ok(lease) => self.run(lease),
            Err(_) => {
                for seat in self.0.abandon() {
                    if let Some((_, answer)) = seat.begin() {
                        // Who has left needs no answer.
                        let _ = answer.send(Ok(Err(closed())));
                    }
                }
            }
        }
    }

    fn run(self, lease: Lease) {
        tokio::task::spawn_blocking(move || group::run(lease, &self.0));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        for seat in self.0.abandon() {
            seat.leave();
        }
    }
}

/// Leaves the line when the caller goes away, and stops the write if it has begun.
#[derive(Debug)]
struct LeaveOnDrop(Option<Arc<Seat>>);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        if let Some(seat) = self.0.take() {
            seat.leave();
            seat.token.stop();
        }
    }
}

/// Runs a single write when its turn comes, and answers when it is committed.
///
/// # Errors
/// `PoolExhausted` naming who holds the writer, or what the write or its commit failed with.
pub(crate) async fn write(pool: &Arc<Pool>, write: Write) -> Result<Answer> {
    pool.site().refuse_when_closing()?;
    let (seat, mut answer) = Seat::new(write, pool.count_waiting());
    let mut leaving = LeaveOnDrop(Some(Arc::clone(&seat)));
    if let Some(batch) = pool.line().join(&seat) {
        Driver(batch).start(pool).await;
    }
    let limit = pool.site().acquire_timeout;
    let outcome = match tokio::time::timeout(limit, &mut answer).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let status = pool.status();
            if seat.leave() {
                return Err(status.exhausted(seat.since.elapsed()));
            }
            answer.await
        }
    };
    leaving.0 = None;
    match outcome {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => Err(Error::new(ErrorKind::Connection)
            .with_detail("the runtime was shut down before the statement ran")),
    }
}
