//! A transaction on one connection.

use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::{
    BeginOptions, BoxFuture, BoxStream, Call, Channel, Dialect, Error, ErrorKind, Result, RowSink,
    Session, Type, ValueRef,
};
use tokio::time::timeout_at;

use crate::begin::begin;
use crate::clock;
use crate::columns::transposed;
use crate::commit;
use crate::error::{self, Fate, Link};
use crate::kept::{Kept, When, command};
use crate::lease::TRANSACTION;
use crate::pool::Pool;
use crate::run::Rules;
use crate::stream::{self, Source};

/// An open transaction.
pub(crate) struct PgSession {
    kept: Arc<Kept>,
    pool: Arc<Pool>,
    options: BeginOptions,
    /// How long a stream waits for its reader.
    stream_idle_limit: Duration,
}

impl PgSession {
    /// Begins a transaction on a connection of the pool; a connection that turns out to be gone is replaced.
    pub(crate) async fn begin(
        pool: &Arc<Pool>,
        options: BeginOptions,
        limit: Duration,
        stream_idle_limit: Duration,
    ) -> Result<Self> {
        let mut left = pool.most();
        loop {
            let lease = pool.acquire(options.label).await?;
            // Before it is sent, so that a dropped call is rolled back whatever the server has seen of it.
            lease.note(TRANSACTION);
            let deadline = clock::after(limit);
            match timeout_at(deadline, begin(&lease, &options)).await {
                Ok(Ok(())) => {
                    return Ok(PgSession {
                        kept: Kept::new(lease, true, limit),
                        pool: Arc::clone(pool),
                        options,
                        stream_idle_limit,
                    });
                }
                // Nothing has been done that could be done twice.
                Ok(Err(failure)) if failure.link == Link::Lost && left > 0 => left -= 1,
                Ok(Err(failure)) => return Err(failure.error),
                Err(_) => return Err(error::deadline(limit, true)),
            }
        }
    }

    async fn run(
        &self,
        call: Call<'_>,
        sink: Option<&mut dyn RowSink>,
        rules: Rules,
    ) -> Result<u64> {
        let occupied = self.kept.occupy(When::Whole).await?;
        occupied
            .run(&call, sink, rules)
            .await
            .map_err(|error| self.explained(error))
    }

    /// A write is refused by the transaction that promised not to write before it is by the server.
    fn explained(&self, error: Error) -> Error {
        if self.options.read_only && error.code() == Some("25006") {
            return error.with_detail("the transaction is read-only, and the statement writes");
        }
        error
    }

    async fn savepoint_command(&self, when: When, sql: String) -> Result<()> {
        self.kept.occupy(when).await?.command(&sql).await
    }
}

impl Channel for PgSession {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        mut sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            self.run(call, Some(&mut *sink), Rules::SESSION).await?;
            Ok(sink)
        })
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.run(call, None, Rules::SESSION))
    }

    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            if rows.is_empty() {
                return Ok(0);
            }
            let call = transposed(call, columns, rows)?;
            self.run(call, None, Rules::SESSION.by_row()).await
        })
    }

    fn fetch_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
        mut sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            let call = transposed(call, columns, rows)?;
            self.run(call, Some(&mut *sink), Rules::SESSION.by_row())
                .await?;
            Ok(sink)
        })
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        stream::stream(
            Source::Kept(&self.kept, Rules::SESSION, Some(self.stream_idle_limit)),
            call,
            sink,
            self.kept.limit,
        )
    }
}

impl Session for PgSession {
    fn commit(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let occupied = self.kept.occupy(When::Whole).await?;
            let deadline = occupied.deadline;
            let lease = occupied.take()?;
            commit::commit(
                &self.pool,
                lease,
                &self.kept.ledger,
                self.options.read_only,
                deadline,
            )
            .await
        })
    }

    fn rollback(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let occupied = match self.kept.occupy(When::Failed).await {
                Err(_) if self.kept.is_forsaken() => return Ok(()),
                occupied => occupied?,
            };
            let deadline = occupied.deadline;
            let lease = occupied.take()?;
            match timeout_at(deadline, command(&lease, "ROLLBACK")).await {
                Ok(Ok(())) => {
                    lease.clear(TRANSACTION);
                    Ok(())
                }
                Ok(Err(failure)) => Err(match failure.fate {
                    // Nothing of the transaction is left either way.
                    _ if failure.link == Link::Lost => Error::new(ErrorKind::Connection)
                        .with_detail(
                            "the connection was lost; the server rolls the transaction back by itself",
                        ),
                    Fate::NotRun | Fate::Other | Fate::Answered => failure.error,
                }),
                Err(_) => Err(error::deadline(self.kept.limit, true)),
            }
        })
    }

    fn savepoint(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.savepoint_command(When::Whole, format!("SAVEPOINT shelfmark_{depth}")))
    }

    fn release(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(
            self.savepoint_command(When::Whole, format!("RELEASE SAVEPOINT shelfmark_{depth}")),
        )
    }

    fn rollback_to(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.savepoint_command(
                When::Failed,
                format!(
                    "ROLLBACK TO SAVEPOINT shelfmark_{depth}; RELEASE SAVEPOINT shelfmark_{depth}"
                ),
            )
            .await?;
            self.kept.mend();
            Ok(())
        })
    }
}
