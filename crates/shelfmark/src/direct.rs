//! Statements outside of transactions: each its own, under a deadline, logged, and watched for misuse.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use shelfmark_core::config::{DatabaseConfig, Misuse};
use shelfmark_core::{
    BoxFuture, BoxStream, Call, Channel, Dialect, Engine, Error, ErrorKind, Result, RowSink, Type,
    ValueRef,
};

use crate::scope::Scope;

/// What every call is measured by.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) statement_timeout: Duration,
    pub(crate) transaction_timeout: Duration,
    pub(crate) acquire_timeout: Duration,
    slow: Option<Duration>,
    echo: bool,
    misuse: Misuse,
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
        self.say(method, &sql);
        let begun = Instant::now();
        let answer = match tokio::time::timeout(deadline, work).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(ErrorKind::Timeout).with_detail(format!(
                "timed out after {}ms waiting for the answer; the statement was stopped",
                deadline.as_millis()
            ))),
        };
        let took = begun.elapsed();
        if self.slow.is_some_and(|limit| took > limit) {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(target: "shelfmark::slow", method, took_ms, "slow statement");
        }
        answer
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
pub(crate) struct Direct {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) limits: Limits,
    /// The identity of the `Db`.
    pub(crate) id: u64,
}

impl Direct {
    /// The whole of a call: waiting for a connection and for the answer.
    fn deadline(&self) -> Duration {
        self.limits.acquire_timeout + self.limits.statement_timeout
    }
}

impl Channel for Direct {
    fn dialect(&self) -> Dialect {
        self.engine.dialect()
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            self.limits.watch(self.id, call.method)?;
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let work = self.engine.fetch(call, sink);
            self.limits
                .statement(method, sql, self.deadline(), work)
                .await
        })
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.limits.watch(self.id, call.method)?;
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            self.limits
                .statement(method, sql, self.deadline(), self.engine.execute(call))
                .await
        })
    }

    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.limits.watch(self.id, call.method)?;
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let work = self.engine.execute_many(call, columns, rows);
            self.limits
                .statement(method, sql, self.deadline(), work)
                .await
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
            self.limits.watch(self.id, call.method)?;
            let (method, sql) = (call.method, Arc::clone(&call.sql));
            let work = self.engine.fetch_many(call, columns, rows, sink);
            self.limits
                .statement(method, sql, self.deadline(), work)
                .await
        })
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        if let Err(error) = self.limits.watch(self.id, call.method) {
            return futures_util::stream::iter([Err(error)]).boxed();
        }
        self.limits.say(call.method, &call.sql);
        bounded(self.engine.stream(call, sink), self.deadline())
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
