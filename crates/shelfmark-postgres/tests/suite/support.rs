//! A database with an engine on it, an observer beside it, and sinks that keep what they are given.

use std::any::Any;
use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, anyhow};
use shelfmark_core::config::{PoolSettings, PostgresTarget, Target};
use shelfmark_core::{
    Access, BeginOptions, Call, Channel, Engine, Flow, Isolation, RawRow, Result, RowSink, ValueRef,
};
use shelfmark_postgres::PostgresEngine;
use test_postgres::TestDatabase;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

pub(crate) type Value = ValueRef<'static>;

pub(crate) const BEGIN: BeginOptions = BeginOptions {
    isolation: Isolation::ReadCommitted,
    read_only: false,
    label: "tests/suite",
    tenant: None,
};

/// A database of one test.
pub(crate) struct Db {
    pub(crate) engine: Arc<PostgresEngine>,
    pub(crate) target: PostgresTarget,
    // Dropped last.
    pub(crate) base: TestDatabase,
}

pub(crate) fn target(url: &str) -> anyhow::Result<PostgresTarget> {
    match Target::parse(url)? {
        Target::Postgres(target) => Ok(target),
        other => Err(anyhow!("{other} is no server")),
    }
}

pub(crate) fn pool_of(max: usize) -> PoolSettings {
    let mut settings = PoolSettings::default();
    settings.max = max;
    settings
}

impl Db {
    pub(crate) async fn open() -> anyhow::Result<Db> {
        Db::with(pool_of(4)).await
    }

    pub(crate) async fn with(settings: PoolSettings) -> anyhow::Result<Db> {
        Db::limited(settings, Duration::from_secs(30)).await
    }

    pub(crate) async fn limited(settings: PoolSettings, limit: Duration) -> anyhow::Result<Db> {
        Db::on(TestDatabase::create()?, settings, limit).await
    }

    pub(crate) async fn on(
        base: TestDatabase,
        settings: PoolSettings,
        limit: Duration,
    ) -> anyhow::Result<Db> {
        let target = target(base.url())?;
        let engine = Arc::new(PostgresEngine::open(&target, &settings, limit).await?);
        Ok(Db {
            engine,
            target,
            base,
        })
    }

    pub(crate) async fn script(&self, sql: &str) -> Result<()> {
        self.engine.maintenance().await?.script(sql).await
    }

    pub(crate) async fn observer(&self) -> anyhow::Result<Observer> {
        Observer::connect(self.base.url()).await
    }
}

/// A session beside the engine, which sees the server's own view.
pub(crate) struct Observer {
    client: Client,
    driver: JoinHandle<()>,
}

impl Observer {
    pub(crate) async fn connect(url: &str) -> anyhow::Result<Observer> {
        let mut config: tokio_postgres::Config = url.parse()?;
        config.application_name("observer");
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Observer { client, driver })
    }

    pub(crate) async fn run(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.client.batch_execute(sql).await?)
    }

    pub(crate) async fn text(&self, sql: &str) -> anyhow::Result<String> {
        let answers = self.client.simple_query(sql).await?;
        answers
            .iter()
            .find_map(|answer| match answer {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
                _ => None,
            })
            .context("no row")
    }

    /// Sessions of the engine for which `condition` holds.
    pub(crate) async fn sessions(&self, condition: &str) -> anyhow::Result<u64> {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name = 'shelfmark' AND {condition}"
        );
        Ok(self.text(&sql).await?.parse()?)
    }

    /// Waits until so many sessions of the engine fulfil `condition`.
    pub(crate) async fn until(&self, condition: &str, count: u64) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while self.sessions(condition).await? != count {
            if tokio::time::Instant::now() > deadline {
                return Err(anyhow!(
                    "not {count} but {} sessions with {condition}",
                    self.sessions(condition).await?
                ));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !condition() {
        if tokio::time::Instant::now() > deadline {
            return Err(anyhow!("waited in vain until {what}"));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

pub(crate) fn call<'a>(access: Access, sql: &str, params: Vec<ValueRef<'a>>) -> Call<'a> {
    Call {
        sql: Arc::from(sql),
        params,
        specs: Vec::new(),
        method: "Tests::call",
        access,
        demand: None,
    }
}

pub(crate) fn read<'a>(sql: &str, params: Vec<ValueRef<'a>>) -> Call<'a> {
    call(Access::Read, sql, params)
}

pub(crate) fn write<'a>(sql: &str, params: Vec<ValueRef<'a>>) -> Call<'a> {
    call(Access::Write, sql, params)
}

pub(crate) fn text(value: &str) -> Value {
    ValueRef::Text(Cow::Owned(value.to_owned()))
}

/// All rows of a query.
pub(crate) async fn rows(
    channel: &(impl Channel + ?Sized),
    call: Call<'_>,
) -> Result<Vec<Vec<Value>>> {
    Ok(kept(channel.fetch(call, Box::new(Keep::default())).await?))
}

/// The only value of a query.
pub(crate) async fn one(channel: &(impl Channel + ?Sized), sql: &str) -> anyhow::Result<Value> {
    let rows = rows(channel, read(sql, Vec::new())).await?;
    let row = rows.into_iter().next().context("no row")?;
    row.into_iter().next().context("no column")
}

pub(crate) fn kept(sink: Box<dyn RowSink>) -> Vec<Vec<Value>> {
    let sink: Box<dyn Any> = sink;
    sink.downcast::<Keep>()
        .map(|keep| keep.rows)
        .unwrap_or_default()
}

/// Keeps all rows.
#[derive(Default)]
pub(crate) struct Keep {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl RowSink for Keep {
    fn start(&mut self, columns: &[&str]) -> Result<()> {
        self.columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Ok(())
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow> {
        let mut values = Vec::new();
        for index in 0..self.columns.len() {
            let value = row.value(index).map_err(|error| {
                shelfmark_core::Error::new(shelfmark_core::ErrorKind::Decode)
                    .with_detail(error.to_string())
            })?;
            values.push(owned(value));
        }
        self.rows.push(values);
        Ok(Flow::More)
    }

    fn held(&self) -> usize {
        self.rows.len()
    }

    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(Keep {
            columns: self.columns.clone(),
            rows: Vec::new(),
        })
    }
}

/// Does at the first row what it was made to do.
pub(crate) struct AtFirstRow(pub(crate) fn() -> Result<Flow>);

impl RowSink for AtFirstRow {
    fn start(&mut self, _: &[&str]) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &dyn RawRow) -> Result<Flow> {
        (self.0)()
    }

    fn held(&self) -> usize {
        0
    }

    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(AtFirstRow(self.0))
    }
}

pub(crate) fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Text(text) => ValueRef::Text(Cow::Owned(text.into_owned())),
        ValueRef::Json(text) => ValueRef::Json(Cow::Owned(text.into_owned())),
        ValueRef::Bytes(bytes) => ValueRef::Bytes(Cow::Owned(bytes.into_owned())),
        ValueRef::Null => ValueRef::Null,
        ValueRef::Bool(value) => ValueRef::Bool(value),
        ValueRef::I16(value) => ValueRef::I16(value),
        ValueRef::I32(value) => ValueRef::I32(value),
        ValueRef::I64(value) => ValueRef::I64(value),
        ValueRef::F32(value) => ValueRef::F32(value),
        ValueRef::F64(value) => ValueRef::F64(value),
        ValueRef::Uuid(value) => ValueRef::Uuid(value),
        ValueRef::Timestamp(value) => ValueRef::Timestamp(value),
        ValueRef::Date(value) => ValueRef::Date(value),
        ValueRef::Time(value) => ValueRef::Time(value),
        ValueRef::Decimal(value) => ValueRef::Decimal(value),
        other => panic!("{} is never a column", other.type_name()),
    }
}

/// Polls `future` at most `polls` times, each time it asks for it, and then drops it. Whether it ended.
pub(crate) async fn drop_after<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = Some(Box::pin(future));
    let mut left = polls;
    poll_fn(move |cx| {
        if left == 0 {
            future = None;
            return Poll::Ready(None);
        }
        left -= 1;
        let Some(running) = &mut future else {
            return Poll::Ready(None);
        };
        match Pin::new(running).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => {
                future = None;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Places of the pool that are taken, cleaning included.
pub(crate) fn in_use(db: &Db) -> usize {
    db.engine.status().in_use
}
