//! Instances whose caches are in process tell each other what they evict: by `NOTIFY`, in the transaction that makes it
//! outdated.
//!
//! The message goes out with the commit or not at all, and also when the process dies right after it. Whoever cannot hear
//! (before `LISTEN` is accepted, and while its connection is lost) keeps nothing.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use shelfmark_core::cache::{Evictions, QueryCache};
use shelfmark_core::{Access, BoxStream, Call, Dialect, Engine, Notice, Result, ValueRef};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

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
    /// Begins with the first call that has a runtime to run it.
    task: OnceLock<JoinSet<()>>,
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
    /// Set when the database was closed: nothing is heard any more.
    over: Arc<AtomicBool>,
}

impl Agreement {
    /// Nothing is kept from now on until messages are heard.
    pub(super) fn begin(cache: &Arc<dyn QueryCache>, engine: &Arc<dyn Engine>) -> Self {
        cache.suspend();
        let agreement = Agreement {
            hearing: Hearing {
                instance: fastrand::u64(..),
                channel: channel(cache.namespace()),
                cache: Arc::clone(cache),
                engine: Arc::downgrade(engine),
                over: Arc::default(),
            },
            task: OnceLock::new(),
        };
        agreement.start();
        agreement
    }

    fn start(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        self.task.get_or_init(|| {
            let mut task = JoinSet::new();
            task.spawn_on(self.hearing.clone().run(), &runtime);
            task
        });
    }

    /// Whether what other instances evict is heard, or nothing is kept meanwhile.
    pub(super) fn holds(&self) -> bool {
        if self.task.get().is_none() {
            self.start();
        }
        !self.hearing.over.load(Ordering::Acquire)
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

impl Hearing {
    async fn run(self) {
        let Some(notices) = self.listen().await else {
            return;
        };
        // From here on all that is committed is heard.
        self.cache.resume();
        let mut notices = pin!(notices);
        while let Some(notice) = notices.next().await {
            match notice {
                Ok(Notice::Message { payload, .. }) => self.hear(&payload).await,
                Ok(Notice::Interrupted) => {
                    tracing::warn!(target: "shelfmark::cache", "the connection that tells of other instances' evictions is lost; nothing is kept until it is there again");
                    self.cache.suspend();
                }
                Ok(Notice::Resumed) => self.cache.resume(),
                Ok(Notice::Missed { messages }) => {
                    tracing::warn!(target: "shelfmark::cache", messages, "evictions of other instances came faster than they were taken; all values are dropped");
                    self.drop_all();
                }
                Ok(_) => self.drop_all(),
                // Not the end: attempts go on, and nothing is kept meanwhile.
                Err(error) => {
                    tracing::warn!(target: "shelfmark::cache", %error, "the server refuses to tell of other instances' evictions; nothing is kept until it does");
                }
            }
        }
        // The database was closed. The cache may serve another `Db` by now, so it is not suspended.
        self.over.store(true, Ordering::Release);
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
            None => self.drop_all(),
        }
    }

    fn drop_all(&self) {
        self.cache.suspend();
        self.cache.resume();
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
