//! The handle of an opened database.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_core::Stream;
use shelfmark_core::cache::{Evictions, QueryCache};
use shelfmark_core::config::DatabaseConfig;
use shelfmark_core::pool::PoolStatus;
use shelfmark_core::{
    Answer, Clock, Dialect, Engine, Error, Executor, FromRow, Handle, Query, ReadFrom, Result,
    Tenant,
};

use crate::cache::{Attached, Writing};
use crate::direct::{Direct, Limits};
use crate::listen::{self, Listener};
use crate::migrate::{self, Migration, MigrationReport};
use crate::scope;
use crate::transaction::{Transaction, Tx};
use crate::verify::{self, VerifyReport};

/// How long [`Db::close`] waits for running calls.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// An opened database: a file, memory, or a server. Cheap to clone; all clones share one pool.
///
/// Repositories stand on it (`db.shows().find(…)`): each such call is a transaction of its own. Several calls become
/// one with [`transaction`](Db::transaction).
#[derive(Clone)]
pub struct Db {
    handle: Handle,
    pub(crate) shared: Arc<Shared>,
}

/// What the handles on one database have in common, and what tells one that was made of another from it.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) limits: Limits,
    /// Tells databases apart when a call inside of a transaction goes past it.
    pub(crate) id: u64,
    /// Where the managed columns get the time from.
    pub(crate) clock: Clock,
    /// Whose rows the handle may see.
    pub(crate) tenant: Option<Tenant>,
    /// Where repositories with `#[cached]` look first.
    pub(crate) cache: Option<Arc<Attached>>,
    /// Whether caches in process agree by messages, where the database has any.
    cache_notify: bool,
    /// From where single reads are answered, where there are replicas.
    pub(crate) reads: ReadFrom,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("status", &self.status())
            .finish()
    }
}

impl Executor for Db {
    fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Db {
    /// Opens the database that the environment names: see [`DatabaseConfig::from_env`] for the variables.
    ///
    /// # Errors
    /// `InvalidConfig` listing every wrong variable; `Connection` when the database cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping the future closes what was opened.
    pub async fn from_env() -> Result<Db> {
        Db::connect(DatabaseConfig::from_env()?).await
    }

    /// Opens the database of a URL: `memory:`, `sqlite://app.db` or `postgres://user:password@host/name`.
    ///
    /// # Errors
    /// As [`from_env`](Db::from_env).
    ///
    /// # Cancel safety
    /// As [`from_env`](Db::from_env).
    pub async fn open(url: &str) -> Result<Db> {
        Db::connect(DatabaseConfig::from_url(url)?).await
    }

    /// Opens a private database in memory, gone when the last clone of the handle is dropped.
    ///
    /// # Errors
    /// `InvalidConfig` when the crate was built without the feature `sqlite`.
    ///
    /// # Cancel safety
    /// As [`from_env`](Db::from_env).
    pub async fn memory() -> Result<Db> {
        Db::connect(DatabaseConfig::new(shelfmark_core::config::Target::Memory)).await
    }

    /// Opens the database of a configuration made by hand.
    ///
    /// # Errors
    /// As [`from_env`](Db::from_env).
    ///
    /// # Cancel safety
    /// As [`from_env`](Db::from_env).
    pub async fn connect(config: DatabaseConfig) -> Result<Db> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        config.check()?;
        let engine = crate::connect::connect(&config).await?;
        let limits = Limits::new(&config);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Db::of(Shared {
            engine,
            limits,
            id,
            clock: Clock::system(),
            tenant: None,
            cache: None,
            cache_notify: config.cache_notify,
            reads: ReadFrom::Anywhere,
        }))
    }

    /// A handle of what is shared.
    pub(crate) fn of(shared: Shared) -> Db {
        let Shared {
            engine,
            limits,
            id,
            clock,
            tenant,
            cache,
            cache_notify: _,
            reads,
        } = shared.clone();
        let mut direct = Direct {
            engine,
            limits,
            id,
            clock,
            tenant,
            cache,
            evictions: None,
            reads,
            fresh: None,
        };
        direct.keep_fresh();
        Db {
            handle: Handle::new(Arc::new(direct)),
            shared: Arc::new(shared),
        }
    }

    /// A handle on the same database whose calls are measured otherwise.
    pub(crate) fn with_limits(&self, change: impl FnOnce(&mut Limits)) -> Db {
        let mut shared = Shared::clone(&self.shared);
        change(&mut shared.limits);
        Db::of(shared)
    }

    /// A handle on the same database whose `#[created_at]`, `#[updated_at]` and `#[deleted_at]` take the time from
    /// `clock`, also inside of its transactions. Tests set it.
    ///
    /// ```
    /// use jiff::Timestamp;
    /// use shelfmark::prelude::*;
    ///
    /// #[derive(Entity, Debug)]
    /// #[entity(table = "notes")]
    /// struct Note {
    ///     #[id(generated)]
    ///     id: i64,
    ///     text: String,
    ///     #[created_at]
    ///     created_at: Timestamp,
    /// }
    ///
    /// #[derive(Insert)]
    /// #[insert(Note)]
    /// struct NewNote {
    ///     text: String,
    /// }
    ///
    /// #[repository]
    /// trait Notes {
    ///     #[insert]
    ///     async fn add(&self, new: &NewNote) -> Result<Note>;
    /// }
    ///
    /// # #[tokio::main] async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// # let db = Db::memory().await?;
    /// # db.execute(sql!("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, created_at TEXT NOT NULL) STRICT")).await?;
    /// let leap_day: Timestamp = "2024-02-29T12:00:00Z".parse()?;
    /// let db = db.with_clock(Clock::set_to(leap_day));
    /// let note = db.notes().add(&NewNote { text: "leap".to_owned() }).await?;
    /// assert_eq!(note.created_at, leap_day);
    /// # Ok(()) }
    /// ```
    #[must_use = "the handle that it is called on keeps its clock"]
    pub fn with_clock(&self, clock: Clock) -> Db {
        Db::of(Shared {
            clock,
            ..Shared::clone(&self.shared)
        })
    }

    /// A handle on the same database that sees the rows of `tenant` only.
    ///
    /// Generated statements of an entity with `#[tenant]` add the predicate and set the column; on a handle without a
    /// tenant they answer `Unsupported`. SQL that is written by hand says it itself, with `{tenant}` or with the column,
    /// and [`verify`](Db::verify) looks whether it does.
    ///
    /// ```
    /// use shelfmark::prelude::*;
    ///
    /// #[derive(Entity, Debug)]
    /// #[entity(table = "notes")]
    /// struct Note {
    ///     #[id(generated)]
    ///     id: i64,
    ///     #[tenant]
    ///     tenant_id: i64,
    ///     text: String,
    /// }
    ///
    /// #[derive(Insert)]
    /// #[insert(Note)]
    /// struct NewNote {
    ///     text: String,
    /// }
    ///
    /// #[repository(entity = Note)]
    /// trait Notes {
    ///     #[insert]
    ///     async fn add(&self, new: &NewNote) -> Result<Note>;
    ///     #[find]
    ///     async fn find(&self, id: i64) -> Result<Option<Note>>;
    /// }
    ///
    /// # #[tokio::main] async fn main() -> Result<()> {
    /// # let db = Db::memory().await?;
    /// # db.execute(sql!("CREATE TABLE notes (id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, text TEXT NOT NULL) STRICT")).await?;
    /// let (ours, theirs) = (db.for_tenant(1), db.for_tenant(2));
    /// let note = ours.notes().add(&NewNote { text: "secret".to_owned() }).await?;
    /// assert_eq!(note.tenant_id, 1);
    /// assert!(ours.notes().find(note.id).await?.is_some());
    /// assert!(theirs.notes().find(note.id).await?.is_none());
    /// # Ok(()) }
    /// ```
    ///
    /// # Row-level security
    /// On PostgreSQL every statement of such a handle runs with the setting `shelfmark.tenant`, in transactions and
    /// outside of them, where each then is a transaction of its own. So the database can hold what a predicate only asks
    /// for, also for SQL that was written without one:
    ///
    /// ```sql
    /// ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    /// ALTER TABLE notes FORCE ROW LEVEL SECURITY; -- binds the table's owner, too
    /// CREATE POLICY notes_of_the_tenant ON notes
    ///     USING (tenant_id = nullif(current_setting('shelfmark.tenant', true), '')::bigint);
    /// ```
    ///
    /// Without a tenant the setting is empty, and the policy shows no rows. Superusers and roles with `BYPASSRLS` see
    /// all rows: the program must connect as neither. SQLite has predicates only.
    #[must_use = "the handle that it is called on sees what it saw"]
    pub fn for_tenant(&self, tenant: impl Into<Tenant>) -> Db {
        Db::of(Shared {
            tenant: Some(tenant.into()),
            ..Shared::clone(&self.shared)
        })
    }

    /// A handle on the same database whose repositories answer `#[cached]` methods from `cache`, and whose `#[evicts]`
    /// methods drop from it what they make outdated: once it is committed, and before anyone is told.
    ///
    /// Handles made of it ([`for_tenant`](Db::for_tenant), [`with_clock`](Db::with_clock)) share the cache. Inside of a
    /// transaction reads go past it and see the transaction's own writes. A cache belongs to one database: give another
    /// one another cache, or another namespace of it.
    ///
    /// On PostgreSQL instances that each keep a cache in process tell each other what they evict (`NOTIFY`), over a
    /// connection beside the pool's. Nothing is kept until that connection listens, and while it is lost.
    /// [`DatabaseConfig::with_cache_notify`] turns it off. The [tables of promises](crate#what-is-promised-after-a-write)
    /// say what is never stale, and for how long what else may be.
    #[must_use = "the handle that it is called on reads past the cache, and does not evict"]
    pub fn with_cache(&self, cache: impl QueryCache) -> Db {
        let shared = Shared::clone(&self.shared);
        let attached = Attached::new(Arc::new(cache), &shared.engine, shared.cache_notify);
        Db::of(Shared {
            cache: Some(Arc::new(attached)),
            ..shared
        })
    }

    /// The cache that the handle was [given](Db::with_cache).
    #[must_use]
    pub fn cache(&self) -> Option<&Arc<dyn QueryCache>> {
        self.shared.cache.as_ref().map(|attached| attached.cache())
    }

    /// Drops what `evictions` names from the cache, and from those of other instances: for a write that is committed and
    /// was made without `#[evicts]`. Of a handle of a tenant, the tenant's. Without a cache nothing happens.
    ///
    /// Prefer [`Tx::evict`], which belongs to the transaction that writes: if the process ends between a commit and this
    /// call, the old value is served until its time to live ends.
    ///
    /// ```
    /// use shelfmark::prelude::*;
    /// # use shelfmark::Evictions;
    ///
    /// # #[tokio::main] async fn main() -> Result<()> {
    /// # let db = Db::memory().await?;
    /// # db.execute(sql!("CREATE TABLE shows (id TEXT NOT NULL, title TEXT NOT NULL) STRICT")).await?;
    /// db.execute(sql!("UPDATE shows SET title = upper(title)")).await?;
    /// db.evict(Evictions::new().tag("shows")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `Unsupported` inside of the database's own transaction, where [`DatabaseConfig::misuse`] says so. `Connection`,
    /// `PoolExhausted` or `Timeout` when other instances could not be told; this one's cache is done.
    ///
    /// # Cancel safety
    /// Dropped, this instance's cache is done, and other instances may not have been told.
    pub async fn evict(&self, evictions: Evictions) -> Result<()> {
        const METHOD: &str = "Db::evict";
        let Some(attached) = &self.shared.cache else {
            return Ok(());
        };
        let limits = &self.shared.limits;
        let named = |error: Error| error.with_method(METHOD);
        limits.watch(self.shared.id, METHOD).map_err(named)?;
        let evictions = self.handle.own(evictions);
        if evictions.is_empty() {
            return Ok(());
        }
        let writing = Writing::begun(attached, evictions.clone());
        writing.ended(None).await;
        let told = attached.tell_at_once(&self.shared.engine, limits, &evictions);
        told.await.map_err(named)
    }

    /// Brings the schema up to date with `migrations!()`; see [`Migration`] for the rules.
    ///
    /// Any number of processes may call it at once: one runs the files, the others wait for it (at most 60 s).
    ///
    /// # Errors
    /// `Migration` naming the file that failed, was changed or is missing; a failed one leaves the schema as it was
    /// before that file. `Connection`, `PoolExhausted` or `Timeout` when the database cannot be asked.
    ///
    /// # Cancel safety
    /// Dropping the future undoes the file that was running; files before it stay applied. Of a file that runs without a
    /// transaction the statements that ran stand, and the next call says so and how to go on.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<MigrationReport> {
        migrate::run(&*self.shared.engine, migrations).await
    }

    /// Prepares every statement of the program against the schema as it is, and reports all that does not fit: missing
    /// tables and columns, wrong types, NULLs that the Rust type cannot hold.
    ///
    /// Of a column that is an expression (`max(year)`, `CASE` without `ELSE`, a scalar subselect) no engine tells whether
    /// it may be NULL; it passes here and is a `Decode` error when it is. The same goes for a column that an outer join
    /// inside of a subquery makes NULL. Read such a column into an `Option`, or write `coalesce(…)`.
    ///
    /// SQL that is written by hand and names a table with `#[tenant]`, but neither its column nor the slot `{tenant}`, is a
    /// finding, unless it says `across_tenants`. SQL that names a table with `#[deleted_at]` and not that column is a
    /// warning, unless it says `with_deleted`: it is logged under the target `shelfmark::verify`, and
    /// [`verify_report`](Db::verify_report) gives it.
    ///
    /// # Errors
    /// `Verification`, whose text lists every finding with its method, SQL, file and line, and whose source is a
    /// [`VerifyReport`](crate::VerifyReport).
    ///
    /// # Cancel safety
    /// Nothing is changed; may be dropped at any time.
    pub async fn verify(&self) -> Result<()> {
        verify::verify(&*self.shared.engine).await
    }

    /// As [`verify`](Db::verify), and gives everything there is to say: the findings, of which `verify` makes an error,
    /// and the warnings, which it logs.
    ///
    /// # Errors
    /// `Connection`, `PoolExhausted` or `Timeout` when the database cannot be asked.
    ///
    /// # Cancel safety
    /// As [`verify`](Db::verify).
    pub async fn verify_report(&self) -> Result<VerifyReport> {
        verify::report(&*self.shared.engine).await
    }

    /// Runs `scope` as one transaction: `Ok` commits; `Err`, a panic and a drop roll back, on the server, before anyone
    /// else gets the connection.
    ///
    /// The scope gets an owned [`Tx`], on which repositories stand as on the `Db`. For isolation, retries and deadlines
    /// see [`tx`](Db::tx).
    ///
    /// # Errors
    /// What the scope answers; `TransactionAborted` when a statement failed and the scope answered `Ok` all the same;
    /// what COMMIT fails with.
    ///
    /// # Cancel safety
    /// Dropping the future rolls back. Dropped during COMMIT, the transaction may or may not be committed.
    #[track_caller]
    pub fn transaction<T, E, F, Fut>(&self, scope: F) -> impl Future<Output = Result<T, E>>
    where
        E: From<Error>,
        F: FnOnce(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.tx().run_once(scope)
    }

    /// A transaction with options: `db.tx().serializable().retry(3).run(async |tx| …)`.
    #[track_caller]
    pub fn tx(&self) -> Transaction {
        Transaction::new(Arc::clone(&self.shared), scope::label(Location::caller()))
    }

    /// Listens on `channels`, as `LISTEN` does: PostgreSQL only. Answers when the server has accepted all of them, so
    /// that whatever is [sent](Db::notify) from then on arrives.
    ///
    /// A channel needs no declaration. Its name is taken as it is, upper and lower case differ (`db.listen(["Shows"])`
    /// hears `NOTIFY "Shows"`, not `NOTIFY Shows`). See [`Listener`] for what is promised.
    ///
    /// ```no_run
    /// use shelfmark::Notice;
    /// use shelfmark::prelude::*;
    ///
    /// # async fn read_all(_: &Db) -> Result<()> { Ok(()) }
    /// # async fn read_one(_: &Db, _: &str) -> Result<()> { Ok(()) }
    /// async fn keep_in_step(db: &Db) -> Result<()> {
    ///     let mut listener = db.listen(["shows"]).await?;
    ///     read_all(db).await?;
    ///     while let Some(notice) = listener.next().await {
    ///         match notice {
    ///             Ok(Notice::Message { payload, .. }) => read_one(db, &payload).await?,
    ///             // Messages are lost: look at the tables.
    ///             Ok(Notice::Resumed | Notice::Missed { .. }) => read_all(db).await?,
    ///             Ok(_) => {}
    ///             // The server refuses the listener, which goes on trying.
    ///             Err(error) => eprintln!("{error}"),
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` without a channel, or for a name that is empty, longer than 63 bytes or contains NUL;
    /// `Unsupported` on SQLite and in memory; `Connection` when the database cannot be reached within the pool's acquire
    /// timeout, or was closed.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection that was opened.
    pub async fn listen<C: Into<String>>(
        &self,
        channels: impl IntoIterator<Item = C>,
    ) -> Result<Listener> {
        listen::listen(self, channels.into_iter().map(Into::into).collect()).await
    }

    /// One round trip to the database.
    ///
    /// # Errors
    /// `Connection`, `PoolExhausted` or `Timeout` when there is no answer.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn ping(&self) -> Result<()> {
        let limits = &self.shared.limits;
        limits
            .statement(
                "Db::ping",
                "ping".into(),
                limits.statement_timeout,
                self.shared.engine.ping(),
            )
            .await
    }

    /// The pool's numbers now, and who holds what since when.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        self.shared.engine.status()
    }

    /// The SQL that the engine understands.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.shared.engine.dialect()
    }

    /// Refuses new work, waits up to 10 s for running calls, then closes every connection.
    ///
    /// # Errors
    /// `Timeout` when calls had to be cut off, with their number and the one that ran longest.
    ///
    /// # Cancel safety
    /// New work stays refused; connections are closed as they come back.
    pub async fn close(&self) -> Result<()> {
        self.close_within(CLOSE_DEADLINE).await
    }

    /// As [`close`](Db::close), but waits up to `deadline`.
    ///
    /// # Errors
    /// As [`close`](Db::close).
    ///
    /// # Cancel safety
    /// As [`close`](Db::close).
    pub async fn close_within(&self, deadline: Duration) -> Result<()> {
        if let Some(attached) = &self.shared.cache {
            attached.close();
        }
        self.shared.engine.close(deadline).await
    }
}

/// The methods for queries without a trait, on `Db` and `Tx` alike.
macro_rules! queries_without_a_trait {
    ($handle:ty) => {
        impl $handle {
            /// All rows of a statement made by [`sql!`](crate::sql).
            ///
            /// # Errors
            /// What the statement's execution or a row's decoding fails with.
            ///
            /// # Cancel safety
            /// Dropping the future stops the statement on the server.
            pub async fn fetch_all<T: Answer>(&self, query: Query<'_>) -> Result<Vec<T>> {
                query.fetch_all(self.handle()).await
            }

            /// Exactly one row of a statement made by [`sql!`](crate::sql).
            ///
            /// # Errors
            /// `NotFound` without a row, `TooManyRows` with more than one, and as [`fetch_all`](Self::fetch_all).
            ///
            /// # Cancel safety
            /// Dropping the future stops the statement on the server.
            pub async fn fetch_one<T: Answer>(&self, query: Query<'_>) -> Result<T> {
                query.fetch_one(self.handle()).await
            }

            /// The row of a statement made by [`sql!`](crate::sql), if there is one.
            ///
            /// # Errors
            /// `TooManyRows` with more than one, and as [`fetch_all`](Self::fetch_all).
            ///
            /// # Cancel safety
            /// Dropping the future stops the statement on the server.
            pub async fn fetch_optional<T: Answer>(&self, query: Query<'_>) -> Result<Option<T>> {
                query.fetch_optional(self.handle()).await
            }

            /// Runs a statement made by [`sql!`](crate::sql) and gives the number of rows it touched.
            ///
            /// # Errors
            /// What the statement's execution fails with.
            ///
            /// # Cancel safety
            /// Dropping the future stops the statement on the server; whether it was done is then unknown.
            pub async fn execute(&self, query: Query<'_>) -> Result<u64> {
                query.execute(self.handle()).await
            }

            /// Sends a message to all who [listen](crate::Db::listen) on `channel`: PostgreSQL only.
            ///
            /// On a `Db` it goes out at once. On a `Tx` it goes out with the commit, and never without it; the same
            /// message twice in one transaction goes out once.
            ///
            /// # Errors
            /// `InvalidInput`, before anything is sent, for a channel that is empty, longer than 63 bytes or contains
            /// NUL, and for a payload of more than 7,999 bytes or with NUL. `Unsupported` on SQLite and in memory. Else
            /// as [`execute`](Self::execute).
            ///
            /// # Cancel safety
            /// Dropped, a message on a `Db` may or may not go out; a transaction is aborted.
            pub async fn notify(&self, channel: &str, payload: &str) -> Result<()> {
                listen::notify(self.handle(), channel, payload).await
            }

            /// The rows of a statement made by [`sql!`](crate::sql) as they come, in bounded memory.
            ///
            /// On `memory:` all rows are read at the first poll, so that the one connection is free again.
            ///
            /// # Cancel safety
            /// Dropping the stream stops the statement on the server.
            pub fn stream<'a, T: FromRow>(
                &'a self,
                query: Query<'a>,
            ) -> impl Stream<Item = Result<T>> + Send + use<'a, T> {
                query.stream(self.handle())
            }
        }
    };
}
queries_without_a_trait!(Db);
queries_without_a_trait!(Tx);
