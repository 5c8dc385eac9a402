//! The engine: which pool a call goes to, and the end of all of them.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use shelfmark_core::config::PoolSettings;
use shelfmark_core::pool::PoolStatus;
use shelfmark_core::{
    Access, BeginOptions, BoxFuture, BoxStream, Call, Channel, Description, Dialect, Engine, Error,
    ErrorKind, Glance, Maintenance, Now, ParamSpec, Result, RowSink, Session, Type, ValueRef,
};

use crate::connection::{Missing, Role, check_version, make_folder};
use crate::cost::Costs;
use crate::describe;
use crate::held::{Held, Slot, let_go};
use crate::inline;
use crate::lease::{Lease, Pool};
use crate::maintenance;
use crate::perform::{self, Job};
use crate::route::Route;
use crate::run::{hop, on_lease};
use crate::session;
use crate::site::{Phase, Place, Site};
use crate::stream;

/// How long work that was stopped may take to end.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// An opened SQLite database.
///
/// Of [`PoolSettings`] it uses `max`, the number of connections that read, and `acquire_timeout`, which bounds the
/// wait for a connection and for a lock that another process holds. The others are for servers.
///
/// ```
/// use shelfmark_core::{Engine as _, config::PoolSettings};
/// use shelfmark_sqlite::SqliteEngine;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let engine = SqliteEngine::memory(&PoolSettings::default())?;
/// engine.ping().await?;
/// assert_eq!(engine.status().engine, "SQLite memory:");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteEngine {
    site: Arc<Site>,
    /// `None` for a database in memory, where the writer does all.
    readers: Option<Arc<Pool>>,
    pub(crate) writer: Arc<Pool>,
    pub(crate) costs: Costs,
    /// Where the open transactions keep their leases, for a close that does not wait for them.
    kept: Mutex<Vec<Weak<Slot>>>,
}

impl fmt::Debug for SqliteEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteEngine")
            .field("place", &self.site.place)
            .field("phase", &self.site.phase())
            .finish_non_exhaustive()
    }
}

impl SqliteEngine {
    /// Opens the file at `path`, which is made with its folder when it is missing.
    ///
    /// # Errors
    /// `InvalidConfig` for a path that cannot be a database, `Connection` for one that cannot be reached, `Timeout`
    /// when another process keeps it locked; each names the path.
    ///
    /// # Cancel safety
    /// Dropping the future leaves at most an empty database behind.
    pub async fn open(path: &Path, settings: &PoolSettings) -> Result<SqliteEngine> {
        check_version(rusqlite::version_number())?;
        if path.as_os_str().is_empty() {
            return Err(Error::new(ErrorKind::InvalidConfig)
                .with_detail("the path of the database is empty; give the path of a file"));
        }
        // Absolute, so that it stays the same file when the program changes its folder.
        let path = std::path::absolute(path).map_err(|reason| {
            Error::new(ErrorKind::InvalidConfig).with_detail(format!(
                "the path {} cannot be used: {}",
                path.display(),
                crate::error::io_reason(&reason)
            ))
        })?;
        let site = Arc::new(Site::new(
            Place::File(path.clone()),
            settings.acquire_timeout,
        ));
        let writer = Arc::new(Pool::new(Arc::clone(&site), Role::Writer, 1));
        let first = Arc::clone(&writer);
        hop(move |_| {
            make_folder(&path)?;
            first.open_one(Missing::Create)
        })
        .await?;
        Ok(SqliteEngine {
            readers: Some(Arc::new(Pool::new(
                Arc::clone(&site),
                Role::Reader,
                settings.max,
            ))),
            writer,
            site,
            costs: Costs::default(),
            kept: Mutex::default(),
        })
    }

    /// Opens a database of its own in memory, which is gone with the engine.
    ///
    /// It has one connection: a transaction keeps everyone else waiting until it ends.
    ///
    /// # Errors
    /// `InvalidConfig` when the linked SQLite is too old.
    pub fn memory(settings: &PoolSettings) -> Result<SqliteEngine> {
        check_version(rusqlite::version_number())?;
        let site = Arc::new(Site::new(Place::Memory, settings.acquire_timeout));
        let only = Arc::new(Pool::new(Arc::clone(&site), Role::Only, 1));
        only.open_one(Missing::Create)?;
        Ok(SqliteEngine {
            site,
            readers: None,
            writer: only,
            costs: Costs::default(),
            kept: Mutex::default(),
        })
    }

    /// Gives up a stream whose reader takes nothing for `limit`; ten minutes unless it is said otherwise.
    ///
    /// Its connection is given back, a transaction it belongs to is rolled back, and what its reader sees last is an
    /// error of the kind `Timeout`.
    #[must_use]
    pub fn with_stream_idle_limit(self, limit: Duration) -> Self {
        self.site.limit_idle_streams(limit);
        self
    }

    /// The pool and the role of a connection that only reads.
    pub(crate) fn reading(&self) -> (&Arc<Pool>, Role) {
        match &self.readers {
            Some(readers) => (readers, Role::Reader),
            None => (&self.writer, Role::Only),
        }
    }

    /// The pool and the role of a connection that writes.
    fn writing(&self) -> (&Arc<Pool>, Role) {
        let role = if self.readers.is_some() {
            Role::Writer
        } else {
            Role::Only
        };
        (&self.writer, role)
    }

    /// A connection for a call that goes `route`.
    pub(crate) async fn lease(&self, route: Route, method: &'static str) -> Result<Lease> {
        let (pool, _) = match route {
            Route::Read => self.reading(),
            Route::Write | Route::Session | Route::Bare => self.writing(),
        };
        let mut lease = pool.acquire(method).await?;
        if route.spends() {
            lease.spend();
        }
        Ok(lease)
    }

    /// Remembers where a transaction keeps its lease.
    fn keep(&self, held: &Held) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|slot| slot.strong_count() > 0);
        kept.push(held.slot());
    }

    /// Takes the leases of transactions away that did not end in time.
    async fn reclaim(&self) {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in kept {
            if let Some(slot) = slot.upgrade()
                && let Some(lease) = slot.lock().await.take()
            {
                let_go(lease);
            }
        }
    }

    fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        // The readers first: the last connection that is closed brings the write-ahead log home.
        self.readers.iter().chain([&self.writer])
    }

    async fn returned(&self) {
        for pool in self.pools() {
            pool.returned().await;
        }
    }

    async fn close_within(&self, deadline: Duration) -> Result<()> {
        self.site.enter(Phase::Draining);
        for pool in self.pools() {
            pool.refuse();
            pool.clear_homes();
        }
        let mut outcome = Ok(());
        if tokio::time::timeout(deadline, self.returned())
            .await
            .is_err()
        {
            outcome = self.status().cut_off(deadline);
            tracing::warn!(place = %self.site.place, "stopping the work that outlasted the deadline of a close");
            self.site.enter(Phase::Stopping);
            for pool in self.pools() {
                pool.condemn();
            }
            let ended = async {
                self.reclaim().await;
                self.returned().await;
            };
            if tokio::time::timeout(LAST_GRACE, ended).await.is_err() {
                let holders = self.status().holders;
                let holder = holders.first().map_or("a statement", |one| one.method);
                outcome = outcome.map_err(|error| {
                    let calls = error.detail().unwrap_or_default();
                    let detail = format!("{calls}; {holder} does not let go of its connection");
                    Error::new(ErrorKind::Timeout).with_detail(detail)
                });
            }
        }
        self.site.enter(Phase::Closed);
        let connections: Vec<_> = self.pools().flat_map(|pool| pool.take_idle()).collect();
        hop(move |_| {
            for connection in connections {
                drop(connection);
            }
            Ok(())
        })
        .await?;
        outcome
    }
}

impl Drop for SqliteEngine {
    fn drop(&mut self) {
        // What rests at a home keeps the pool, which keeps the home.
        for pool in self.pools() {
            pool.clear_homes();
        }
    }
}

impl Channel for SqliteEngine {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(self.fetch_single(call, sink))
    }

    fn fetch_now(&self, call: Glance<'_>, sink: &mut dyn RowSink) -> Option<Now> {
        inline::fetch_now(self.reading().0, call, sink)
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.execute_single(call))
    }

    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        _columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.execute_rows(call, rows))
    }

    fn fetch_many<'a>(
        &'a self,
        call: Call<'a>,
        _columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(self.fetch_rows(call, rows, sink))
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        let opened = async move {
            let job = Job::new(&call)?;
            let mut lease = self.lease(job.route(), call.method).await?;
            // Where one connection is all there is, and where rows come from a write, the result is read as a whole.
            if self.readers.is_some() && job.route() == Route::Read {
                return Ok(stream::batches(&self.site, move |token, outlet| {
                    lease.run(token, |connection| {
                        stream::pump(connection, job, sink, outlet)
                    })
                }));
            }
            let sink = on_lease(lease, move |connection| {
                perform::fetch(connection, job, sink)
            })
            .await?;
            Ok(stream::whole(sink))
        };
        stream::flatten(opened).boxed()
    }
}

impl Engine for SqliteEngine {
    fn begin(&self, options: BeginOptions) -> BoxFuture<'_, Result<Arc<dyn Session>>> {
        Box::pin(async move {
            let (pool, role) = if options.read_only {
                self.reading()
            } else {
                self.writing()
            };
            let lease = pool.acquire(options.label).await?;
            let session = session::begin(lease, role, options).await?;
            self.keep(&session);
            let session: Arc<dyn Session> = Arc::new(session);
            Ok(session)
        })
    }

    fn maintenance(&self) -> BoxFuture<'_, Result<Arc<dyn Maintenance>>> {
        Box::pin(async move {
            let (pool, role) = self.writing();
            let lease = pool.acquire("maintenance").await?;
            let maintenance = maintenance::keep(lease, role);
            self.keep(&maintenance);
            let maintenance: Arc<dyn Maintenance> = Arc::new(maintenance);
            Ok(maintenance)
        })
    }

    fn describe<'a>(
        &'a self,
        sql: &'a str,
        _specs: &'a [ParamSpec],
    ) -> BoxFuture<'a, Result<Description>> {
        Box::pin(async move {
            // Some PRAGMAs take effect while they are prepared.
            let route = Route::of(sql, Access::Read)?;
            let lease = self.lease(route, "describe").await?;
            let sql = sql.to_owned();
            on_lease(lease, move |connection| {
                describe::describe(connection, &sql)
            })
            .await
        })
    }

    fn ping(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let lease = self.lease(Route::Read, "ping").await?;
            on_lease(lease, |connection| connection.batch("SELECT 1")).await
        })
    }

    fn status(&self) -> PoolStatus {
        let writer = self.writer.status();
        let Some(readers) = self.readers.as_ref().map(|readers| readers.status()) else {
            return writer;
        };
        let mut holders = writer.holders;
        holders.extend(readers.holders);
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.held_for));
        PoolStatus::new(
            format!("SQLite {}", self.site.place.address()),
            writer.max + readers.max,
            writer.open + readers.open,
            writer.in_use + readers.in_use,
            writer.waiting + readers.waiting,
        )
        .with_holders(holders)
    }

    fn close(&self, deadline: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.close_within(deadline))
    }
}
