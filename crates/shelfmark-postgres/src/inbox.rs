//! What a listener has heard and its reader has not yet taken, in bounded memory.
//!
//! The connection is always read, even when nobody takes what it brings: a session that is not read keeps the server
//! from forgetting messages, for all sessions. So what comes too fast is counted and thrown away here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use shelfmark_core::{Error, Notice, Result};
use tokio::time::Instant;

/// So many notices wait for their reader. A message has at most 8,000 bytes, so they are 8 MB at the worst.
const CAPACITY: usize = 1_024;

/// The notices of one listener: its connections write, its stream reads.
pub(crate) struct Inbox(Mutex<State>);

struct State {
    /// What the reader gets next; never more than [`CAPACITY`] and what one overflow comes to.
    waiting: VecDeque<Result<Notice>>,
    /// What came when there was no room; goes to the reader when it has taken the rest.
    overflow: Option<Overflow>,
    /// The number of the connection whose messages count; later than any ear while there is none.
    session: u64,
    /// Whether the reader was told, or will be, that there is no connection.
    interrupted: bool,
    /// When the last message came.
    heard: Instant,
    reader: Option<Waker>,
    /// Nothing more will come.
    ended: bool,
}

/// All that came when there was no room, in a few words.
#[derive(Default)]
struct Overflow {
    messages: u64,
    interrupted: bool,
    refusal: Option<Error>,
    resumed: bool,
}

/// Where one connection brings the messages it hears.
pub(crate) struct Ear {
    inbox: Arc<Inbox>,
    session: u64,
}

impl Inbox {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Inbox(Mutex::new(State {
            waiting: VecDeque::new(),
            overflow: None,
            session: 0,
            interrupted: false,
            heard: Instant::now(),
            reader: None,
            ended: false,
        })))
    }

    /// The ear of the next connection; that of the one before hears nothing from now on.
    pub(crate) fn ear(self: &Arc<Self>) -> Ear {
        let session = self.change(|state| {
            state.session += 1;
            state.session
        });
        Ear {
            inbox: Arc::clone(self),
            session,
        }
    }

    /// The connection is lost.
    pub(crate) fn interrupt(&self) {
        self.change(|state| {
            state.session += 1;
            state.interrupted = true;
            state.push(Ok(Notice::Interrupted));
        });
    }

    /// The server refuses a new connection, for a reason that may last.
    pub(crate) fn refuse(&self, error: Error) {
        self.change(|state| state.push(Err(error)));
    }

    /// The server has accepted all names.
    pub(crate) fn resume(&self) {
        self.change(State::resume);
    }

    /// When the last message came.
    pub(crate) fn heard(&self) -> Instant {
        self.lock().heard
    }

    /// Nothing more will come; what waits can still be taken.
    pub(crate) fn end(&self) {
        self.change(|state| {
            state.session += 1;
            state.ended = true;
        });
    }

    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Notice>>> {
        let mut state = self.lock();
        match state.take() {
            Some(notice) => Poll::Ready(Some(notice)),
            None if state.ended => Poll::Ready(None),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Changes the state, and wakes the reader when the lock is free again.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that could panic half-way runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ear {
    pub(crate) fn hear(&self, channel: &str, payload: &str) {
        self.inbox.change(|state| {
            if state.session != self.session {
                return;
            }
            // LISTEN works from its commit on, so a message may come before the answer to it.
            state.resume();
            state.heard = Instant::now();
            state.push(Ok(Notice::Message {
                channel: channel.to_owned(),
                payload: payload.to_owned(),
            }));
        });
    }
}

impl State {
    fn resume(&mut self) {
        if self.interrupted {
            self.interrupted = false;
            self.push(Ok(Notice::Resumed));
        }
    }

    fn push(&mut self, notice: Result<Notice>) {
        if self.overflow.is_none() && self.waiting.len() < CAPACITY {
            self.waiting.push_back(notice);
        } else {
            self.overflow.get_or_insert_default().add(notice);
        }
    }

    fn take(&mut self) -> Option<Result<Notice>> {
        if self.waiting.is_empty()
            && let Some(overflow) = self.overflow.take()
        {
            self.waiting.extend(overflow.notices());
        }
        self.waiting.pop_front()
    }
}

impl Overflow {
    fn add(&mut self, notice: Result<Notice>) {
        match notice {
            Ok(Notice::Interrupted) if self.resumed => {
                // For the reader the outage before goes on.
                self.resumed = false;
                self.refusal = None;
            }
            Ok(Notice::Interrupted) => self.interrupted = true,
            Ok(Notice::Resumed) => self.resumed = true,
            Ok(_) => self.messages += 1,
            Err(error) => self.refusal = Some(error),
        }
    }

    /// What the reader is told. The messages may have come before or after the outage; they are lost either way.
    fn notices(self) -> impl Iterator<Item = Result<Notice>> {
        let missed = (self.messages > 0).then_some(Ok(Notice::Missed {
            messages: self.messages,
        }));
        let interrupted = self.interrupted.then_some(Ok(Notice::Interrupted));
        let resumed = self.resumed.then_some(Ok(Notice::Resumed));
        [missed, interrupted, self.refusal.map(Err), resumed]
            .into_iter()
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use shelfmark_core::ErrorKind;

    use super::*;

    /// All that can be taken now, in short; `|` at the end of the stream.
    fn taken(inbox: &Inbox) -> String {
        let mut cx = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        while let Poll::Ready(notice) = inbox.poll_next(&mut cx) {
            taken.push(match notice {
                None => {
                    taken.push("|".to_owned());
                    break;
                }
                Some(Ok(Notice::Message { payload, .. })) => payload,
                Some(Ok(Notice::Missed { messages })) => format!("missed {messages}"),
                Some(Ok(Notice::Interrupted)) => "interrupted".to_owned(),
                Some(Ok(_)) => "resumed".to_owned(),
                Some(Err(_)) => "refused".to_owned(),
            });
        }
        taken.join(" ")
    }

    fn refusal() -> Error {
        Error::new(ErrorKind::Connection)
    }

    /// An inbox without room for more, and its ear; what fills it has been taken off again by [`without_filling`].
    fn full() -> (Arc<Inbox>, Ear) {
        let inbox = Inbox::new();
        let ear = inbox.ear();
        for _ in 0..CAPACITY {
            ear.hear("c", "x");
        }
        (inbox, ear)
    }

    fn without_filling(inbox: &Inbox) -> String {
        let taken = taken(inbox);
        assert_eq!(taken.matches('x').count(), CAPACITY);
        taken.trim_start_matches(['x', ' ']).to_owned()
    }

    #[test]
    fn notices_come_in_order_and_those_before_the_end_too() {
        let inbox = Inbox::new();
        let ear = inbox.ear();
        inbox.resume();
        ear.hear("c", "1");
        ear.hear("c", "2");
        inbox.interrupt();
        inbox.refuse(refusal());
        let ear = inbox.ear();
        inbox.resume();
        ear.hear("c", "3");
        inbox.end();
        ear.hear("c", "4");
        assert_eq!(taken(&inbox), "1 2 interrupted refused resumed 3 |");
        assert_eq!(taken(&inbox), "|");
    }

    #[test]
    fn a_message_before_the_answer_to_listen_comes_after_resumed() {
        let inbox = Inbox::new();
        inbox.interrupt();
        let ear = inbox.ear();
        ear.hear("c", "1");
        inbox.resume();
        ear.hear("c", "2");
        assert_eq!(taken(&inbox), "interrupted resumed 1 2");
    }

    #[test]
    fn a_connection_that_was_given_up_is_not_heard_any_more() {
        let inbox = Inbox::new();
        let old = inbox.ear();
        inbox.interrupt();
        old.hear("c", "1");
        let new = inbox.ear();
        old.hear("c", "2");
        new.hear("c", "3");
        old.hear("c", "4");
        assert_eq!(taken(&inbox), "interrupted resumed 3");
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told_after_the_rest() {
        let (inbox, ear) = full();
        for _ in 0..5 {
            ear.hear("c", "lost");
        }
        assert_eq!(without_filling(&inbox), "missed 5");
        ear.hear("c", "1");
        assert_eq!(taken(&inbox), "1");
    }

    #[test]
    fn outages_without_room_are_told_as_one() {
        let (inbox, _) = full();
        for _ in 0..10_000 {
            inbox.interrupt();
            inbox.refuse(refusal());
            let ear = inbox.ear();
            inbox.resume();
            ear.hear("c", "lost");
        }
        assert_eq!(
            without_filling(&inbox),
            "missed 10000 interrupted refused resumed"
        );

        let (inbox, _) = full();
        inbox.interrupt();
        inbox.refuse(refusal());
        assert_eq!(without_filling(&inbox), "interrupted refused");
        inbox.resume();
        assert_eq!(taken(&inbox), "resumed");
    }

    #[test]
    fn an_outage_that_was_told_before_there_was_no_room_is_not_told_twice() {
        let inbox = Inbox::new();
        let ear = inbox.ear();
        for _ in 1..CAPACITY {
            ear.hear("c", "");
        }
        inbox.interrupt();
        for _ in 0..3 {
            inbox.resume();
            inbox.interrupt();
        }
        assert_eq!(taken(&inbox).trim(), "interrupted");
        inbox.resume();
        assert_eq!(taken(&inbox), "resumed");
    }
}
