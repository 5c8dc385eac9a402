//! One connection: how it is opened and set up, and the few statements that bracket a transaction.

use std::cell::{Cell, Ref, RefCell};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, OpenFlags, vtab};
use shelfmark_core::{Error, ErrorKind, Glance, Result};

use crate::brake::{Brake, Signals};
use crate::constraint;
use crate::cost::Cost;
use crate::decimal;
use crate::error::{Circumstances, Step, explain, unopenable};
use crate::site::{Place, closed};

/// The first release without the fault that can corrupt a write-ahead log shared by two processes.
const OLDEST_VERSION: i32 = 3_051_003;

/// How many prepared statements a connection keeps.
const STATEMENTS_KEPT: usize = 256;

/// After how many steps of its virtual machine SQLite asks whether to give up: a few microseconds.
const STEPS_BETWEEN_QUESTIONS: i32 = 1_000;

/// The write-ahead log is cut to this size when it is reset, after it has grown in a burst.
const LOG_LIMIT_BYTES: i64 = 64 * 1024 * 1024;

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that writes to a file.
    Writer,
    /// One of those that read from a file.
    Reader,
    /// The only one of a database in memory, which is gone with it.
    Only,
}

/// The text of a statement, and what is known of it.
type Known = (Arc<str>, Arc<Cost>);

/// A connection that is set up.
pub(crate) struct Connection {
    raw: rusqlite::Connection,
    role: Role,
    place: Place,
    brake: Arc<Brake>,
    signals: Arc<Signals>,
    /// The numbers of statements that were prepared here, each in the place that its number says.
    prepared: Box<[Cell<u32>]>,
    /// What is known of statements that were prepared here, each in the place that the address of its text says. A text
    /// is kept, so that no other one can have its address.
    texts: RefCell<Vec<Option<Known>>>,
    _open: OpenGuard,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Counts an open connection until it is dropped.
#[derive(Debug)]
struct OpenGuard(Arc<AtomicUsize>);

impl OpenGuard {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        OpenGuard(Arc::clone(count))
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Refuses a library that can damage the data.
pub(crate) fn check_version(number: i32) -> Result<()> {
    if number >= OLDEST_VERSION {
        return Ok(());
    }
    let dotted = |number: i32| {
        format!(
            "{}.{}.{}",
            number / 1_000_000,
            number / 1_000 % 1_000,
            number % 1_000
        )
    };
    Err(Error::new(ErrorKind::InvalidConfig).with_detail(format!(
        "SQLite {} can corrupt a write-ahead log that two processes share; build with {} or later (rusqlite's feature `bundled` brings one)",
        dotted(number),
        dotted(OLDEST_VERSION)
    )))
}

/// Whether opening may make the file. Only the first connection may: a file that was deleted under an open database
/// must not come back empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Create,
    Refuse,
}

impl Connection {
    /// Opens a connection, waiting until `patience` for locks of other processes; `open` counts it.
    pub(crate) fn open(
        place: &Place,
        role: Role,
        missing: Missing,
        open: &Arc<AtomicUsize>,
        patience: Instant,
    ) -> Result<Connection> {
        let began = Instant::now();
        let raw = match place {
            Place::Memory => rusqlite::Connection::open_in_memory(),
            Place::File(path) => {
                // Paths are absolute, so none is taken for a URI.
                let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                if missing == Missing::Create {
                    flags |= OpenFlags::SQLITE_OPEN_CREATE;
                }
                rusqlite::Connection::open_with_flags(path, flags)
            }
        };
        let raw = raw.map_err(|failure| {
            let error = explain(
                failure,
                Circumstances {
                    place,
                    step: Step::Run,
                    reads_only: false,
                    waited: began.elapsed(),
                    closing: false,
                },
            );
            file_trouble(place, error)
        })?;
        let (brake, signals) = Brake::new(raw.get_interrupt_handle());
        signals.allow_waiting(began, patience);
        let mut connection = Connection {
            raw,
            role,
            place: place.clone(),
            brake,
            signals,
            prepared: vec![Cell::new(0); STATEMENTS_KEPT].into_boxed_slice(),
            texts: RefCell::new(vec![None; STATEMENTS_KEPT]),
            _open: OpenGuard::new(open),
        };
        connection
            .install()
            .map_err(|failure| connection.error(failure))?;
        connection
            .set_up(patience)
            .map_err(|error| file_trouble(place, error))?;
        Ok(connection)
    }

    /// Registers what SQLite calls back into.
    fn install(&mut self) -> rusqlite::Result<()> {
        let signals = Arc::clone(&self.signals);
        self.raw
            .busy_handler(Some(move |tries| signals.waits(tries)))?;
        let signals = Arc::clone(&self.signals);
        self.raw
            .progress_handler(STEPS_BETWEEN_QUESTIONS, Some(move || signals.gives_up()))?;
        self.raw.create_collation(c"DECIMAL", decimal::compare)?;
        vtab::array::load_module(&self.raw)?;
        self.raw
            .set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(())
    }

    fn set_up(&self, patience: Instant) -> Result<()> {
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        ] {
            self.raw
                .set_db_config(setting, on)
                .map_err(|failure| self.error(failure))?;
        }
        if self.role != Role::Only {
            self.enter_log_mode(patience)?;
        }
        let settings = match self.role {
            // Room for what many point reads touch; pages are copied out of the file otherwise, again and again.
            Role::Reader => {
                "PRAGMA synchronous = FULL; PRAGMA query_only = ON; PRAGMA cache_size = -8192"
            }
            // Room for the pages that a large transaction touches, and a log of 16 MiB before it is copied into the file:
            // each copy waits twice for the disk.
            Role::Writer | Role::Only => {
                "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096"
            }
        };
        self.batch(settings)?;
        self.batch(&format!(
            "PRAGMA journal_size_limit = {LOG_LIMIT_BYTES}; PRAGMA cell_size_check = ON"
        ))?;
        // The first look at the file's own pages: a file that is no database is noticed here.
        self.batch("SELECT count(*) FROM sqlite_schema")
    }

    /// Turns the write-ahead log on, which the file remembers.
    ///
    /// The change needs the file for itself for a moment, and SQLite does not wait for that when two processes
    /// open a new file at once.
    fn enter_log_mode(&self, patience: Instant) -> Result<()> {
        loop {
            let mode = self.raw.query_row("PRAGMA journal_mode = WAL", [], |row| {
                row.get::<_, String>(0)
            });
            let failure = match mode {
                Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
                Ok(mode) => {
                    return Err(Error::new(ErrorKind::InvalidConfig).with_detail(format!(
                        "{} cannot have a write-ahead log (SQLite stays with `{mode}`); put it on a local disk",
                        self.place
                    )));
                }
                Err(failure) => failure,
            };
            let busy = failure.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
            if !busy || Instant::now() >= patience {
                return Err(self.error(failure));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn raw(&self) -> &rusqlite::Connection {
        &self.raw
    }

    pub(crate) fn brake(&self) -> &Arc<Brake> {
        &self.brake
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Whether no transaction is open, by SQLite's own word.
    pub(crate) fn is_idle(&self) -> bool {
        self.raw.is_autocommit()
    }

    /// Explains what failed while a statement ran.
    pub(crate) fn error(&self, failure: rusqlite::Error) -> Error {
        self.explain(failure, Step::Run)
    }

    fn explain(&self, failure: rusqlite::Error, step: Step) -> Error {
        explain(
            failure,
            Circumstances {
                place: &self.place,
                step,
                // A database in memory refuses to be written only while a transaction promised not to.
                reads_only: self.role != Role::Writer,
                waited: self.signals.waited(),
                closing: self.signals.condemned(),
            },
        )
    }

    /// Refuses to go on when the work that runs must end. Between two statements nothing runs that an interruption
    /// could strike.
    pub(crate) fn go_on(&self) -> Result<()> {
        if self.signals.condemned() {
            return Err(closed());
        }
        if self.signals.stopped() {
            return Err(
                Error::new(ErrorKind::Timeout).with_detail("the work was stopped before its end")
            );
        }
        Ok(())
    }

    fn place_of(&self, statement: u32) -> Option<&Cell<u32>> {
        let place = usize::try_from(statement).ok()? % STATEMENTS_KEPT;
        self.prepared.get(place)
    }

    /// Remembers that the statement of `sql` was prepared here.
    pub(crate) fn note_prepared(&self, sql: &Arc<str>, cost: &Arc<Cost>) {
        let number = cost.number();
        let Some(place) = self.place_of(number).filter(|_| number != 0) else {
            return;
        };
        place.set(number);
        let mut texts = self.texts.borrow_mut();
        if let Some(place) = texts.get_mut(place_of_text(sql)) {
            *place = Some((Arc::clone(sql), Arc::clone(cost)));
        }
    }

    /// What is known of the statement of `call`, found without a look at its text, when it was prepared here.
    pub(crate) fn known(&self, call: Glance<'_>) -> Option<Ref<'_, Cost>> {
        let texts = self.texts.borrow();
        Ref::filter_map(texts, |texts| {
            let (sql, cost) = texts.get(place_of_text(call.sql))?.as_ref()?;
            let is_same = Arc::ptr_eq(sql, call.sql) && cost.access() == call.access;
            is_same.then_some(&**cost)
        })
        .ok()
        .filter(|cost| self.has_prepared(cost.number()))
    }

    /// Whether the statement of this number is still prepared here, most likely: what is forgotten costs a hop to another
    /// thread, and what is remembered for too long the time of a preparation.
    pub(crate) fn has_prepared(&self, statement: u32) -> bool {
        statement != 0 && self.place_of(statement).map(Cell::get) == Some(statement)
    }

    /// The statement of `sql`, prepared now or before.
    pub(crate) fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>> {
        self.raw
            .prepare_cached(sql)
            .map_err(|failure| self.explain(failure, Step::Prepare))
    }

    /// Explains what failed while a statement was prepared.
    pub(crate) fn prepare_error(&self, failure: rusqlite::Error) -> Error {
        self.explain(failure, Step::Prepare)
    }

    /// Runs statements of ours, without values.
    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.raw
            .execute_batch(sql)
            .map_err(|failure| self.error(failure))
    }

    fn bracket(&self, sql: &str) -> Result<()> {
        self.prepare(sql)?
            .raw_execute()
            .map(drop)
            .map_err(|failure| self.error(failure))
    }

    /// Begins a transaction that holds the write lock from its first moment, so that it never has to upgrade.
    pub(crate) fn begin_writing(&self) -> Result<()> {
        self.bracket("BEGIN IMMEDIATE")
    }

    /// Begins a transaction that sees the state at its first statement.
    pub(crate) fn begin_reading(&self) -> Result<()> {
        self.bracket("BEGIN DEFERRED")
    }

    /// Commits, or rolls back and says why.
    pub(crate) fn commit(&self) -> Result<()> {
        let error = match self.bracket("COMMIT") {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let error = constraint::name_at_commit(self, error);
        self.roll_back();
        Err(error)
    }

    /// The same, without a search for the constraint that was violated.
    pub(crate) fn try_commit(&self) -> Result<()> {
        let outcome = self.bracket("COMMIT");
        if outcome.is_err() {
            self.roll_back();
        }
        outcome
    }

    /// Opens the savepoint of a write that is committed together with others.
    pub(crate) fn savepoint(&self) -> Result<()> {
        self.bracket("SAVEPOINT shelfmark_write")
    }

    /// Keeps what was done since the savepoint.
    pub(crate) fn release(&self) -> Result<()> {
        self.bracket("RELEASE shelfmark_write")
    }

    /// Undoes what was done since the savepoint.
    pub(crate) fn undo(&self) -> Result<()> {
        self.bracket("ROLLBACK TO shelfmark_write")?;
        self.release()
    }

    /// Rolls back, if there is anything to roll back. What fails here is dealt with when the connection is returned.
    pub(crate) fn roll_back(&self) {
        if self.is_idle() {
            return;
        }
        if let Err(error) = self.bracket("ROLLBACK") {
            tracing::warn!(place = %self.place, %error, "a rollback failed");
        }
    }

    /// A fresh connection with the data of this one, which is the only one of a database in memory.
    pub(crate) fn copy_in_memory(&self, open: &Arc<AtomicUsize>) -> Result<Connection> {
        let mut fresh = Connection::open(
            &self.place,
            Role::Only,
            Missing::Create,
            open,
            Instant::now(),
        )?;
        copy_pages(&self.raw, &mut fresh.raw).map_err(|failure| self.error(failure))?;
        Ok(fresh)
    }
}

/// Texts lie at multiples of eight at least, and declared ones never move.
fn place_of_text(sql: &Arc<str>) -> usize {
    let address = sql.as_ptr().addr();
    (address >> 3 ^ address >> 11) % STATEMENTS_KEPT
}

fn copy_pages(from: &rusqlite::Connection, to: &mut rusqlite::Connection) -> rusqlite::Result<()> {
    let backup = rusqlite::backup::Backup::new(from, to)?;
    backup.run_to_completion(i32::MAX, Duration::ZERO, None)
}

/// Says more about a file that cannot be opened than SQLite does.
fn file_trouble(place: &Place, error: Error) -> Error {
    match place {
        Place::Memory => error,
        Place::File(path) => {
            if error
                .code()
                .is_some_and(|code| code.starts_with("SQLITE_CANTOPEN"))
            {
                unopenable(path, error)
            } else {
                error
            }
        }
    }
}

/// Makes the folder of the database at `path`.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|reason| crate::error::folder_refused(folder, &reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_corrupts_shared_logs_is_refused() {
        assert!(check_version(rusqlite::version_number()).is_ok());
        assert!(check_version(3_051_003).is_ok());
        let error = check_version(3_040_001).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("SQLite 3.40.1 can corrupt"));
        assert!(error.to_string().contains("3.51.3"));
    }

    fn only() -> Connection {
        Connection::open(
            &Place::Memory,
            Role::Only,
            Missing::Create,
            &Arc::default(),
            Instant::now(),
        )
        .unwrap()
    }

    #[test]
    fn a_name_in_double_quotes_is_never_a_string() {
        let connection = only();
        connection.batch("CREATE TABLE t (a TEXT)").unwrap();
        for sql in [
            "SELECT \"missing_column\" FROM t",
            "CREATE INDEX i ON t (a) WHERE a = \"missing_column\"",
        ] {
            let error = connection.prepare(sql).map(drop).unwrap_err();
            assert!(error.to_string().contains("missing_column"), "{error}");
        }
    }

    #[test]
    fn settings_are_the_promised_ones() {
        let connection = only();
        let number = |sql: &str| -> i64 {
            connection
                .raw()
                .query_row(sql, [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!(number("PRAGMA foreign_keys"), 1);
        assert_eq!(number("PRAGMA synchronous"), 2);
        assert_eq!(number("PRAGMA trusted_schema"), 0);
        let sorted: String = connection
            .raw()
            .query_row(
                "SELECT group_concat(column1, ' ') FROM
                 (SELECT * FROM (VALUES ('10'), ('9'), ('9.5')) ORDER BY column1 COLLATE decimal)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(sorted, "9 9.5 10");
    }

    #[test]
    fn a_copy_in_memory_keeps_the_data_and_nothing_else() {
        let open = Arc::new(AtomicUsize::new(0));
        let old = only();
        old.batch(
            "CREATE TABLE t (a); INSERT INTO t VALUES (1);
             CREATE TEMP TABLE gone (a); PRAGMA foreign_keys = OFF",
        )
        .unwrap();
        let fresh = old.copy_in_memory(&open).unwrap();
        assert_eq!(open.load(Ordering::Relaxed), 1);
        fresh.batch("INSERT INTO t SELECT a FROM t").unwrap();
        assert!(fresh.batch("SELECT * FROM gone").is_err());
        let on: i64 = fresh
            .raw()
            .query_row("PRAGMA foreign_keys", [], |row| row.get(0))
            .unwrap();
        assert_eq!(on, 1);
    }
}
