//! Those who wait on a lane, and the lane's task, which takes every answer as it comes.
//!
//! Answers come in the order of the questions, so one slow statement delays all behind it. The task watches the oldest:
//! when it is late, those behind it are sent elsewhere; when its deadline has passed, the lane is given up. A caller that
//! has gone away leaves its place, until the server has answered.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_postgres::{Error, Row};

use crate::encryption::Driver;
use crate::texts::Text;

/// So many statements may wait for their answers on one lane, and their values may have so many bytes together.
const MAX_DEPTH: usize = 256;
const MAX_SENT_BYTES: usize = 1 << 20;
/// An answer may have so many rows and bytes.
const MAX_ROWS: usize = 10_000;
const MAX_ROW_BYTES: usize = 1 << 20;
/// Rows that nobody wants are read up to so many bytes; beyond, giving up the lane is cheaper.
const MAX_UNWANTED_BYTES: usize = 16 << 20;
/// When the oldest answer has been awaited for so long, the lane gets no new work until it is there.
const LATE: Duration = Duration::from_millis(10);
/// When the oldest answer has been awaited for so long, those behind it are sent elsewhere.
const PATIENCE: Duration = Duration::from_millis(50);

/// What became of a question.
#[derive(Debug)]
pub(crate) enum Answer {
    Rows(Vec<Row>),
    Failed(Error),
    /// It is to be asked elsewhere: it waits behind a slow one, or its answer is too large.
    Elsewhere,
    /// It was the oldest at its deadline, and the lane was given up for it.
    TooLate,
}

/// How large a result is.
#[derive(Debug, Default)]
pub(crate) struct Size {
    rows: usize,
    bytes: usize,
}

impl Size {
    pub(crate) fn add(&mut self, row: &Row) {
        self.rows += 1;
        self.bytes += row.raw_size_bytes();
    }

    /// Whether a lane carries it.
    pub(crate) fn fits_a_lane(&self) -> bool {
        self.rows <= MAX_ROWS && self.bytes <= MAX_ROW_BYTES
    }
}

/// Those who wait on a lane, seen from outside of its task.
pub(crate) struct Queue {
    intake: Mutex<Intake>,
    /// Questions that have not been answered to their end.
    depth: AtomicUsize,
    sent_bytes: AtomicUsize,
    /// Whether the server keeps the oldest question waiting. Written by the lane's task alone, after it has read what
    /// there was: a process that is busy with other things makes nobody late.
    is_late: AtomicBool,
    /// When a question was asked last, in microseconds after `epoch`.
    asked_us: AtomicU64,
    epoch: Instant,
    /// What an answer takes on this lane however little the server does for it; the network's share of each wait.
    round_trip_us: AtomicU64,
    over: AtomicBool,
    /// Told when nobody waits any more.
    emptied: Notify,
}

#[derive(Default)]
struct Intake {
    /// No question is taken any more.
    over: bool,
    /// Questions that were sent and that the task has not seen yet, in the order of the wire.
    fresh: Vec<Question>,
}

/// The rows of an answer, as the driver gives them.
pub(crate) type Answering = Pin<Box<dyn Stream<Item = Result<Row, Error>> + Send>>;

struct Question {
    rows: Answering,
    kept: Vec<Row>,
    size: Size,
    unwanted_bytes: usize,
    /// `None` once it was used, or when the caller has gone: then the place in the queue is all that is left.
    reply: Option<oneshot::Sender<Answer>>,
    text: Arc<Text>,
    deadline: Instant,
    sent_bytes: usize,
}

impl Queue {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Queue {
            intake: Mutex::default(),
            depth: AtomicUsize::new(0),
            sent_bytes: AtomicUsize::new(0),
            is_late: AtomicBool::new(false),
            asked_us: AtomicU64::new(0),
            epoch: Instant::now(),
            round_trip_us: AtomicU64::new(0),
            over: AtomicBool::new(false),
            emptied: Notify::new(),
        })
    }

    /// Questions that have not been answered to their end.
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// Whether it takes no more questions, ever.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn round_trip(&self) -> Duration {
        Duration::from_micros(self.round_trip_us.load(Ordering::Relaxed))
    }

    /// The round trip of this lane was measured, before anything else was sent on it.
    pub(crate) fn note_round_trip(&self, us: u64) {
        self.round_trip_us.store(us, Ordering::Relaxed);
    }

    /// Whether it takes one more question now; how many wait already.
    pub(crate) fn room(&self) -> Option<usize> {
        let depth = self.depth();
        let has_room = depth < MAX_DEPTH
            && self.sent_bytes.load(Ordering::Relaxed) < MAX_SENT_BYTES
            && !self.is_late.load(Ordering::Relaxed);
        has_room.then_some(depth)
    }

    /// Whether values of so many bytes may travel.
    pub(crate) fn carries(&self, bytes: usize) -> bool {
        bytes <= MAX_SENT_BYTES / 8
    }

    /// Sends a question, whose values have so many bytes, by the first poll of its answer. `None` when nothing was sent.
    pub(crate) fn put(
        &self,
        mut rows: Answering,
        text: Arc<Text>,
        bytes: usize,
        now: Instant,
        deadline: Instant,
    ) -> Option<oneshot::Receiver<Answer>> {
        let (reply, answer) = oneshot::channel();
        let mut intake = self.lock();
        if intake.over {
            return None;
        }
        // The first poll sends it, and wakes the lane's task, which polls from then on. Under the lock, so that the
        // questions stand in the queue as they stand on the wire.
        let mut nobody = Context::from_waker(Waker::noop());
        if rows.as_mut().poll_next(&mut nobody).is_ready() {
            return None;
        }
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.asked_us.store(self.micros(now), Ordering::Relaxed);
        self.depth.fetch_add(1, Ordering::Relaxed);
        intake.fresh.push(Question {
            rows,
            kept: Vec::new(),
            size: Size::default(),
            unwanted_bytes: 0,
            reply: Some(reply),
            text,
            deadline,
            sent_bytes: bytes,
        });
        Some(answer)
    }

    /// For how long nothing has been asked.
    pub(crate) fn idle_for(&self, now: Instant) -> Duration {
        match self.depth() {
            0 => {
                let asked = self.asked_us.load(Ordering::Relaxed);
                Duration::from_micros(self.micros(now).saturating_sub(asked))
            }
            _ => Duration::ZERO,
        }
    }

    /// Waits until nobody waits any more.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.depth() == 0 || self.over.load(Ordering::Acquire) {
                return;
            }
            emptied.await;
        }
    }

    fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Intake> {
        // What runs under the lock only sends and pushes.
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    /// Takes what has come of the answer; ready at its end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let answer = match ready!(self.rows.as_mut().poll_next(cx)) {
                Some(Ok(row)) => {
                    self.keep(row);
                    continue;
                }
                Some(Err(error)) => Answer::Failed(error),
                None => Answer::Rows(std::mem::take(&mut self.kept)),
            };
            self.tell(answer);
            return Poll::Ready(());
        }
    }

    fn keep(&mut self, row: Row) {
        if self.reply.as_ref().is_none_or(oneshot::Sender::is_closed) {
            self.unwanted_bytes += row.raw_size_bytes();
            return;
        }
        self.size.add(&row);
        if self.size.fits_a_lane() {
            self.kept.push(row);
        } else {
            self.text.cost.strike();
            self.kept = Vec::new();
            self.tell(Answer::Elsewhere);
        }
    }

    fn tell(&mut self, answer: Answer) {
        if let Some(reply) = self.reply.take() {
            // The caller may have gone.
            let _ = reply.send(answer);
        }
    }
}

/// Moves the bytes of a lane and gives the answers to those who asked, until the connection has ended.
pub(crate) async fn drive(mut driver: Driver, queue: Arc<Queue>) {
    let mut owner = Owner::of(queue);
    std::future::poll_fn(move |cx| {
        let ended = driver.as_mut().poll(cx).is_ready();
        // What the driver has read is there now; at its end, so is the end of all that is awaited.
        let given_up = owner.poll(cx).is_ready();
        if ended || given_up {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// The lane's own side of its queue. Dropped with the task, however that ends; who still waits learns that the lane is
/// lost.
struct Owner {
    queue: Arc<Queue>,
    /// In the order of the wire.
    waiting: VecDeque<Question>,
    /// Since when the first of them is the first.
    since: Instant,
    /// Rings when the first has to be looked at; left alone while it is too early, so that it seldom moves.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Whether the alarm has not rung yet.
    is_set: bool,
    /// Whether the first has been found to keep the others waiting.
    has_struck: bool,
}

impl Owner {
    fn of(queue: Arc<Queue>) -> Self {
        Owner {
            queue,
            waiting: VecDeque::new(),
            since: Instant::now(),
            alarm: None,
            is_set: false,
            has_struck: false,
        }
    }

    /// Ready when the lane is to be given up.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.take_fresh();
            let unwanted = match self.take_answers(cx) {
                Some(first) => first.unwanted_bytes,
                None => 0,
            };
            if unwanted > MAX_UNWANTED_BYTES {
                return Poll::Ready(());
            }
            if !self.waiting.is_empty() {
                return self.watch(cx);
            }
            let intake = self.queue.lock();
            if intake.fresh.is_empty() {
                drop(intake);
                self.queue.emptied.notify_waiters();
                return Poll::Pending;
            }
        }
    }

    fn take_fresh(&mut self) {
        let mut intake = self.queue.lock();
        if self.waiting.is_empty() && !intake.fresh.is_empty() {
            // The driver has sent it just now, whenever it was asked.
            self.since = Instant::now();
        }
        self.waiting.extend(intake.fresh.drain(..));
    }

    /// Takes the answers that have come, and gives the question whose answer is awaited next.
    fn take_answers(&mut self, cx: &mut Context<'_>) -> Option<&Question> {
        let mut answered = 0u32;
        let mut first = None;
        while let Some(question) = self.waiting.front_mut() {
            if question.poll(cx).is_pending() {
                break;
            }
            let queue = &self.queue;
            queue.depth.fetch_sub(1, Ordering::Relaxed);
            queue
                .sent_bytes
                .fetch_sub(question.sent_bytes, Ordering::Relaxed);
            let question = self.waiting.pop_front();
            if answered == 0 {
                first = question;
            }
            answered += 1;
        }
        if let Some(first) = first {
            let now = Instant::now();
            self.queue.is_late.store(false, Ordering::Relaxed);
            if !std::mem::take(&mut self.has_struck) {
                // Those that came together are taken for equal.
                let took = now.saturating_duration_since(self.since);
                let took = took.saturating_sub(self.queue.round_trip()) / answered;
                first.text.cost.observe_on_lane(took);
            }
            self.since = now;
        }
        self.waiting.front()
    }

    /// Looks at the oldest question from time to time.
    fn watch(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.is_set {
                if let Some(alarm) = &mut self.alarm {
                    ready!(alarm.as_mut().poll(cx));
                }
                self.is_set = false;
            }
            let Some(first) = self.waiting.front_mut() else {
                return Poll::Pending;
            };
            let now = Instant::now();
            if now >= first.deadline {
                first.tell(Answer::TooLate);
                return Poll::Ready(());
            }
            // From here on the server's own time counts.
            let since = self.since + self.queue.round_trip();
            let mut next = since + LATE;
            if now >= next {
                // What had come was taken before this.
                self.queue.is_late.store(true, Ordering::Relaxed);
                next = since + PATIENCE;
            }
            if now >= next {
                if !std::mem::replace(&mut self.has_struck, true) {
                    first.text.cost.strike();
                }
                let others = self.waiting.iter_mut().skip(1);
                others.for_each(|question| question.tell(Answer::Elsewhere));
                next = now + PATIENCE;
            }
            let deadline = self.waiting.front().map_or(next, |first| first.deadline);
            let next = next.min(deadline);
            match &mut self.alarm {
                Some(alarm) => alarm.as_mut().reset(next),
                None => self.alarm = Some(Box::pin(sleep_until(next))),
            }
            self.is_set = true;
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.queue.over.store(true, Ordering::Release);
        let fresh = {
            let mut intake = self.queue.lock();
            intake.over = true;
            std::mem::take(&mut intake.fresh)
        };
        self.queue.depth.store(0, Ordering::Relaxed);
        self.queue.emptied.notify_waiters();
        drop(fresh);
    }
}
