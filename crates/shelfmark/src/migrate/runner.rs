//! Applies what is pending: one runner at a time across processes, each file all or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shelfmark_core::sql::{Class, classify, split_statements};
use shelfmark_core::{Dialect, Engine, Error, ErrorKind, Maintenance, Result, ValueRef};

use super::applied::{self, Record};
use super::migration::{Migration, checksum, title, without_transaction};

/// How long one runner waits for another.
const LOCK_WAIT: Duration = Duration::from_secs(60);
/// How often it asks. Asked, not waited for: a waiting advisory lock deadlocks with CREATE INDEX CONCURRENTLY.
const LOCK_POLL: Duration = Duration::from_millis(50);
/// The advisory lock's number on PostgreSQL: the first eight bytes of "shelfmark" read as a big-endian integer.
const LOCK: i64 = i64::from_be_bytes(*b"shelfmar");

/// What [`Db::migrate`](crate::Db::migrate) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationReport {
    /// The migrations that this call applied, in order.
    pub applied: Vec<Applied>,
    /// How many had been applied before.
    pub already: usize,
}

/// A migration that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// Its version.
    pub version: i64,
    /// Its name.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
}

/// Brings the schema of `engine` up to date.
pub(crate) async fn run(engine: &dyn Engine, migrations: &[Migration]) -> Result<MigrationReport> {
    let migrations = in_order(migrations)?;
    let at = maintenance(engine).await?;
    let at = &*at;
    let dialect = at.dialect();
    match dialect {
        // Ends with the connection, which is not lent again.
        Dialect::Postgres => advisory_lock(at).await?,
        // A table is rebuilt by dropping the old one, which would take with it what refers to its rows. Inside of a
        // transaction the switch has no effect, so it stands here; before each commit the keys are checked instead.
        Dialect::Sqlite => at.script("PRAGMA foreign_keys = OFF").await?,
    }
    let mut records = match settled(at).await {
        Ok(records) => records,
        // The first run of all. A later one writes nothing unless there is something to apply.
        Err(error) if error.kind() == ErrorKind::Other => {
            create_table(at).await?;
            settled(at).await?
        }
        Err(error) => return Err(error),
    };
    check(&migrations, &records, dialect)?;
    let mut report = MigrationReport::default();
    for migration in migrations.values() {
        let Some(sql) = migration.sql(dialect) else {
            continue;
        };
        if is_applied(&records, migration) {
            report.already += 1;
            continue;
        }
        let begun = Instant::now();
        let ran = if without_transaction(sql) {
            apply_by_statement(at, migration, sql).await?
        } else {
            apply_as_one(at, migration, sql).await?
        };
        if ran {
            let took = begun.elapsed();
            tracing::info!(target: "shelfmark::migrate", migration = migration.title(), ?took, "applied");
            report.applied.push(Applied {
                version: migration.version(),
                name: migration.name(),
                took,
            });
        } else {
            report.already += 1;
        }
        records = settled(at).await?;
        check(&migrations, &records, dialect)?;
    }
    Ok(report)
}

fn is_applied(records: &[Record], migration: &Migration) -> bool {
    records
        .iter()
        .any(|record| record.version == migration.version())
}

/// A connection for migrations; waits for another runner of this process.
async fn maintenance(engine: &dyn Engine) -> Result<Arc<dyn Maintenance>> {
    let patience = Patience::new();
    loop {
        match engine.maintenance().await {
            Err(error) if error.kind() == ErrorKind::PoolExhausted => patience.spend().await?,
            answer => return answer,
        }
    }
}

async fn create_table(at: &dyn Maintenance) -> Result<()> {
    begin(at).await?;
    let made = at.script(applied::create_table(at.dialect())).await;
    made.map_err(table_failed)?;
    at.script("COMMIT").await
}

/// The end of one wait for another runner.
struct Patience(Instant);

impl Patience {
    fn new() -> Self {
        Patience(Instant::now() + LOCK_WAIT)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }

    /// Waits a moment, or says that the wait is over.
    async fn spend(&self) -> Result<()> {
        if self.is_over() {
            return Err(failed(format!(
                "another process has been migrating this database for more than {}s: wait for it, or end it",
                LOCK_WAIT.as_secs()
            )));
        }
        tokio::time::sleep(LOCK_POLL).await;
        Ok(())
    }
}

/// The migrations by version.
fn in_order(migrations: &[Migration]) -> Result<BTreeMap<i64, Migration>> {
    let mut ordered = BTreeMap::new();
    for migration in migrations {
        if let Some(other) = ordered.insert(migration.version(), *migration) {
            return Err(failed(format!(
                "version {} is given twice: {} and {}",
                migration.version(),
                other.title(),
                migration.title()
            )));
        }
    }
    Ok(ordered)
}

fn failed(detail: String) -> Error {
    Error::new(ErrorKind::Migration)
        .with_method("Db::migrate")
        .with_detail(detail)
}

fn table_failed(error: Error) -> Error {
    failed(format!(
        "the table _shelfmark_migrations cannot be made: {error}"
    ))
    .with_source(error)
}

async fn advisory_lock(at: &dyn Maintenance) -> Result<()> {
    let patience = Patience::new();
    loop {
        let lock = vec![ValueRef::I64(LOCK)];
        let taken: Vec<bool> = applied::rows(at, "SELECT pg_try_advisory_lock($1)", lock).await?;
        if taken == [true] {
            return Ok(());
        }
        patience.spend().await?;
    }
}

/// Begins a transaction. On SQLite this is the lock against other processes as well.
async fn begin(at: &dyn Maintenance) -> Result<()> {
    let text = match at.dialect() {
        Dialect::Sqlite => "BEGIN IMMEDIATE",
        Dialect::Postgres => "BEGIN",
    };
    let patience = Patience::new();
    loop {
        match at.script(text).await {
            Err(error) if error.is_retryable() => patience.spend().await?,
            answer => return answer,
        }
    }
}

/// The records, once no other process is in the middle of a migration without a transaction.
async fn settled(at: &dyn Maintenance) -> Result<Vec<Record>> {
    let patience = Patience::new();
    loop {
        let records = applied::read(at).await?;
        let Some(running) = records.iter().find(|record| !record.finished) else {
            return Ok(records);
        };
        // On PostgreSQL the advisory lock is ours, so nobody else can be running it.
        if at.dialect() == Dialect::Postgres || patience.is_over() {
            return Err(unfinished(running, at.dialect()));
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

fn unfinished(running: &Record, dialect: Dialect) -> Error {
    let (state, yes) = match dialect {
        Dialect::Sqlite => ("still runs in another process, or was cut off", "1"),
        Dialect::Postgres => ("was cut off", "true"),
    };
    let (version, began) = (running.version, running.applied_at);
    failed(format!(
        "{} runs without a transaction, began at {began}, and {state}: compare the schema with the file, then either \
         finish by hand and run UPDATE _shelfmark_migrations SET finished = {yes} WHERE version = {version}, \
         or undo by hand and run DELETE FROM _shelfmark_migrations WHERE version = {version}",
        title(version, &running.name)
    ))
}

/// Refuses when an applied file was changed or is missing; lists all of them.
fn check(
    migrations: &BTreeMap<i64, Migration>,
    records: &[Record],
    dialect: Dialect,
) -> Result<()> {
    let problems: Vec<String> = records
        .iter()
        .filter_map(|record| {
            let name = title(record.version, &record.name);
            let given = migrations.get(&record.version);
            let Some((given, sql)) = given.and_then(|given| Some((given, given.sql(dialect)?))) else {
                return Some(format!(
                    "{name} was applied at {} but is missing from this program: restore the file, or run the program that has it",
                    record.applied_at
                ));
            };
            if checksum(sql) == record.checksum {
                return None;
            }
            Some(if given.name() == record.name {
                format!(
                    "{name} was changed after it had been applied at {}: restore the file and write a new migration instead",
                    record.applied_at
                )
            } else {
                format!(
                    "{name} was applied at {}, and in this program that number is {}: is it another program's database? \
                     Then correct the URL; else restore the file",
                    record.applied_at,
                    given.title()
                )
            })
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(failed(problems.join("; ")))
}

/// Runs a file in a transaction; false when another process was faster.
async fn apply_as_one(
    at: &dyn Maintenance,
    migration: &Migration,
    sql: &'static str,
) -> Result<bool> {
    refuse_transaction_control(migration, sql)?;
    begin(at).await?;
    let applied = within_transaction(at, migration, sql).await;
    match applied {
        Ok(true) => {
            at.script("COMMIT")
                .await
                .map_err(|error| undone(migration, error))?;
            Ok(true)
        }
        Ok(false) => at.script("ROLLBACK").await.map(|()| false),
        Err(error) => {
            // SQLite may have rolled back by itself; the connection is not lent again in any case.
            let _ = at.script("ROLLBACK").await;
            Err(undone(migration, error))
        }
    }
}

async fn within_transaction(
    at: &dyn Maintenance,
    migration: &Migration,
    sql: &'static str,
) -> Result<bool> {
    if is_applied(&applied::read(at).await?, migration) {
        return Ok(false);
    }
    at.script(sql).await?;
    check_foreign_keys(at).await?;
    applied::write(at, migration, &checksum(sql), true).await?;
    Ok(true)
}

/// What the switched-off foreign keys of SQLite would have refused.
async fn check_foreign_keys(at: &dyn Maintenance) -> Result<()> {
    if at.dialect() != Dialect::Sqlite {
        return Ok(());
    }
    let text = "SELECT DISTINCT \"table\" || ' refers to rows of ' || parent || ' that are not there' \
                FROM pragma_foreign_key_check";
    let broken: Vec<String> = applied::rows(at, text, Vec::new()).await?;
    if broken.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ForeignKey).with_detail(broken.join("; ")))
}

fn undone(migration: &Migration, error: Error) -> Error {
    failed(format!(
        "{} failed and was undone: {error}",
        migration.title()
    ))
    .with_source(error)
}

/// Runs a file statement by statement, noting before that it runs and after that it came to its end.
async fn apply_by_statement(
    at: &dyn Maintenance,
    migration: &Migration,
    sql: &'static str,
) -> Result<bool> {
    let statements = split_statements(sql).map_err(|error| {
        failed(format!(
            "{} cannot be split into statements: {error}",
            migration.title()
        ))
    })?;
    match applied::write(at, migration, &checksum(sql), false).await {
        Err(error) if error.is_unique_violation() => return Ok(false),
        noted => noted?,
    }
    for (index, statement) in statements.iter().enumerate() {
        at.script(statement).await.map_err(|error| {
            failed(format!(
                "statement {} of {} in {}, which runs without a transaction, failed: {error}; the statements before it stand",
                index + 1,
                statements.len(),
                migration.title()
            ))
            .with_source(error)
        })?;
    }
    applied::finish(at, migration).await?;
    Ok(true)
}

fn refuse_transaction_control(migration: &Migration, sql: &str) -> Result<()> {
    let statements = split_statements(sql)
        .map_err(|error| failed(format!("{} cannot be read: {error}", migration.title())))?;
    match statements
        .iter()
        .find(|text| classify(text) == Class::TransactionControl)
    {
        None => Ok(()),
        Some(found) => Err(failed(format!(
            "{} contains `{}`, but runs in a transaction of its own: leave it out, or make the first line `-- shelfmark: no-transaction`",
            migration.title(),
            found.split_whitespace().next().unwrap_or_default()
        ))),
    }
}
