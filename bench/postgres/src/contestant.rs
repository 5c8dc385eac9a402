//! Who takes part: the engine, the driver alone on two shared connections, and the usual pool.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use shelfmark_core::config::{PoolSettings, Target};
use shelfmark_core::{
    Access, BeginOptions, Call, Channel as _, Engine as _, Error, ErrorKind, Flow, Isolation,
    RawRow, RowSink, ValueRef,
};
use shelfmark_postgres::PostgresEngine;
use tokio_postgres::{Client, NoTls, Statement};

/// Connections of each pool.
const POOL: usize = 10;
/// Connections that the driver alone has.
const SHARED: usize = 2;

const READ: &str = "SELECT id, name, year FROM items WHERE id = $1";
const INSERT: &str = "INSERT INTO notes (item, text) VALUES ($1, $2)";
const UPDATE: &str = "UPDATE items SET year = $2 WHERE id = $1";

/// The name of a contestant, as the command line and the table have it.
pub(crate) const NAMES: [&str; 4] = [
    "tokio-postgres",
    "deadpool-postgres",
    "shelfmark",
    "shelfmark without lanes",
];

/// One of the contestants, connected.
pub(crate) enum Contestant {
    Driver(Vec<Shared>, AtomicUsize),
    Pool(Pool),
    Engine(PostgresEngine),
}

/// A connection that all tasks share, with its statements.
pub(crate) struct Shared {
    client: Client,
    read: Statement,
    insert: Statement,
}

impl Contestant {
    pub(crate) async fn connect(name: &str, url: &str) -> anyhow::Result<Contestant> {
        Ok(match name {
            "tokio-postgres" => {
                let mut shared = Vec::new();
                for _ in 0..SHARED {
                    let (client, driver) = tokio_postgres::connect(url, NoTls).await?;
                    tokio::spawn(driver);
                    shared.push(Shared {
                        read: client.prepare(READ).await?,
                        insert: client.prepare(INSERT).await?,
                        client,
                    });
                }
                Contestant::Driver(shared, AtomicUsize::new(0))
            }
            "deadpool-postgres" => {
                let config = ManagerConfig {
                    recycling_method: RecyclingMethod::Fast,
                };
                let manager = Manager::from_config(url.parse()?, NoTls, config);
                Contestant::Pool(Pool::builder(manager).max_size(POOL).build()?)
            }
            "shelfmark" | "shelfmark without lanes" => {
                let Target::Postgres(target) = Target::parse(url)? else {
                    bail!("the server is none");
                };
                let mut settings = PoolSettings::default();
                settings.max = POOL;
                settings.lanes = name.ends_with("without lanes").then_some(0);
                let limit = Duration::from_secs(30);
                let engine = PostgresEngine::open(&target, &settings, limit).await?;
                Contestant::Engine(engine)
            }
            _ => bail!("there is no contestant {name}"),
        })
    }

    /// Reads one row by its key, and checks that it is the one.
    pub(crate) async fn read(&self, id: i32) -> anyhow::Result<()> {
        let found = match self {
            Contestant::Driver(shared, turn) => {
                let shared = one_of(shared, turn)?;
                let row = shared.client.query_one(&shared.read, &[&id]).await?;
                decoded(&row)?
            }
            Contestant::Pool(pool) => {
                let client = pool.get().await?;
                let statement = client.prepare_cached(READ).await?;
                let row = client.query_one(&statement, &[&id]).await?;
                decoded(&row)?
            }
            Contestant::Engine(engine) => {
                let call = call(Access::Read, READ, vec![ValueRef::I32(id)]);
                let sink: Box<dyn Any> = engine.fetch(call, Box::new(Items::default())).await?;
                let items = sink.downcast::<Items>().ok().context("another sink")?;
                items.0.into_iter().next().context("no row")?
            }
        };
        anyhow::ensure!(found.0 == id, "asked for {id}, and got {}", found.0);
        Ok(())
    }

    /// Inserts one row.
    pub(crate) async fn insert(&self, item: i32) -> anyhow::Result<()> {
        match self {
            Contestant::Driver(shared, turn) => {
                let shared = one_of(shared, turn)?;
                shared
                    .client
                    .execute(&shared.insert, &[&item, &"a note"])
                    .await?;
            }
            Contestant::Pool(pool) => {
                let client = pool.get().await?;
                let statement = client.prepare_cached(INSERT).await?;
                client.execute(&statement, &[&item, &"a note"]).await?;
            }
            Contestant::Engine(engine) => {
                engine.execute(insert(item)).await?;
            }
        }
        Ok(())
    }

    /// Reads, updates and inserts in one transaction. The driver alone cannot do that on a shared connection.
    pub(crate) async fn transaction(&self, item: i32) -> anyhow::Result<()> {
        match self {
            Contestant::Driver(..) => bail!("a shared connection has no transactions"),
            Contestant::Pool(pool) => {
                let mut client = pool.get().await?;
                let transaction = client.transaction().await?;
                let statement = transaction.prepare_cached(READ).await?;
                decoded(&transaction.query_one(&statement, &[&item]).await?)?;
                let statement = transaction.prepare_cached(UPDATE).await?;
                transaction.execute(&statement, &[&item, &2000i32]).await?;
                let statement = transaction.prepare_cached(INSERT).await?;
                transaction.execute(&statement, &[&item, &"a note"]).await?;
                transaction.commit().await?;
            }
            Contestant::Engine(engine) => {
                let session = engine
                    .begin(BeginOptions {
                        isolation: Isolation::ReadCommitted,
                        read_only: false,
                        label: "bench",
                        tenant: None,
                    })
                    .await?;
                let read = call(Access::Read, READ, vec![ValueRef::I32(item)]);
                session.fetch(read, Box::new(Items::default())).await?;
                let values = vec![ValueRef::I32(item), ValueRef::I32(2000)];
                session.execute(call(Access::Write, UPDATE, values)).await?;
                session.execute(insert(item)).await?;
                session.commit().await?;
            }
        }
        Ok(())
    }
}

fn one_of<'s>(shared: &'s [Shared], turn: &AtomicUsize) -> anyhow::Result<&'s Shared> {
    let turn = turn.fetch_add(1, Ordering::Relaxed);
    shared.get(turn % SHARED).context("no connection")
}

fn decoded(row: &tokio_postgres::Row) -> anyhow::Result<(i32, String, i32)> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

fn insert(item: i32) -> Call<'static> {
    let values = vec![ValueRef::I32(item), ValueRef::Text("a note".into())];
    call(Access::Write, INSERT, values)
}

/// As a repository makes it: the text is shared.
fn call(access: Access, sql: &'static str, params: Vec<ValueRef<'static>>) -> Call<'static> {
    use std::sync::OnceLock;
    static TEXTS: [OnceLock<Arc<str>>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    let text = match sql {
        READ => &TEXTS[0],
        INSERT => &TEXTS[1],
        _ => &TEXTS[2],
    };
    Call {
        sql: Arc::clone(text.get_or_init(|| Arc::from(sql))),
        params,
        specs: Vec::new(),
        method: "Bench::call",
        access,
        demand: None,
    }
}

/// Decodes the rows, as a repository's sink does.
#[derive(Default)]
struct Items(Vec<(i32, String, i32)>);

impl RowSink for Items {
    fn start(&mut self, _: &[&str]) -> Result<(), Error> {
        Ok(())
    }

    fn row(&mut self, row: &dyn RawRow) -> Result<Flow, Error> {
        let value = |index| {
            row.value(index)
                .map_err(|error| Error::new(ErrorKind::Decode).with_detail(error.to_string()))
        };
        if let (ValueRef::I32(id), ValueRef::Text(name), ValueRef::I32(year)) =
            (value(0)?, value(1)?, value(2)?)
        {
            self.0.push((id, name.into_owned(), year));
        }
        Ok(Flow::More)
    }

    fn held(&self) -> usize {
        self.0.len()
    }

    fn next_batch(&self) -> Box<dyn RowSink> {
        Box::new(Items::default())
    }
}
