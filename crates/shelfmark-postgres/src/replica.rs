//! One replica: its pool, what it has said of itself, and whether reads go there.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{self, Either};
use shelfmark_core::Position;
use shelfmark_core::pool::ReplicaStatus;
use tokio::sync::Notify;

use crate::pool::Pool;
use crate::progress::Progress;
use crate::watcher::{Heard, Watcher};

/// So long a read waits to learn how far a replica is; then it goes to the primary.
const ANSWER_WAIT: Duration = Duration::from_millis(100);

/// A server that follows the primary.
pub(crate) struct Replica {
    pub(crate) pool: Arc<Pool>,
    pub(crate) watcher: Arc<Watcher>,
    /// What it has said; written when it answers or is lost, and when the primary has answered.
    known: Mutex<Known>,
    /// Whether reads go there: what `known` says, for a look without a lock.
    is_well: AtomicBool,
    /// Told when it is lost; the reads that wait for its answers hear it.
    lost: Notify,
    /// Reads under way.
    reading: AtomicUsize,
}

#[derive(Default)]
struct Known {
    /// The last answer; none while the connection of its watcher is lost.
    heard: Option<Heard>,
    /// Where it was when it was heard of last.
    position: Position,
    lag: Option<Duration>,
    passed_over: Option<Why>,
}

/// Why a replica is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    /// It has not answered yet, or the primary has not.
    Unknown,
    Lost(String),
    NoReplica,
    OtherDatabase,
    OtherTimeline {
        own: u32,
        primary: u32,
    },
    Late(Duration),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Unknown => f.write_str("nothing is known of it yet"),
            Why::Lost(why) => f.write_str(why),
            Why::NoReplica => f.write_str(
                "it is no replica: it was promoted, or its URL names another server than was meant",
            ),
            Why::OtherDatabase => f.write_str("it has another database than the primary"),
            Why::OtherTimeline { own, primary } => {
                write!(
                    f,
                    "it follows timeline {own}, and the primary writes {primary}"
                )
            }
            Why::Late(lag) => write!(f, "it is {:.1}s behind the primary", lag.as_secs_f64()),
        }
    }
}

/// A read that is under way on a replica, until it is dropped.
pub(crate) struct Reading<'r>(&'r Replica);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Replica {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        let known = Known {
            passed_over: Some(Why::Unknown),
            ..Known::default()
        };
        Replica {
            pool,
            watcher: Arc::default(),
            known: Mutex::new(known),
            is_well: AtomicBool::new(false),
            lost: Notify::new(),
            reading: AtomicUsize::new(0),
        }
    }

    /// Whether reads go there.
    pub(crate) fn is_well(&self) -> bool {
        self.is_well.load(Ordering::Acquire)
    }

    /// Reads under way.
    pub(crate) fn reading(&self) -> usize {
        self.reading.load(Ordering::Relaxed)
    }

    /// Counts a read until the guard is dropped.
    pub(crate) fn enter(&self) -> Reading<'_> {
        self.reading.fetch_add(1, Ordering::Relaxed);
        Reading(self)
    }

    /// Does `work` there; `None` when the replica is lost before that has ended, or was before it began.
    pub(crate) async fn unless_lost<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        // Made before the look, so that a loss in between is heard.
        let lost = self.lost.notified();
        if !self.is_well() {
            return None;
        }
        match future::select(pin!(work), pin!(lost)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }

    /// Whether it is known to have come to `position`.
    pub(crate) fn covers(&self, position: &Position) -> bool {
        let heard = self.lock().heard;
        heard.is_some_and(|heard| heard.report.position.covers(position))
    }

    /// The session of its watcher in which it has come to `position`, asked for where that is not known. Within one
    /// session it was not restarted, and so did not go back.
    pub(crate) async fn reached(&self, position: &Position) -> Option<u64> {
        if !self.covers(position) {
            self.watcher.ask(ANSWER_WAIT).await;
        }
        let heard = self.lock().heard?;
        heard
            .report
            .position
            .covers(position)
            .then_some(heard.session)
    }

    /// Whether the server that has just answered a read is the one of `session`, without a restart in between, which may
    /// set a replica back.
    ///
    /// The watcher's connection is as old as the session, so whoever connected before its last answer talked to the same
    /// server. Only when connections have been opened since, it has to answer once more.
    pub(crate) async fn still_is(&self, session: u64) -> bool {
        let is_same = |heard: Option<Heard>| heard.is_some_and(|heard| heard.session == session);
        let heard = self.lock().heard;
        if heard.is_some_and(|heard| heard.opened == self.pool.connector.opened()) {
            return is_same(heard);
        }
        self.watcher.ask(ANSWER_WAIT).await && is_same(self.lock().heard)
    }

    /// Notes an answer.
    pub(crate) fn heard(&self, heard: Heard, primary: &Progress, max_lag: Duration) {
        let mut known = self.lock();
        known.heard = Some(heard);
        self.judge(known, primary, max_lag);
    }

    /// Notes that the primary has answered.
    pub(crate) fn judge_again(&self, primary: &Progress, max_lag: Duration) {
        self.judge(self.lock(), primary, max_lag);
    }

    /// Notes that it does not answer, and lets go of those who wait for it.
    pub(crate) fn lost(&self, why: String) {
        let mut known = self.lock();
        known.heard = None;
        known.lag = None;
        self.pass_over(known, Some(Why::Lost(why)));
        self.lost.notify_waiters();
    }

    fn judge(&self, mut known: MutexGuard<'_, Known>, primary: &Progress, max_lag: Duration) {
        let Some(report) = known.heard.map(|heard| heard.report) else {
            return;
        };
        let (own, timeline) = (report.position.timeline(), primary.timeline());
        known.position = report.position;
        known.lag = None;
        let why = match primary.identity() {
            None => Some(Why::Unknown),
            Some(identity) if identity != report.identity => Some(Why::OtherDatabase),
            Some(_) if !report.follows => Some(Why::NoReplica),
            Some(_) if own != timeline => Some(Why::OtherTimeline {
                own,
                primary: timeline,
            }),
            Some(_) => {
                let lag = primary.lag(&report.position);
                known.lag = Some(lag);
                (lag > max_lag).then_some(Why::Late(lag))
            }
        };
        self.pass_over(known, why);
    }

    fn pass_over(&self, mut known: MutexGuard<'_, Known>, why: Option<Why>) {
        let before = std::mem::replace(&mut known.passed_over, why.clone());
        self.is_well.store(why.is_none(), Ordering::Release);
        drop(known);
        let place = || self.pool.connector.place();
        match (before, why) {
            (Some(_), None) => tracing::info!(place = %place(), "a replica answers reads"),
            // Nobody is told again and again how late it is.
            (Some(Why::Late(_)), Some(Why::Late(_))) => {}
            (before, Some(why)) if before.as_ref() != Some(&why) => {
                tracing::warn!(place = %place(), %why, "a replica is passed over");
            }
            _ => {}
        }
    }

    pub(crate) fn status(&self) -> ReplicaStatus {
        let mut status = ReplicaStatus::new(self.pool.status(), self.reading());
        let known = self.lock();
        status.position = known.position;
        status.lag = known.lag;
        status.passed_over = known.passed_over.as_ref().map(Why::to_string);
        status
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use shelfmark_core::config::{DatabaseConfig, Target};
    use tokio::time::Instant;

    use super::*;
    use crate::connect::Connector;
    use crate::report::tests::report;
    use crate::tasks::Tasks;

    /// One that nobody watches, so that it is known to be what it is told to be.
    fn replica() -> shelfmark_core::Result<Replica> {
        let config = DatabaseConfig::from_url("postgres://app@localhost/app")?;
        let Target::Postgres(target) = &config.target else {
            unreachable!("the URL names a PostgreSQL server");
        };
        let (settings, tasks) = (&config.pool, Tasks::new());
        let connector = Connector::new(target, settings, config.statement_timeout, tasks.clone())?;
        Ok(Replica::new(Pool::new(connector, settings, tasks)?))
    }

    /// Has the replica say in that session of its watcher, and after so many connections, that it has come to `log`.
    fn say(replica: &Replica, session: u64, opened: u64, log: u64) {
        let mut report = report(1, log);
        report.follows = true;
        let heard = Heard {
            report,
            asked: Instant::now(),
            session,
            opened,
        };
        let max_lag = Duration::from_secs(1);
        replica.heard(heard, &Progress::new(max_lag), max_lag);
    }

    #[tokio::test]
    async fn what_a_replica_has_reached_holds_for_one_session() -> shelfmark_core::Result<()> {
        let (replica, position) = (replica()?, Position::new(1, 100));
        say(&replica, 1, 0, 99);
        assert_eq!(replica.reached(&position).await, None);
        say(&replica, 1, 0, 100);
        assert_eq!(replica.reached(&position).await, Some(1));
        assert!(replica.still_is(1).await);
        say(&replica, 1, 0, 200);
        assert!(replica.still_is(1).await);
        // It was restarted while it was read, and has come as far again.
        say(&replica, 2, 0, 200);
        assert!(!replica.still_is(1).await);
        assert!(replica.still_is(2).await);
        Ok(())
    }

    #[tokio::test]
    async fn a_connection_of_after_the_last_answer_may_be_to_a_replica_that_went_back()
    -> shelfmark_core::Result<()> {
        let replica = replica()?;
        // So many connections there were when it was asked, and there is another number of them now. Nobody answers.
        say(&replica, 1, 7, 100);
        assert!(!replica.still_is(1).await);
        replica.lost("its connection was lost".to_owned());
        assert!(!replica.still_is(1).await);
        assert_eq!(replica.reached(&Position::new(1, 100)).await, None);
        Ok(())
    }
}
