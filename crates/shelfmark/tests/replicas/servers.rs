//! A primary with replicas, and a `Db` on them.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use shelfmark::prelude::*;
use shelfmark::{DatabaseConfig, ReplicaStatus};
use test_postgres::Server;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};

/// How long servers may take to do what is waited for. Generous: many tests may run at once.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Servers {
    pub(crate) primary: Server,
    pub(crate) replicas: Vec<Server>,
}

impl Servers {
    /// A primary with the table `words`, and so many replicas.
    pub(crate) async fn start(replicas: usize) -> anyhow::Result<Servers> {
        Servers::with(replicas, &[]).await
    }

    /// As `start`; the replicas have these settings.
    pub(crate) async fn with(
        replicas: usize,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Servers> {
        let primary = Server::start()?;
        let beside = session(&primary).await?;
        beside
            .batch_execute(
                "CREATE TABLE words (word TEXT NOT NULL); INSERT INTO words VALUES ('first')",
            )
            .await?;
        let replicas = (0..replicas).map(|_| primary.replica_with(settings));
        Ok(Servers {
            replicas: replicas.collect::<anyhow::Result<_>>()?,
            primary,
        })
    }

    pub(crate) fn config(&self) -> Result<DatabaseConfig> {
        let mut config = DatabaseConfig::from_url(&self.primary.url())?.with_cache_notify(false);
        for replica in &self.replicas {
            config = config.with_replica_url(&replica.url())?;
        }
        Ok(config)
    }

    /// Opens the database, whose replicas are all well.
    pub(crate) async fn open(&self) -> anyhow::Result<Db> {
        let db = Db::connect(self.config()?).await?;
        for index in 0..self.replicas.len() {
            until_well(&db, index).await?;
        }
        Ok(db)
    }

    /// Lets the only replica replay nothing until `resume`.
    pub(crate) async fn pause(&self) -> TestResult {
        on_replica(self, "SELECT pg_wal_replay_pause()").await?;
        let beside = session(&self.replicas[0]).await?;
        until("replay is paused", async || {
            let sql = "SELECT pg_get_wal_replay_pause_state() = 'paused'";
            Ok(beside.query_one(sql, &[]).await?.get(0))
        })
        .await
    }

    pub(crate) async fn resume(&self) -> TestResult {
        on_replica(self, "SELECT pg_wal_replay_resume()").await
    }
}

use crate::TestResult;

async fn on_replica(servers: &Servers, sql: &str) -> TestResult {
    Ok(session(&servers.replicas[0])
        .await?
        .batch_execute(sql)
        .await?)
}

/// A session beside the `Db`.
pub(crate) async fn session(server: &Server) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Waits until what only a server knows is so.
pub(crate) async fn until(
    what: &str,
    mut is_so: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> TestResult {
    let deadline = Instant::now() + LIMIT;
    while !is_so().await? {
        ensure!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

pub(crate) fn replica(db: &Db, index: usize) -> anyhow::Result<ReplicaStatus> {
    let status = db.status().replicas.into_iter().nth(index);
    status.context("there is no such replica")
}

pub(crate) async fn until_well(db: &Db, index: usize) -> TestResult {
    until("the replica answers reads", async || {
        Ok(replica(db, index)?.passed_over.is_none())
    })
    .await
}

/// Waits until the replica is passed over for a reason that has `why` in it.
pub(crate) async fn until_passed_over(db: &Db, index: usize, why: &str) -> TestResult {
    until(why, async || {
        let passed_over = replica(db, index)?.passed_over;
        Ok(passed_over.is_some_and(|reason| reason.contains(why)))
    })
    .await
}
