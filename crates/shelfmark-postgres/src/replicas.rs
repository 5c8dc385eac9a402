//! The replicas of a database: which of them a read goes to, and what is known of the primary that they follow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use shelfmark_core::config::PostgresTarget;
use shelfmark_core::pool::ReplicaStatus;
use shelfmark_core::{Position, Result};
use tokio::time::Instant;

use crate::connect::Connector;
use crate::pool::Pool;
use crate::progress::Progress;
use crate::replica::Replica;
use crate::tasks::Tasks;
use crate::watcher::{Heard, Pace, Watcher};

/// So long a read waits for a connection to a replica before it goes to the primary, and so long one may take to open.
const LONGEST_ACQUIRE: Duration = Duration::from_secs(1);
/// So long the opening of a database waits for the first answers.
const FIRST_ANSWER_WAIT: Duration = Duration::from_secs(2);

/// The replicas of one engine. Dropping them ends what watches them, and closes their connections.
pub(crate) struct Replicas {
    all: Vec<Replica>,
    /// Asks the primary how far it is.
    primary: Arc<Watcher>,
    /// What it has answered; locked before what is known of a replica.
    progress: Mutex<Progress>,
    max_lag: Duration,
    /// Of the primary, for the log.
    place: String,
}

/// Which server is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    Primary,
    /// The replica at this place of the list.
    Replica(usize),
}

impl Replicas {
    /// Opens pools to `targets`, which follow the server of `primary`, and waits a moment for what they say of
    /// themselves. One that is away is asked again from then on.
    ///
    /// # Errors
    /// `InvalidConfig` for settings that this build cannot keep.
    ///
    /// # Cancel safety
    /// What was opened is closed.
    pub(crate) async fn open(
        primary: &Arc<Pool>,
        targets: &[PostgresTarget],
        max_lag: Duration,
        limit: Duration,
    ) -> Result<Arc<Self>> {
        let mut settings = primary.settings.clone();
        settings.acquire_timeout = settings.acquire_timeout.min(LONGEST_ACQUIRE);
        let mut all = Vec::with_capacity(targets.len());
        for target in targets {
            let tasks = Tasks::new();
            let connector = Connector::new(target, &settings, limit, tasks.clone())?.of_a_replica();
            all.push(Replica::new(Pool::new(connector, &settings, tasks)?));
        }
        let replicas = Arc::new(Replicas {
            all,
            primary: Arc::default(),
            progress: Mutex::new(Progress::new(max_lag)),
            max_lag,
            place: primary.connector.place(),
        });
        let pace = Pace::for_deadline(limit);
        let watchers = replicas.watchers();
        let (watcher, server) = (&replicas.primary, Server::Primary);
        watcher.start(server, primary, pace, &replicas);
        for (index, replica) in replicas.all.iter().enumerate() {
            let (watcher, server) = (&replica.watcher, Server::Replica(index));
            watcher.start(server, &replica.pool, pace, &replicas);
        }
        join_all(watchers.map(|watcher| watcher.ask(FIRST_ANSWER_WAIT))).await;
        Ok(replicas)
    }

    fn watchers(&self) -> impl Iterator<Item = &Arc<Watcher>> {
        [&self.primary]
            .into_iter()
            .chain(self.all.iter().map(|replica| &replica.watcher))
    }

    /// A replica for a read: of two that are well, picked by chance, the one with fewer reads under way.
    pub(crate) fn pick(&self) -> Option<&Replica> {
        self.pick_among(|replica| replica.is_well())
    }

    /// As [`pick`](Replicas::pick), one that is known to have come to `position`; if there is none, any that is well and
    /// may be asked.
    pub(crate) fn pick_after(&self, position: &Position) -> Option<&Replica> {
        // A position of another log is one that no replica of this one comes to.
        if self.lock().timeline() != position.timeline() {
            return None;
        }
        self.pick_among(|replica| replica.is_well() && replica.covers(position))
            .or_else(|| self.pick())
    }

    fn pick_among(&self, fits: impl Fn(&Replica) -> bool) -> Option<&Replica> {
        let (mut first, mut second) = (None, None);
        for (before, replica) in self.all.iter().filter(|replica| fits(replica)).enumerate() {
            // Each pair of those that fit is as likely as any other.
            match before {
                0 => first = Some(replica),
                1 => second = Some(replica),
                _ => match fastrand::usize(..=before) {
                    0 => first = Some(replica),
                    1 => second = Some(replica),
                    _ => {}
                },
            }
        }
        match (first, second) {
            (Some(one), Some(other)) => {
                let (reads, others) = (one.reading(), other.reading());
                let is_one = reads < others || (reads == others && fastrand::bool());
                Some(if is_one { one } else { other })
            }
            (one, _) => one,
        }
    }

    /// Notes what a server has answered.
    pub(crate) fn heard(&self, server: Server, heard: Heard) {
        match server {
            Server::Primary if heard.report.follows => {
                // What is called the primary follows another server: nobody knows how far that is.
                tracing::warn!(place = %self.place, "the primary is a replica of another server");
            }
            Server::Primary => {
                let mut progress = self.lock();
                progress.note(&heard.report, heard.asked);
                for replica in &self.all {
                    replica.judge_again(&progress, self.max_lag);
                }
            }
            Server::Replica(index) => {
                let progress = self.lock();
                if let Some(replica) = self.all.get(index) {
                    replica.heard(heard, &progress, self.max_lag);
                }
            }
        }
    }

    /// Notes that a server does not answer.
    pub(crate) fn lost(&self, server: Server, why: String) {
        match server {
            // Reads go on where they can: the replicas stay as late as they were.
            Server::Primary => {
                tracing::debug!(place = %self.place, why, "the primary does not say how far it is");
            }
            Server::Replica(index) => {
                if let Some(replica) = self.all.get(index) {
                    replica.lost(why);
                }
            }
        }
    }

    pub(crate) fn status(&self) -> Vec<ReplicaStatus> {
        self.all.iter().map(Replica::status).collect()
    }

    /// Ends what watches, waits until `deadline` for the reads under way, and closes the connections. Gives how many
    /// calls were cut off.
    pub(crate) async fn close(&self, deadline: Instant) -> usize {
        self.watchers().for_each(|watcher| watcher.stop());
        let pools = self.all.iter().map(|replica| replica.pool.close(deadline));
        let closed = join_all(pools).await;
        closed.iter().map(|status| status.in_use).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.watchers().for_each(|watcher| watcher.stop());
    }
}
