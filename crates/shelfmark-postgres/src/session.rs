//! A transaction on one connection.

use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::{
    BeginOptions, BoxFuture, BoxStream, Call, Channel, Dialect, Error, ErrorKind, Result, RowSink,
    Session, Type, ValueRef,
};
use tokio::time::timeout_at;

use crate::begin::{Opening, Stage};
use crate::columns::transposed;
use crate::commit;
use crate::error::{self, Fate, Link};
use crate::kept::{Kept, Transaction, When, command};
use crate::lease::TRANSACTION;
use crate::pool::Pool;
use crate::run::Rules;
use crate::stream::{self, Source};

/// A transaction, which begins on the server with its first statement.
pub(crate) struct PgSession {
    kept: Arc<Kept>,
    pool: Arc<Pool>,
    read_only: bool,
    /// How long a stream waits for its reader.
    stream_idle_limit: Duration,
}

impl PgSession {
    /// Takes a connection of the pool for a transaction; one that turns out to be gone when the transaction begins is
    /// replaced.
    pub(crate) async fn begin(
        pool: &Arc<Pool>,
        options: BeginOptions,
        limit: Duration,
        stream_idle_limit: Duration,
    ) -> Result<Self> {
        let lease = pool.acquire(options.label).await?;
        let read_only = options.read_only;
        let transaction = Transaction::new(pool, Opening::new(options));
        Ok(PgSession {
            kept: Kept::in_transaction(lease, transaction, limit),
            pool: Arc::clone(pool),
            read_only,
            stream_idle_limit,
        })
    }

    async fn run(
        &self,
        call: Call<'_>,
        sink: Option<&mut dyn RowSink>,
        rules: Rules,
    ) -> Result<u64> {
        self.kept
            .run(&call, sink, rules)
            .await
            .map_err(|error| self.explained(error))
    }

    /// Whether nothing has been sent, so that there is nothing to end.
    fn has_not_begun(&self) -> bool {
        self.kept
            .transaction
            .as_ref()
            .is_some_and(|transaction| transaction.opening.has_not_begun())
    }

    /// Whether its connection was lost before it had begun.
    fn was_lost(&self) -> bool {
        self.kept
            .transaction
            .as_ref()
            .is_some_and(|transaction| transaction.opening.stage() == Stage::Lost)
    }

    /// A write is refused by the transaction that promised not to write before it is by the server.
    fn explained(&self, error: Error) -> Error {
        if self.read_only && error.code() == Some("25006") {
            return error.with_detail("the transaction is read-only, and the statement writes");
        }
        error
    }

    /// Runs a text that belongs to a transaction of which nothing has failed.
    async fn command(&self, sql: String) -> Result<()> {
        self.kept.occupy_begun().await?.command(&sql).await
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
    fn sent(&self) -> Option<u64> {
        self.kept.transaction.as_ref().map(Transaction::sent)
    }

    fn commit(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let occupied = self.kept.occupy(When::Whole).await?;
            let deadline = occupied.deadline;
            let has_not_begun = self.has_not_begun();
            let lease = occupied.take()?;
            let Some(transaction) = &self.kept.transaction else {
                return Ok(());
            };
            if has_not_begun {
                return Ok(());
            }
            commit::commit(
                &self.pool,
                lease,
                &transaction.ledger,
                self.read_only,
                deadline,
            )
            .await
        })
    }

    fn rollback(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let occupied = match self.kept.occupy(When::Failed).await {
                Err(_) if self.kept.is_forsaken() => return Ok(()),
                // It never began, and the connection on which it was to begin is gone.
                Err(error) if error.kind() == ErrorKind::TransactionClosed && self.was_lost() => {
                    return Ok(());
                }
                occupied => occupied?,
            };
            let deadline = occupied.deadline;
            let has_not_begun = self.has_not_begun();
            let lease = occupied.take()?;
            if has_not_begun {
                return Ok(());
            }
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
        Box::pin(self.command(format!("SAVEPOINT shelfmark_{depth}")))
    }

    fn release(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.command(format!("RELEASE SAVEPOINT shelfmark_{depth}")))
    }

    fn rollback_to(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let undo = format!(
                "ROLLBACK TO SAVEPOINT shelfmark_{depth}; RELEASE SAVEPOINT shelfmark_{depth}"
            );
            let occupied = self.kept.occupy(When::Failed).await?;
            occupied.command(&undo).await?;
            self.kept.mend();
            Ok(())
        })
    }
}
