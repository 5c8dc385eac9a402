//! Instances whose caches are in process tell each other what they evict: by `NOTIFY`, in the transaction that makes it
//! outdated.
//!
//! The message goes out with the commit or not at all, and also when the process dies right after it. Whoever cannot hear
//! (before `LISTEN` is accepted, and while its connection is lost) keeps nothing, which [`ear`](super::ear) sees to.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use shelfmark_core::cache::{Evictions, QueryCache};
use shelfmark_core::{Access, BoxStream, Call, Dialect, Engine, Notice, Result, ValueRef};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::ear::{Ear, Served};
use super::message;
use crate::listen;

/// What errors and logs call the statement that tells other instances.
pub(super) const METHOD: &str = "Db::with_cache";
/// The channel, followed by the cache's namespace where it has one.
const CHANNEL: &str = "shelfmark_cache";
/// The first and the longest pause before another attempt to listen.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One instance among those that agree.
pub(super) struct Agreement {
    hearing: Hearing,
    ear: Arc<Ear>,
    /// At most one task that listens. It begins with the first call that has a runtime to run it, and again with the next
    /// one when it has panicked or ended with its runtime.
    task: Mutex<JoinSet<()>>,
}

/// What the task needs.
#[derive(Clone)]
struct Hearing {
    /// What its own messages carry, which it need not hear.
    instance: u64,
    channel: String,
    cache: Arc<dyn QueryCache>,
    /// Not kept alive: the last handle closes the database.
    engine: Weak<dyn Engine>,
}

impl Agreement {
    /// Nothing is kept from now on until messages are heard.
    pub(super) fn begin(cache: &Arc<dyn QueryCache>, engine: &Arc<dyn Engine>) -> Self {
        let agreement = Agreement {
            hearing: Hearing {
                instance: fastrand::u64(..),
                channel: channel(cache.namespace()),
                cache: Arc::clone(cache),
                engine: Arc::downgrade(engine),
            },
            ear: Ear::deaf(cache),
            task: Mutex::default(),
        };
        agreement.start();
        agreement
    }

    fn start(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let Some(ear) = self.ear.serve() else {
            return;
        };
        // A task that is dropped under this lock takes those of its ear and of the cache, never this one.
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        while task.try_join_next().is_some() {}
        task.spawn_on(self.hearing.clone().run(ear), &runtime);
    }

    /// Whether what other instances evict is heard, or nothing is kept meanwhile.
    pub(super) fn holds(&self) -> bool {
        if self.ear.is_wanting() {
            self.start();
        }
        self.ear.holds()
    }

    /// The database is about to be closed: nothing is heard any more.
    pub(super) fn close(&self) {
        self.ear.close();
    }

    /// The statement that tells the others.
    ///
    /// # Errors
    /// None where messages can be listened to.
    pub(super) fn call(&self, evictions: &Evictions) -> Result<Call<'_>> {
        let payload = message::written(self.hearing.instance, evictions);
        Ok(Call {
            sql: listen::notify_text(Dialect::Postgres)?,
            params: vec![
                ValueRef::Text(Cow::Borrowed(&self.hearing.channel)),
                ValueRef::Text(Cow::Owned(payload)),
            ],
            specs: Vec::new(),
            method: METHOD,
            access: Access::Write,
            demand: None,
        })
    }
}

/// The cache may live on, with other users.
impl Drop for Agreement {
    fn drop(&mut self) {
        self.ear.close();
    }
}

impl Hearing {
    /// Ends when the database is closed. However it ends, the drop of `ear` says so.
    async fn run(self, ear: Served) {
        let Some(notices) = self.listen().await else {
            return;
        };
        ear.hear();
        let mut notices = pin!(notices);
        while let Some(notice) = notices.next().await {
            match notice {
                Ok(Notice::Message { payload, .. }) => self.hear(&payload).await,
                Ok(Notice::Interrupted) => {
                    tracing::warn!(target: "shelfmark::cache", "the connection that tells of other instances' evictions is lost; nothing is kept until it is there again");
                    ear.lose();
                }
                Ok(Notice::Resumed) => ear.hear(),
                // In the middle of an outage it goes on: what came before and after it is told of as one.
                Ok(Notice::Missed { messages }) => {
                    tracing::warn!(target: "shelfmark::cache", messages, "evictions of other instances came faster than they were taken; all values are dropped");
                    self.cache.drop_all();
                }
                Ok(_) => self.cache.drop_all(),
                // Not the end: attempts go on.
                Err(error) => {
                    tracing::warn!(target: "shelfmark::cache", %error, "the server refuses to tell of other instances' evictions; nothing is kept until it does");
                    ear.lose();
                }
            }
        }
    }

    /// Tries until the server accepts; `None` when the database is gone.
    async fn listen(&self) -> Option<BoxStream<'static, Result<Notice>>> {
        let mut pause = FIRST_PAUSE;
        let mut told = false;
        loop {
            let opened = self
                .engine
                .upgrade()?
                .listen(vec![self.channel.clone()])
                .await;
            let error = match opened {
                Ok(notices) => return Some(notices),
                Err(error) => error,
            };
            if !told {
                told = true;
                tracing::warn!(target: "shelfmark::cache", %error, "other instances' evictions cannot be heard yet; nothing is kept until they can");
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn hear(&self, payload: &str) {
        let message = message::read(payload);
        if message.instance == Some(self.instance) {
            return;
        }
        match message.evictions {
            Some(evictions) => self.cache.evict(&evictions).await,
            None => self.cache.drop_all(),
        }
    }
}

/// A name that a channel can have, the same for the same namespace.
fn channel(namespace: &str) -> String {
    if namespace.is_empty() {
        return CHANNEL.to_owned();
    }
    let plain = format!("{CHANNEL}:{namespace}");
    if Notice::check_channel(&plain).is_ok() {
        return plain;
    }
    let digest: String = Sha256::digest(namespace.as_bytes())
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{CHANNEL}#{digest}")
}
