//! The table that remembers which migrations were applied.

use jiff::Timestamp;
use shelfmark_core::{
    Access, Call, ColumnSpec, Dialect, Error, ErrorKind, Flow, FromRow, Maintenance, RawRow,
    Result, Row, RowSink, Value, ValueRef, column_map,
};

use super::migration::Migration;

/// One row of the table.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) checksum: String,
    pub(super) applied_at: Timestamp,
    /// False while a migration without a transaction runs, and for ever when it was cut off.
    pub(super) finished: bool,
}

impl FromRow for Record {
    const COLUMNS: &'static [ColumnSpec] = &[
        ColumnSpec::of::<i64>("version"),
        ColumnSpec::of::<String>("name"),
        ColumnSpec::of::<String>("checksum"),
        ColumnSpec::of::<Timestamp>("applied_at"),
        ColumnSpec::of::<bool>("finished"),
    ];

    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Record {
            version: row.get(0, "version")?,
            name: row.get(1, "name")?,
            checksum: row.get(2, "checksum")?,
            applied_at: row.get(3, "applied_at")?,
            finished: row.get(4, "finished")?,
        })
    }
}

/// The statement that makes the table.
pub(super) const fn create_table(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "CREATE TABLE IF NOT EXISTS _shelfmark_migrations (
                version INTEGER PRIMARY KEY,
                name TEXT NOT NULL,
                checksum TEXT NOT NULL,
                applied_at TEXT NOT NULL,
                finished INTEGER NOT NULL
            ) STRICT"
        }
        Dialect::Postgres => {
            "CREATE TABLE IF NOT EXISTS _shelfmark_migrations (
                version bigint PRIMARY KEY,
                name text NOT NULL,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL,
                finished boolean NOT NULL
            )"
        }
    }
}

/// Every record, in the order of the versions.
pub(super) async fn read(at: &dyn Maintenance) -> Result<Vec<Record>> {
    let sql = "SELECT version, name, checksum, applied_at, finished FROM _shelfmark_migrations ORDER BY version";
    rows(at, sql, Vec::new()).await
}

/// Notes that `migration` was applied, or that it runs.
pub(super) async fn write(
    at: &dyn Maintenance,
    migration: &Migration,
    checksum: &str,
    finished: bool,
) -> Result<()> {
    let now = Timestamp::now();
    let values = vec![
        ValueRef::I64(migration.version()),
        ValueRef::Text(migration.name().into()),
        ValueRef::Text(checksum.into()),
        now.encode()
            .map_err(|error| Error::new(ErrorKind::Encode).with_source(error))?,
        ValueRef::Bool(finished),
    ];
    let text = match at.dialect() {
        Dialect::Sqlite => "INSERT INTO _shelfmark_migrations VALUES (?1, ?2, ?3, ?4, ?5)",
        Dialect::Postgres => "INSERT INTO _shelfmark_migrations VALUES ($1, $2, $3, $4, $5)",
    };
    at.execute(call(text, values)).await.map(drop)
}

/// Notes that a migration without a transaction came to its end.
pub(super) async fn finish(at: &dyn Maintenance, migration: &Migration) -> Result<()> {
    let text = match at.dialect() {
        Dialect::Sqlite => "UPDATE _shelfmark_migrations SET finished = ?2 WHERE version = ?1",
        Dialect::Postgres => "UPDATE _shelfmark_migrations SET finished = $2 WHERE version = $1",
    };
    let values = vec![ValueRef::I64(migration.version()), ValueRef::Bool(true)];
    at.execute(call(text, values)).await.map(drop)
}

fn call<'a>(text: &'static str, params: Vec<ValueRef<'a>>) -> Call<'a> {
    Call {
        sql: text.into(),
        params,
        specs: Vec::new(),
        method: "Db::migrate",
        access: Access::Write,
        demand: None,
    }
}

/// The rows of a query of our own.
pub(super) async fn rows<T: FromRow>(
    at: &dyn Maintenance,
    text: &'static str,
    params: Vec<ValueRef<'_>>,
) -> Result<Vec<T>> {
    let sink = Box::new(Rows::<T>(Vec::new()));
    let sink: Box<dyn std::any::Any> = at.fetch(call(text, params), sink).await?;
    Ok(sink
        .downcast::<Rows<T>>()
        .map(|rows| rows.0)
        .unwrap_or_default())
}

struct Rows<T>(Vec<T>);

impl<T: FromRow> RowSink for Rows<T> {
    fn start(&mut self, columns: &[&str]) -> Result<()> {
        column_map(T::COLUMNS, columns).map(drop)
    }
    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        self.0.push(T::from_row(&Row::new(row, &[]))?);
        Ok(Flow::More)
    }
    fn held(&self) -> usize {
        self.0.len()
    }
    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(Rows::<T>(Vec::new()))
    }
}
