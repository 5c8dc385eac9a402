//! One call outside of transactions that needs a transaction of its own all the same: because what it did may have to be
//! undone, because row-level security has to see whose it is, or because other instances have to be told what it evicts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use shelfmark_core::cache::Evictions;
use shelfmark_core::{
    BeginOptions, BoxStream, Call, Demand, Engine, Error, ErrorKind, Isolation, Result, RowSink,
    Session, Tenant,
};

use crate::cache::Attached;
use crate::direct::{Limits, bounded};
use crate::transaction::commit_evicting;

/// What is needed for the transaction of one call.
pub(crate) struct Alone<'a> {
    pub(crate) engine: &'a Arc<dyn Engine>,
    pub(crate) limits: &'a Limits,
    /// Of the whole call, but for the commit.
    pub(crate) deadline: Duration,
    pub(crate) tenant: Option<&'a Tenant>,
    /// What the call drops from the cache when it is committed.
    pub(crate) outdated: Option<(&'a Arc<Attached>, &'a Evictions)>,
    pub(crate) method: &'static str,
    pub(crate) sql: Arc<str>,
}

/// The number of rows that a sink was given, which it still holds.
#[expect(
    clippy::borrowed_box,
    reason = "what an engine hands back is the box, and this is asked of it"
)]
pub(crate) fn held(sink: &Box<dyn RowSink>) -> u64 {
    u64::try_from(sink.held()).unwrap_or(u64::MAX)
}

/// The number of rows touched, of an answer that is just this.
pub(crate) fn touched(rows: &u64) -> u64 {
    *rows
}

/// The answer, unless it falls short of what was demanded.
pub(crate) fn demanded<T>(
    demand: Option<&Demand>,
    answer: Result<T>,
    rows: impl FnOnce(&T) -> u64,
) -> Result<T> {
    let answer = answer?;
    if let Some(demand) = demand {
        demand.check(rows(&answer))?;
    }
    Ok(answer)
}

impl Alone<'_> {
    fn options(&self) -> BeginOptions {
        BeginOptions {
            isolation: Isolation::ReadCommitted,
            read_only: false,
            label: self.method,
            tenant: self.tenant.map(|tenant| tenant.setting().into()),
        }
    }

    /// Runs `work` and commits, unless it fails or `rows` of its answer are fewer than demanded. Dropped before that, it
    /// rolls back.
    pub(crate) async fn run<T, F, Fut>(
        self,
        demand: Option<Demand>,
        rows: impl FnOnce(&T) -> u64,
        work: F,
    ) -> Result<T>
    where
        F: FnOnce(Arc<dyn Session>) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let (options, limits, outdated) = (self.options(), self.limits, self.outdated);
        let begun = async {
            let session = self.engine.begin(options).await?;
            let answer = work(Arc::clone(&session)).await;
            Ok((session, demanded(demand.as_ref(), answer, rows)))
        };
        let (session, answer) = limits
            .statement(self.method, self.sql, self.deadline, begun)
            .await?;
        if is_kept(&answer, demand.is_some()) {
            commit_evicting(&*session, limits, outdated).await?;
        } else {
            // When this fails the session is dropped without being proven idle, and the engine closes its connection.
            let _ = tokio::time::timeout(limits.statement_timeout, session.rollback()).await;
        }
        answer
    }

    /// The rows of `call` as they come. What it did is kept when the stream is read to its end, and undone when it is
    /// dropped before.
    pub(crate) fn stream<'a>(
        self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>>
    where
        Self: 'a,
    {
        Box::pin(async_stream::try_stream! {
            let begun = tokio::time::timeout(self.deadline, self.engine.begin(self.options())).await;
            let session = begun.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout)))?;
            let mut failed = None;
            {
                let mut batches = bounded(session.stream(call, sink), self.deadline);
                while let Some(batch) = batches.next().await {
                    match batch {
                        Ok(batch) => yield batch,
                        Err(error) => failed = Some(Err(error)),
                    }
                }
            }
            let answer = failed.unwrap_or(Ok(()));
            if is_kept(&answer, false) {
                commit_evicting(&*session, self.limits, self.outdated).await?;
            }
            answer?;
        })
    }
}

/// Whether what a statement did stands: also when only its rows could not be read, as it does without a transaction,
/// unless more was demanded of it.
fn is_kept<T>(answer: &Result<T>, demanding: bool) -> bool {
    match answer {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::Decode && !demanding,
    }
}
