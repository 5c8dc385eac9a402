//! Statements outside of transactions: each its own, under a deadline, logged, and watched for misuse.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use shelfmark_core::cache::{Evictions, QueryCache};
use shelfmark_core::config::{DatabaseConfig, Misuse};
use shelfmark_core::{
    Access, BoxFuture, BoxStream, Call, Channel, Clock, Dialect, Engine, Error, ErrorKind, Glance,
    Handle, Now, ReadFrom, Result, RowSink, Session, Tenant, Type, ValueRef,
};

use crate::alone::{Alone, held, touched};
use crate::cache::{Attached, Writing, failure};
use crate::scope::Scope;
use crate::testing::Observer;

/// What every call is measured by.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) statement_timeout: Duration,
    pub(crate) transaction_timeout: Duration,
    pub(crate) acquire_timeout: Duration,
    slow: Option<Duration>,
    echo: bool,
    misuse: Misuse,
    /// Who is told of every statement.
    pub(crate) observer: Observer,
}

impl Limits {
    pub(crate) fn new(config: &DatabaseConfig) -> Self {
        Limits {
            statement_timeout: config.statement_timeout,
            transaction_timeout: config.transaction_timeout,
            acquire_timeout: config.pool.acquire_timeout,
            slow: config.slow,
            echo: config.echo,
            misuse: config.misuse,
            observer: Observer::default(),
        }
    }

    /// Runs one statement: stopped when `deadline` has passed, logged when it was slow.
    pub(crate) async fn statement<T>(
        &self,
        method: &'static str,
        sql: Arc<str>,
        deadline: Duration,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let in_time = async {
            match tokio::time::timeout(deadline, work).await {
                Ok(answer) => answer,
                Err(_) => Err(Error::new(ErrorKind::Timeout).with_detail(format!(
                    "timed out after {}ms waiting for the answer; the statement was stopped",
                    deadline.as_millis()
                ))),
            }
        };
        self.watched(method, sql, in_time).await
    }

    /// Runs one statement that has its deadline already; logged when it was slow.
    pub(crate) async fn watched<T>(
        &self,
        method: &'static str,
        sql: Arc<str>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.say(method, &sql);
        if self.slow.is_none() {
            return work.await;
        }
        let begun = Instant::now();
        let answer = work.await;
        self.took(method, begun.elapsed());
        answer
    }

    /// Logs a statement that was slow.
    fn took(&self, method: &'static str, took: Duration) {
        if self.slow.is_some_and(|limit| took > limit) {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(target: "shelfmark::slow", method, took_ms, "slow statement");
        }
    }

    /// Whether statements are told to nobody before they are sent.
    fn is_quiet(&self) -> bool {
        !self.echo && self.observer.is_idle()
    }

    /// Logs a statement, without its values, when that was asked for.
    pub(crate) fn say(&self, method: &'static str, sql: &str) {
        if self.echo {
            tracing::info!(target: "shelfmark::statement", method, %sql);
        }
    }

    /// Refuses or warns of work on `db` inside of its own transaction.
    pub(crate) fn watch(&self, db: u64, what: &'static str) -> Result<()> {
        let Some(opened) = Scope::transaction_of(db) else {
            return Ok(());
        };
        match self.misuse {
            Misuse::Warn => {
                tracing::warn!(
                    target: "shelfmark::misuse",
                    call = what,
                    transaction = opened,
                    "`db` was used inside of its own transaction and is not part of it: use `tx`"
                );
                Ok(())
            }
            Misuse::Error => Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
                "`db` was used inside of the transaction opened at {opened} and would not be part of it: use `tx`"
            ))),
        }
    }
}

/// The channel of a [`Db`](crate::Db).
#[derive(Clone)]
pub(crate) struct Direct {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) limits: Limits,
    /// The identity of the `Db`.
    pub(crate) id: u64,
    pub(crate) clock: Clock,
    /// Whose rows the handle may see.
    pub(crate) tenant: Option<Tenant>,
    /// Where reads are answered from.
    pub(crate) cache: Option<Arc<Attached>>,
    /// What each call through this channel makes outdated; only where there is a cache.
    pub(crate) evictions: Option<Evictions>,
    /// From where single reads are answered.
    pub(crate) reads: ReadFrom,
    /// What the cache keeps is read with it; only where there is a cache, and the reads of this one may be late.
    pub(crate) fresh: Option<Handle>,
}

impl Direct {
    /// Makes the handle for what the cache keeps. A value that was read from a late replica would stay after the write
    /// that it lacks has evicted it.
    pub(crate) fn keep_fresh(&mut self) {
        if self.cache.is_none() || self.reads == ReadFrom::Primary {
            return;
        }
        let mut fresh = self.clone();
        fresh.reads = ReadFrom::Primary;
        self.fresh = Some(Handle::new(Arc::new(fresh)));
    }

    /// Whether `call` has to run in a transaction of its own: what it did may have to be undone, row-level security has to
    /// see whose it is, or other instances have to be told what it evicts.
    fn stands_alone(&self, call: &Call<'_>) -> bool {
        let told = self
            .outdated()
            .is_some_and(|(attached, _)| attached.tells());
        call.demand.is_some() || self.is_secured() || told
    }

    /// Whether row-level security has to see whose the calls are.
    fn is_secured(&self) -> bool {
        self.tenant.is_some() && self.engine.dialect() == Dialect::Postgres
    }

    /// The cache, and what a call drops from it.
    fn outdated(&self) -> Option<(&Arc<Attached>, &Evictions)> {
        Option::zip(self.cache.as_ref(), self.evictions.as_ref())
    }

    /// One statement, which is its own transaction.
    async fn statement<T>(
        &self,
        method: &'static str,
        sql: Arc<str>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let work = self.limits.statement(method, sql, self.deadline(), work);
        let Some((attached, evictions)) = self.outdated() else {
            return work.await;
        };
        let writing = Writing::announced(attached, evictions.clone()).await;
        let answer = work.await;
        writing.ended(failure(&answer)).await;
        answer
    }

    fn alone<'a>(&'a self, call: &Call<'_>) -> Alone<'a> {
        Alone {
            engine: &self.engine,
            limits: &self.limits,
            deadline: self.deadline(),
            tenant: self.tenant.as_ref(),
            outdated: self.outdated(),
            method: call.method,
            sql: Arc::clone(&call.sql),
        }
    }

    /// Refuses a call that must not be made, and tells those who record of any other.
    fn admit(&self, call: &Call<'_>) -> Result<()> {
        self.limits.watch(self.id, call.method)?;
        self.limits.observer.statement(call, false)
    }

    /// The whole of a call: waiting for a connection and for the answer.
    fn deadline(&self) -> Duration {
        self.limits.acquire_timeout + self.limits.statement_timeout
    }
}

impl Channel for Direct {
    fn dialect(&self) -> Dialect {
        self.engine.dialect()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// None inside of the database's own transaction: the call goes the usual way, where it is noticed.
    fn cache(&self) -> Option<&Arc<dyn QueryCache>> {
        let cache = self.cache.as_ref()?.readable()?;
        match Scope::transaction_of(self.id) {
            None => Some(cache),
            Some(_) => None,
        }
    }

    fn fresh(&self) -> Option<&Handle> {
        self.fresh.as_ref()
    }

    fn evicting(&self, evictions: Evictions) -> Option<Arc<dyn Channel>> {
        self.cache.as_ref()?;
        if evictions.is_empty() {
            return None;
        }
        let mut channel = self.clone();
        channel.evictions.get_or_insert_default().add(evictions);
        Some(Arc::new(channel))
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            self.admit(&call)?;
            if self.stands_alone(&call) {
                let (alone, demand) = (self.alone(&call), call.demand.clone());
                let work =
                    |session: Arc<dyn Session>| async move { session.fetch(call, sink).await };
                return alone.run(demand, held, work).await;
            }
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let work = match call.access {
                Access::Read => self.engine.read(self.reads, call, sink),
                _ => self.engine.fetch(call, sink),
            };
            self.statement(method, sql, work).await
        })
    }

    /// Nothing on the spot that has to be told to somebody, evicts, stands alone, or is made inside of the database's own
    /// transaction: all that is looked at on the usual way. A deadline is not needed: the engine has a shorter one.
    fn fetch_now(&self, call: Glance<'_>, sink: &mut dyn RowSink) -> Option<Now> {
        let is_plain = self.evictions.is_none()
            && self.limits.is_quiet()
            && !self.is_secured()
            && Scope::transaction_of(self.id).is_none();
        if !is_plain {
            return None;
        }
        let now = self.engine.fetch_now(call, sink)?;
        self.limits.took(call.method, now.took);
        Some(now)
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.admit(&call)?;
            if self.stands_alone(&call) {
                let (alone, demand) = (self.alone(&call), call.demand.clone());
                let work = |session: Arc<dyn Session>| async move { session.execute(call).await };
                return alone.run(demand, touched, work).await;
            }
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let work = self.engine.execute(call);
            self.statement(method, sql, work).await
        })
    }

    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.admit(&call)?;
            if self.stands_alone(&call) {
                let (alone, demand) = (self.alone(&call), call.demand.clone());
                let work = |session: Arc<dyn Session>| async move {
                    session.execute_many(call, columns, rows).await
                };
                return alone.run(demand, touched, work).await;
            }
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let work = self.engine.execute_many(call, columns, rows);
            self.statement(method, sql, work).await
        })
    }

    fn fetch_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            self.admit(&call)?;
            if self.stands_alone(&call) {
                let (alone, demand) = (self.alone(&call), call.demand.clone());
                let work = |session: Arc<dyn Session>| async move {
                    session.fetch_many(call, columns, rows, sink).await
                };
                return alone.run(demand, held, work).await;
            }
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let work = self.engine.fetch_many(call, columns, rows, sink);
            self.statement(method, sql, work).await
        })
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        if let Err(error) = self.admit(&call) {
            return futures_util::stream::iter([Err(error)]).boxed();
        }
        self.limits.say(call.method, &call.sql);
        // What a stream evicts waits for its end, and what is dropped before has not been done.
        if self.stands_alone(&call) || self.evictions.is_some() {
            return self.alone(&call).stream(call, sink);
        }
        let batches = match call.access {
            Access::Read => self.engine.read_stream(self.reads, call, sink),
            _ => self.engine.stream(call, sink),
        };
        bounded(batches, self.deadline())
    }
}

/// A stream whose every wait for a batch ends after `deadline`, with an error that is its last item.
pub(crate) fn bounded<'a>(
    batches: BoxStream<'a, Result<Box<dyn RowSink>>>,
    deadline: Duration,
) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
    futures_util::stream::unfold(Some(batches), move |batches| async move {
        let mut batches = batches?;
        match tokio::time::timeout(deadline, batches.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(batch))) => Some((Ok(batch), Some(batches))),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Err(_) => {
                let error = Error::new(ErrorKind::Timeout).with_detail(format!(
                    "timed out after {}ms waiting for rows; the statement was stopped",
                    deadline.as_millis()
                ));
                Some((Err(error), None))
            }
        }
    })
    .boxed()
}
