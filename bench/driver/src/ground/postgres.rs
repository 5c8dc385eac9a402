//! A throwaway PostgreSQL that must not lose what it has confirmed, and a filled database for each number of rows.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use contestant::Order;
use contestant::catalogue::{FILL, POSTGRES_TABLES};
use test_postgres::{Server, TestDatabase};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

use super::{catalogue_rows, wrong_after};

/// Settings that a server in use has, unlike those that suit tests.
const SETTINGS: [(&str, &str); 6] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "512MB"),
    ("max_wal_size", "4GB"),
    ("max_connections", "1200"),
];

/// A running server.
pub(crate) struct Postgres {
    /// By the number of authors; dropped before the server.
    databases: BTreeMap<u64, TestDatabase>,
    server: Server,
    runtime: Runtime,
}

impl Postgres {
    pub(crate) fn start() -> anyhow::Result<Postgres> {
        Ok(Postgres {
            databases: BTreeMap::new(),
            server: Server::start_with(&SETTINGS)?,
            runtime: Builder::new_current_thread().enable_all().build()?,
        })
    }

    /// The URL of the database with so many authors, nothing but them in it, and nothing of earlier turns to be written.
    pub(crate) fn prepared(&mut self, authors: u64) -> anyhow::Result<String> {
        if !self.databases.contains_key(&authors) {
            let database = TestDatabase::create_on(&self.server)?;
            self.on(database.url(), &fill(authors))?;
            self.databases.insert(authors, database);
        }
        let database = self.databases.get(&authors).context("it was just made")?;
        let empty = "TRUNCATE notes, new_authors; UPDATE tallies SET last_note = 0 WHERE last_note <> 0; CHECKPOINT;";
        self.on(database.url(), &statements(empty))?;
        Ok(database.url().to_owned())
    }

    pub(crate) fn check(&self, order: &Order) -> anyhow::Result<()> {
        for query in wrong_after(&order.case, order.rows) {
            let wrong = self.runtime.block_on(async {
                let client = connect(&order.url).await?;
                let row = client
                    .query_one(&format!("SELECT ({query})::bigint"), &[])
                    .await?;
                anyhow::Ok(row.try_get::<_, i64>(0)?)
            })?;
            ensure!(
                wrong == 0,
                "it left {wrong} rows that are not as they should be"
            );
        }
        Ok(())
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    pub(crate) fn version(&self) -> String {
        format!(
            "PostgreSQL {} (fsync, synchronous_commit and full_page_writes on, shared_buffers of 512 MB)",
            self.server.version()
        )
    }

    fn on(&self, url: &str, statements: &[String]) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let client = connect(url).await?;
            for statement in statements {
                // One by one, since neither VACUUM nor CHECKPOINT runs beside others.
                client.batch_execute(statement).await?;
            }
            Ok(())
        })
    }
}

fn fill(authors: u64) -> Vec<String> {
    let mut all = statements(POSTGRES_TABLES);
    for (into, values) in FILL {
        let count = catalogue_rows(into, authors);
        all.push(format!(
            "INSERT INTO {into} SELECT {values} FROM generate_series(1, {count}) AS n"
        ));
    }
    all.push("CREATE INDEX books_author_id ON books (author_id)".to_owned());
    all.push("VACUUM ANALYZE".to_owned());
    all
}

fn statements(script: &str) -> Vec<String> {
    let statements = script.split(';').map(str::trim);
    let statements = statements.filter(|statement| !statement.is_empty());
    statements.map(str::to_owned).collect()
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends with the client.
    tokio::spawn(connection);
    Ok(client)
}
