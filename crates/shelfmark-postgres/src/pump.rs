//! Who moves the bytes of a connection: the call that waits for its answer, or a task while no call does.
//!
//! A task alone would have to be woken for each request, and would wake the caller for each answer, often on another core.
//! So whoever waits polls the driver himself. The task stays as a caretaker: it sees what comes while nobody waits, such as
//! a farewell of the server or the answer to a call that was dropped.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::encryption::Driver;

/// So often a call looks again at what came while it was polled; then others on its thread have their turn.
const LOOKS: usize = 8;

/// The driver of one connection, and who wants it polled.
pub(crate) struct Pump {
    /// Empty when it has ended. Locked while it is polled.
    driver: Mutex<Option<Driver>>,
    waiting: Arc<Waiting>,
    /// That of `waiting`, which stays the same whoever polls.
    waker: Waker,
}

/// Who is woken for the connection.
#[derive(Default)]
struct Waiting(Mutex<Waiters>);

#[derive(Default)]
struct Waiters {
    /// The calls that wait, each with a number of its own.
    callers: Vec<(u64, Waker)>,
    /// Counts the calls that came and went, which numbers them too.
    moves: u64,
    /// How many of them are being polled at this moment. They look themselves whether something has come.
    polling: usize,
    /// Whether something has come that nobody has looked after.
    woken: bool,
    /// The task that is woken when no call waits.
    caretaker: Option<Waker>,
}

impl Waiters {
    /// Wakes who can look after the connection, but for the call of this number.
    fn call(&self, except: Option<u64>) {
        if self.callers.is_empty()
            && let Some(caretaker) = &self.caretaker
        {
            caretaker.wake_by_ref();
        }
        for (number, waker) in &self.callers {
            if Some(*number) != except {
                waker.wake_by_ref();
            }
        }
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Waiters> {
        // A waker that panics leaves the list whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut waiters = self.lock();
        waiters.woken = true;
        if waiters.polling == 0 {
            waiters.call(None);
        }
    }
}

impl Pump {
    /// The pump of `driver`, and the task that looks after it.
    pub(crate) fn new(driver: Driver) -> (Arc<Self>, Caretaker) {
        let waiting = Arc::<Waiting>::default();
        let pump = Arc::new(Pump {
            driver: Mutex::new(Some(driver)),
            waker: Waker::from(Arc::clone(&waiting)),
            waiting,
        });
        (Arc::clone(&pump), Caretaker(pump))
    }

    /// Ends the driver at once.
    pub(crate) fn stop(&self) {
        let driver = self.lock_driver().take();
        // Dropped when the lock is free again: it wakes those who wait for answers.
        drop(driver);
    }

    /// Waits for `work`, which waits for answers on the connection, and moves its bytes meanwhile.
    ///
    /// # Cancel safety
    /// As `work`; what is under way on the connection goes on.
    pub(crate) async fn drive<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut caller = Caller::new(self);
        poll_fn(|cx| caller.poll(work.as_mut(), cx)).await
    }

    /// As [`drive`](Pump::drive), for work that others may join on the same task: what they all send leaves together. `hold`
    /// is what has been sent before.
    pub(crate) async fn drive_joined<T>(
        &self,
        hold: Option<Hold>,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        let mut caller = Caller::new(self);
        caller.joins = true;
        let mut hold = hold;
        poll_fn(|cx| {
            let polled = caller.poll(work.as_mut(), cx);
            hold = None;
            polled
        })
        .await
    }

    /// Keeps the caretaker asleep while something is sent that a call is about to wait for.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.waiting.lock().polling += 1;
        Hold(Arc::clone(self))
    }

    /// Lets the driver move what it can. Whether it has ended.
    pub(crate) fn poll_driver(&self) -> bool {
        let mut slot = self.lock_driver();
        let Some(driver) = &mut *slot else {
            return true;
        };
        let mut cx = Context::from_waker(&self.waker);
        let ended = driver.as_mut().poll(&mut cx).is_ready();
        if ended {
            *slot = None;
        }
        ended
    }

    fn lock_driver(&self) -> MutexGuard<'_, Option<Driver>> {
        // A driver that panicked is not polled again: its end is the end of the connection.
        self.driver.lock().unwrap_or_else(|poisoned| {
            let mut slot = poisoned.into_inner();
            *slot = None;
            slot
        })
    }
}

/// The task that polls a driver while no call does. Dropped, it ends the driver: the connection is over with its engine.
pub(crate) struct Caretaker(Arc<Pump>);

impl Caretaker {
    /// Ends with the driver.
    pub(crate) async fn look_after(self) {
        let pump = &self.0;
        poll_fn(|cx| {
            pump.waiting.lock().caretaker = Some(cx.waker().clone());
            match pump.poll_driver() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Something has been sent whose call has yet to be polled.
pub(crate) struct Hold(Arc<Pump>);

impl Drop for Hold {
    fn drop(&mut self) {
        let mut waiters = self.0.waiting.lock();
        waiters.polling -= 1;
        if waiters.woken && waiters.polling == 0 {
            waiters.woken = false;
            waiters.call(None);
        }
    }
}

/// A call that waits on the connection.
struct Caller<'p> {
    pump: &'p Pump,
    /// Its number among those who wait, once it has been polled.
    number: Option<u64>,
    /// Whether it is being polled.
    is_polled: bool,
    /// Whether its work is done.
    is_done: bool,
    /// Whether it leaves the connection alone at the next poll, so that those beside it can send too.
    joins: bool,
}

impl<'p> Caller<'p> {
    fn new(pump: &'p Pump) -> Self {
        Caller {
            pump,
            number: None,
            is_polled: false,
            is_done: false,
            joins: false,
        }
    }

    fn poll<T>(
        &mut self,
        mut work: Pin<&mut impl Future<Output = T>>,
        cx: &mut Context<'_>,
    ) -> Poll<T> {
        let pump = self.pump;
        let (number, moves) = self.enter(cx.waker());
        // Whatever the work waits for wakes through the connection, so that a wake from within this very poll costs nothing.
        let mut inner = Context::from_waker(&pump.waker);
        for _ in 0..LOOKS {
            if let Poll::Ready(output) = work.as_mut().poll(&mut inner) {
                self.is_done = true;
                return Poll::Ready(output);
            }
            if std::mem::take(&mut self.joins) {
                break;
            }
            {
                let mut waiters = pump.waiting.lock();
                // What the work has just sent is seen by the driver now, and there was nobody else whose doing it could be.
                if waiters.callers.len() == 1 && waiters.moves == moves {
                    waiters.woken = false;
                }
            }
            pump.poll_driver();
            let mut waiters = pump.waiting.lock();
            if !waiters.woken {
                waiters.polling -= 1;
                self.is_polled = false;
                return Poll::Pending;
            }
            waiters.woken = false;
            // It may be for any of them.
            waiters.call(Some(number));
        }
        let mut waiters = pump.waiting.lock();
        waiters.polling -= 1;
        self.is_polled = false;
        drop(waiters);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Notes who is to be woken, and that the poll has begun. Gives the call's number, and how many have come and gone.
    fn enter(&mut self, waker: &Waker) -> (u64, u64) {
        let mut waiters = self.pump.waiting.lock();
        waiters.polling += 1;
        self.is_polled = true;
        if let Some(own) = self.number {
            let mut callers = waiters.callers.iter_mut();
            if let Some((_, kept)) = callers.find(|(number, _)| *number == own) {
                kept.clone_from(waker);
            }
            return (own, waiters.moves);
        }
        waiters.moves += 1;
        let number = waiters.moves;
        waiters.callers.push((number, waker.clone()));
        self.number = Some(number);
        (number, waiters.moves)
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        let mut waiters = self.pump.waiting.lock();
        if self.is_polled {
            waiters.polling -= 1;
        }
        let Some(own) = self.number else { return };
        waiters.moves += 1;
        waiters.callers.retain(|(number, _)| *number != own);
        // A call that goes away before its end may have been woken for something that it has not looked at.
        if (waiters.woken || !self.is_done) && waiters.polling == 0 {
            waiters.woken = false;
            waiters.call(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::poll;
    use tokio::sync::{mpsc, oneshot};
    use tokio::task::{JoinSet, yield_now};
    use tokio::time::timeout;

    use super::*;

    type Question = (u64, oneshot::Sender<u64>);

    const LONG: Duration = Duration::from_secs(20);

    /// A driver that answers each question with its own number, a turn later.
    fn echoing(mut questions: mpsc::UnboundedReceiver<Question>) -> Driver {
        Box::pin(async move {
            while let Some((number, answer)) = questions.recv().await {
                yield_now().await;
                let _ = answer.send(number);
            }
        })
    }

    async fn ask(questions: &mpsc::UnboundedSender<Question>, number: u64) -> u64 {
        let (answer, answered) = oneshot::channel();
        questions.send((number, answer)).unwrap();
        answered.await.unwrap()
    }

    #[tokio::test]
    async fn a_call_is_answered_without_the_caretaker() {
        let (questions, asked) = mpsc::unbounded_channel();
        let (pump, caretaker) = Pump::new(echoing(asked));
        let answered = timeout(LONG, pump.drive(ask(&questions, 7)));
        assert_eq!(answered.await, Ok(7));
        let joined = async {
            let one = pump.drive_joined(Some(pump.hold()), ask(&questions, 1));
            let two = pump.drive_joined(None, ask(&questions, 2));
            tokio::join!(one, two)
        };
        assert_eq!(timeout(LONG, joined).await, Ok((1, 2)));
        drop(caretaker);
        assert!(questions.send((8, oneshot::channel().0)).is_err());
    }

    #[tokio::test]
    async fn what_a_dropped_call_leaves_is_looked_after() {
        let (questions, asked) = mpsc::unbounded_channel();
        let (pump, caretaker) = Pump::new(echoing(asked));
        let caretaker = tokio::spawn(caretaker.look_after());
        for number in 0..100 {
            let (answer, mut answered) = oneshot::channel();
            let mut call = Box::pin(pump.drive(async {
                questions.send((number, answer)).unwrap();
                (&mut answered).await
            }));
            assert!(poll!(&mut call).is_pending() || number > 0);
            drop(call);
            if answered.is_terminated() {
                continue;
            }
            assert_eq!(timeout(LONG, answered).await, Ok(Ok(number)));
        }
        drop(questions);
        timeout(LONG, caretaker).await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_answer_is_missed_however_many_wait_on_several_threads() {
        let (questions, asked) = mpsc::unbounded_channel();
        let (pump, caretaker) = Pump::new(echoing(asked));
        tokio::spawn(caretaker.look_after());
        let mut tasks = JoinSet::new();
        for task in 0..8_u64 {
            let (pump, questions) = (Arc::clone(&pump), questions.clone());
            tasks.spawn(async move {
                for round in 0..3_000 {
                    let number = task * 10_000 + round;
                    let mut call = Box::pin(pump.drive(ask(&questions, number)));
                    if round % 7 == task {
                        // Most go away with their answer on the way.
                        let _ = poll!(&mut call);
                        continue;
                    }
                    if round % 3 == 0 {
                        let joined = pump.drive_joined(Some(pump.hold()), ask(&questions, 1));
                        let both = async { tokio::join!(&mut call, joined) };
                        assert_eq!(timeout(LONG, both).await, Ok((number, 1)));
                    } else {
                        assert_eq!(timeout(LONG, call).await, Ok(number));
                    }
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
}
