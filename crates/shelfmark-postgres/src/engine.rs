//! The engine: one database on a server, behind a pool of connections.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::config::{PoolSettings, PostgresTarget};
use shelfmark_core::pool::PoolStatus;
use shelfmark_core::{
    Access, BeginOptions, BoxFuture, BoxStream, Call, Channel, Description, Dialect, Engine,
    Maintenance, Notice, ParamSpec, Position, ReadFrom, Result, RowSink, Session, Type, ValueRef,
};
use tokio::time::timeout;

use crate::clock;
use crate::columns::transposed;
use crate::connect::Connector;
use crate::describe::describe;
use crate::error::{self, Link};
use crate::keeper::fill_up;
use crate::listen::{self, Heartbeat};
use crate::maintenance::PgMaintenance;
use crate::pool::Pool;
use crate::reading::Servers;
use crate::replicas::Replicas;
use crate::report;
use crate::run::{Rules, pooled};
use crate::session::PgSession;
use crate::shared;
use crate::stream::{self, Source};
use crate::tasks::Tasks;

/// A PostgreSQL database.
///
/// Each call outside a transaction takes a connection of the pool and is its own transaction. Dropping the engine
/// closes its connections; [`close`](Engine::close) does so after what runs has ended.
pub struct PostgresEngine {
    pool: Arc<Pool>,
    /// The deadline of a statement.
    limit: Duration,
    /// How long a stream waits for its reader.
    stream_idle_limit: Duration,
    /// When a listener's connection is asked whether it lives.
    heartbeat: Heartbeat,
    /// Servers that answer reads as well.
    replicas: Option<Arc<Replicas>>,
}

impl PostgresEngine {
    /// Opens the database of `target`: connects once, to prove the settings, and opens the pool's `min` connections.
    ///
    /// A server that is just starting is waited for until the pool's acquire timeout has passed. A statement that
    /// takes longer than `statement_timeout` is stopped.
    ///
    /// # Errors
    /// `Connection` when no server answers; `InvalidConfig` when it refuses the user, the password or the database, or
    /// when a setting cannot be kept. Each names host, port and database, never the password.
    ///
    /// # Cancel safety
    /// Dropped, it closes what it has opened.
    pub async fn open(
        target: &PostgresTarget,
        settings: &PoolSettings,
        statement_timeout: Duration,
    ) -> Result<Self> {
        let tasks = Tasks::new();
        let connector = Connector::new(target, settings, statement_timeout, tasks.clone())?;
        let pool = Pool::new(connector, settings, tasks)?;
        drop(pool.acquire("open").await?);
        fill_up(&pool).await?;
        Ok(PostgresEngine {
            pool,
            limit: statement_timeout,
            stream_idle_limit: stream::IDLE_LIMIT,
            heartbeat: Heartbeat::default(),
            replicas: None,
        })
    }

    /// Spreads single reads over `targets`, which follow the server of this engine by streaming replication; one that is
    /// later than `max_lag` is passed over. Each has a pool like the engine's own.
    ///
    /// Waits up to two seconds for what they say of themselves. One that is away is no error: it is tried again.
    ///
    /// # Errors
    /// `InvalidConfig` when a setting of a target cannot be kept.
    ///
    /// # Cancel safety
    /// Dropped, it closes what it has opened.
    pub async fn with_replicas(
        self,
        targets: &[PostgresTarget],
        max_lag: Duration,
    ) -> Result<Self> {
        if targets.is_empty() {
            return Ok(self);
        }
        let replicas = Replicas::open(&self.pool, targets, max_lag, self.limit).await?;
        Ok(PostgresEngine {
            replicas: Some(replicas),
            ..self
        })
    }

    /// The servers that a read may go to, where there is a choice.
    fn servers(&self) -> Option<Servers<'_>> {
        Some(Servers {
            primary: &self.pool,
            replicas: self.replicas.as_deref()?,
            limit: self.limit,
            stream_idle_limit: self.stream_idle_limit,
        })
    }

    /// Gives up a stream whose reader asks for nothing for `limit`; ten minutes unless it is said otherwise.
    ///
    /// Its connection is given back, a transaction it belongs to is rolled back, and what its reader sees last is an
    /// error of the kind `Timeout`.
    #[must_use]
    pub fn with_stream_idle_limit(self, limit: Duration) -> Self {
        PostgresEngine {
            stream_idle_limit: limit,
            ..self
        }
    }

    /// Asks the connection of a listener whether it lives when it has said nothing for `silence`, and takes it for lost
    /// when it does not answer within `answer`; 15 and 5 seconds unless it is said otherwise.
    #[must_use]
    pub fn with_listen_heartbeat(self, silence: Duration, answer: Duration) -> Self {
        PostgresEngine {
            heartbeat: Heartbeat { silence, answer },
            ..self
        }
    }

    async fn run(
        &self,
        call: Call<'_>,
        sink: Option<&mut dyn RowSink>,
        rules: Rules,
    ) -> Result<u64> {
        pooled(&self.pool, &call, sink, self.limit, rules, None).await
    }
}

impl fmt::Debug for PostgresEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresEngine")
            .field("place", &self.pool.connector.place())
            .finish_non_exhaustive()
    }
}

impl Channel for PostgresEngine {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        mut sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            shared::fetch(&self.pool, &call, &mut *sink, self.limit).await?;
            Ok(sink)
        })
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.run(call, None, Rules::POOLED))
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
            self.run(call, None, Rules::POOLED.by_row()).await
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
            self.run(call, Some(&mut *sink), Rules::POOLED.by_row())
                .await?;
            Ok(sink)
        })
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        let source = Source::Pool(&self.pool, self.stream_idle_limit);
        stream::stream(source, call, sink, self.limit)
    }
}

impl Engine for PostgresEngine {
    fn begin(&self, options: BeginOptions) -> BoxFuture<'_, Result<Arc<dyn Session>>> {
        Box::pin(async move {
            let session =
                PgSession::begin(&self.pool, options, self.limit, self.stream_idle_limit).await?;
            Ok(Arc::new(session) as Arc<dyn Session>)
        })
    }

    fn maintenance(&self) -> BoxFuture<'_, Result<Arc<dyn Maintenance>>> {
        Box::pin(async move {
            let maintenance = PgMaintenance::open(&self.pool).await?;
            Ok(Arc::new(maintenance) as Arc<dyn Maintenance>)
        })
    }

    fn describe<'a>(
        &'a self,
        sql: &'a str,
        specs: &'a [ParamSpec],
    ) -> BoxFuture<'a, Result<Description>> {
        Box::pin(async move {
            let mut left = self.pool.most();
            loop {
                let lease = self.pool.acquire("describe").await?;
                let running = lease.run();
                let Ok(described) = timeout(
                    self.limit.min(clock::FOREVER),
                    describe(lease.connection(), sql, specs),
                )
                .await
                else {
                    return Err(error::deadline(self.limit, true));
                };
                let failure = match described {
                    Ok(description) => {
                        running.ended();
                        return Ok(description);
                    }
                    Err(failure) => failure,
                };
                match failure.link {
                    Link::Usable => running.ended(),
                    Link::Lost => lease.note_lost(),
                }
                if failure.link == Link::Usable || left == 0 {
                    return Err(failure.error);
                }
                left -= 1;
            }
        })
    }

    fn read<'a>(
        &'a self,
        from: ReadFrom,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        match self.servers() {
            Some(servers) => Box::pin(async move { servers.fetch(from, &call, sink).await }),
            None => self.fetch(call, sink),
        }
    }

    fn read_stream<'a>(
        &'a self,
        from: ReadFrom,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        match self.servers() {
            Some(servers) => servers.stream(from, call, sink),
            None => self.stream(call, sink),
        }
    }

    fn position(&self) -> BoxFuture<'_, Result<Position>> {
        Box::pin(report::position(&self.pool, self.limit))
    }

    fn ping(&self) -> BoxFuture<'_, Result<()>> {
        let call = Call {
            sql: Arc::from("SELECT 1"),
            params: Vec::new(),
            specs: Vec::new(),
            method: "ping",
            access: Access::Read,
            demand: None,
        };
        Box::pin(async move { self.run(call, None, Rules::POOLED).await.map(|_| ()) })
    }

    fn listen(
        &self,
        channels: Vec<String>,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<Notice>>>> {
        Box::pin(async move { listen::listen(&self.pool, &channels, self.heartbeat).await })
    }

    fn status(&self) -> PoolStatus {
        let replicas = self.replicas.as_ref();
        let replicas = replicas.map(|replicas| replicas.status());
        self.pool
            .status()
            .with_replicas(replicas.unwrap_or_default())
    }

    fn close(&self, deadline: Duration) -> BoxFuture<'_, Result<()>> {
        let end = clock::after(deadline);
        Box::pin(async move {
            let status = match &self.replicas {
                Some(replicas) => {
                    // Their reads may have to run again on the primary, which therefore ends after them.
                    let cut_off = replicas.close(end).await;
                    let mut status = self.pool.close(end).await;
                    status.in_use += cut_off;
                    status
                }
                None => self.pool.close(end).await,
            };
            let closed = status.cut_off(deadline);
            if closed.is_err() {
                tracing::warn!(
                    place = %self.pool.connector.place(),
                    "calls that outlasted the deadline of a close were cut off"
                );
            }
            closed
        })
    }
}
