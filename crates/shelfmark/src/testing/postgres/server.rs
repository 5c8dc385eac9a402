//! One connection to the server, beside the databases of the tests: it makes, lists and drops them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::config::{DatabaseConfig, PoolSettings, PostgresTarget, Target};
use shelfmark_core::{
    Access, Call, Channel, Engine, Error, ErrorKind, Flow, RawRow, Result, RowSink, Value, ValueRef,
};

/// How long the server may take for one step, such as copying a database.
const STEP_LIMIT: Duration = Duration::from_secs(120);
/// Longer than any test.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A connection that is kept for as long as the test runs.
///
/// It carries the name of the test's database as its `application_name`: a database without a session of its name has
/// lost its process, and may be cleared away.
pub(super) struct Server {
    pub(super) engine: Arc<dyn Engine>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server")
            .field(&self.engine.status())
            .finish()
    }
}

impl Server {
    /// Connects on behalf of the database `name`.
    pub(super) async fn connect(target: &PostgresTarget, name: &str) -> Result<Server> {
        let mut target = target.clone();
        name.clone_into(&mut target.application_name);
        let mut config = DatabaseConfig::new(Target::Postgres(target))
            .with_statement_timeout(STEP_LIMIT)
            .with_pool_max(1);
        let pool: &mut PoolSettings = &mut config.pool;
        (pool.idle_timeout, pool.max_lifetime) = (KEPT, KEPT);
        let engine = crate::connect::connect(&config).await?;
        Ok(Server { engine })
    }

    /// Runs a statement that cannot have parameters. Names in it come from `Names` alone: letters, digits and `_`.
    pub(super) async fn tell(&self, sql: String) -> Result<()> {
        self.engine.execute(call(sql, Vec::new())).await.map(drop)
    }

    /// The rows of a query whose columns are texts.
    pub(super) async fn ask(&self, sql: &str, value: &str) -> Result<Vec<Vec<String>>> {
        ask(&*self.engine, sql, value).await
    }
}

/// The rows of a query whose columns are texts, asked on any connection.
pub(super) async fn ask(at: &dyn Channel, sql: &str, value: &str) -> Result<Vec<Vec<String>>> {
    let values = vec![ValueRef::Text(value.into())];
    let sink = at
        .fetch(call(sql.to_owned(), values), Box::<Texts>::default())
        .await?;
    let sink: Box<dyn std::any::Any> = sink;
    Ok(sink
        .downcast::<Texts>()
        .map(|texts| texts.rows)
        .unwrap_or_default())
}

fn call(sql: String, params: Vec<ValueRef<'_>>) -> Call<'_> {
    Call {
        sql: sql.into(),
        params,
        specs: Vec::new(),
        method: "shelfmark::test",
        access: Access::Write,
        demand: None,
    }
}

#[derive(Default)]
struct Texts {
    columns: usize,
    rows: Vec<Vec<String>>,
}

impl RowSink for Texts {
    fn start(&mut self, columns: &[&str]) -> Result<()> {
        self.columns = columns.len();
        Ok(())
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        let texts = (0..self.columns).map(|column| {
            row.value(column)
                .and_then(String::decode)
                .map_err(|error| Error::new(ErrorKind::Decode).with_detail(error.to_string()))
        });
        self.rows.push(texts.collect::<Result<_>>()?);
        Ok(Flow::More)
    }

    fn held(&self) -> usize {
        self.rows.len()
    }

    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(Texts {
            columns: self.columns,
            rows: Vec::new(),
        })
    }
}
