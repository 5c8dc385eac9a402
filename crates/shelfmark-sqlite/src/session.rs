//! A transaction on one connection.

use std::sync::Arc;

use futures_util::StreamExt as _;
use shelfmark_core::{
    BeginOptions, BoxFuture, BoxStream, Call, Channel, Dialect, Result, RowSink, Session, Type,
    ValueRef,
};

use crate::brake::Token;
use crate::connection::{Connection, Role};
use crate::held::{Bond, Held, When};
use crate::lease::Lease;
use crate::perform::{self, Job, ManyJob};
use crate::route::Route;
use crate::run::hop;
use crate::stream;

/// An open transaction.
#[derive(Debug)]
pub(crate) struct SqliteSession {
    held: Held,
    /// Whether rows can be handed on while SQLite still stands on them: not where one connection is all there is.
    streams: bool,
}

impl SqliteSession {
    /// Begins a transaction on `lease`. SQLite's transactions are serializable, whatever was asked for.
    pub(crate) async fn begin(
        mut lease: Lease,
        role: Role,
        options: BeginOptions,
    ) -> Result<SqliteSession> {
        // The lease comes back inside the answer, so dropping the future drops it, and that rolls back.
        let lease = hop(move |token: &Token| {
            if role == Role::Only && options.read_only {
                lease.make_read_only()?;
            }
            lease.run(token, |connection| {
                if options.read_only {
                    connection.begin_reading()
                } else {
                    connection.begin_writing()
                }
            })?;
            Ok(lease)
        })
        .await?;
        Ok(SqliteSession {
            held: Held::new(lease, Bond::Transaction),
            streams: role != Role::Only,
        })
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }
}

/// Runs one call on a kept connection, which is replaced afterwards if the call may change its settings.
pub(crate) async fn run_held<T: Send + 'static>(
    held: &Held,
    route: Route,
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    if route.spends() {
        held.run_spending(work).await
    } else {
        held.run(When::Whole, work).await
    }
}

/// Streams the rows of a query on a kept connection.
pub(crate) fn stream_held<'a>(
    held: &'a Held,
    streams: bool,
    call: Call<'a>,
    sink: Box<dyn RowSink>,
) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
    let opened = async move {
        let job = Job::new(&call)?;
        if streams && job.route() == Route::Read {
            let mut occupied = held.lock(When::Whole).await?;
            return Ok(stream::batches(held.site(), move |token, outlet| {
                occupied.run(token, |connection| {
                    stream::pump(connection, job, sink, outlet)
                })
            }));
        }
        let sink = run_held(held, job.route(), move |connection| {
            perform::fetch(connection, job, sink)
        })
        .await?;
        Ok(stream::whole(sink))
    };
    stream::flatten(opened).boxed()
}

impl Channel for SqliteSession {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            let job = Job::new(&call)?;
            run_held(&self.held, job.route(), move |connection| {
                perform::fetch(connection, job, sink)
            })
            .await
        })
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let job = Job::new(&call)?;
            run_held(&self.held, job.route(), move |connection| {
                perform::execute(connection, job)
            })
            .await
        })
    }

    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        _columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let job = ManyJob::new(&call, &rows)?;
            run_held(&self.held, job.route(), move |connection| {
                perform::execute_many(connection, job)
            })
            .await
        })
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        stream_held(&self.held, self.streams, call, sink)
    }
}

impl Session for SqliteSession {
    fn commit(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.held.finish(When::Whole, Connection::commit))
    }

    fn rollback(&self) -> BoxFuture<'_, Result<()>> {
        // Giving the lease back is the rollback, and is done by whoever has the lease when a call was cut off.
        Box::pin(self.held.give_back())
    }

    fn savepoint(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.held.run(When::Whole, move |connection| {
            connection.batch(&format!("SAVEPOINT shelfmark_{depth}"))
        }))
    }

    fn release(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.held.run(When::Whole, move |connection| {
            connection.batch(&format!("RELEASE shelfmark_{depth}"))
        }))
    }

    fn rollback_to(&self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.held
                .run(When::Broken, move |connection| {
                    connection.batch(&format!(
                        "ROLLBACK TO shelfmark_{depth}; RELEASE shelfmark_{depth}"
                    ))
                })
                .await?;
            self.held.mend();
            Ok(())
        })
    }
}

/// A session behind the pointer that the caller keeps.
pub(crate) fn shared(session: SqliteSession) -> Arc<dyn Session> {
    Arc::new(session)
}
