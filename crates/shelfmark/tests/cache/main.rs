//! A `Db` with a cache: when it evicts, what it never serves, and how instances agree.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod instances;
mod order;
mod probe;
mod stale;
mod users;

use std::sync::OnceLock;
use std::time::Duration;

use shelfmark::prelude::*;
use shelfmark::{DatabaseConfig, Evictions, Misuse};
use shelfmark_core::cache::{Cached, cached};

type TestResult = anyhow::Result<()>;

/// A value is kept for longer than any test runs.
static FIND: Cached = Cached {
    method: "Shows::version",
    ttl: Duration::from_secs(3600),
    none_ttl: None,
    text: |_| Ok("SELECT version FROM shows WHERE show_id = :show".to_owned()),
    form: OnceLock::new(),
};

/// The name of a show's value.
fn key(show: i64) -> String {
    format!("show:{show}")
}

/// What a write of the show makes outdated.
fn outdated(show: i64) -> Evictions {
    Evictions::new().key(key(show))
}

/// The version of a show, from the cache of `on` where it has one.
async fn version(on: &impl Executor, show: i64) -> Result<i64> {
    version_slowly(on, show, Duration::ZERO).await
}

/// As [`version`], where computing it takes up to twice `longest` more, before and after the row is read.
async fn version_slowly(on: &impl Executor, show: i64, longest: Duration) -> Result<i64> {
    let names = || Ok((key(show), vec!["shows".to_owned()]));
    let handle = on.handle();
    let pause = move || tokio::time::sleep(longest.mul_f64(fastrand::f64()));
    let read = move || async move {
        if !longest.is_zero() {
            pause().await;
        }
        let version = sql!("SELECT version FROM shows WHERE show_id = :show", show)
            .fetch_one(handle)
            .await;
        if !longest.is_zero() {
            pause().await;
        }
        version
    };
    cached(handle, &FIND, names, read).await
}

/// Counts the show's version up, evicting its value; answers the new one.
async fn bump(on: &impl Executor, show: i64) -> Result<i64> {
    let handle = on.handle().evicting(outdated(show));
    sql!(
        "UPDATE shows SET version = version + 1 WHERE show_id = :show RETURNING version",
        show
    )
    .fetch_one(&handle)
    .await
}

/// A database of its own with `shows` at version 1, gone when it is dropped.
struct Ground {
    db: Db,
    url: String,
    /// Kept for their `Drop`.
    _folder: Option<tempfile::TempDir>,
    _database: Option<test_postgres::TestDatabase>,
}

impl Ground {
    async fn memory() -> anyhow::Result<Ground> {
        Ground::of("memory:".to_owned(), None, None).await
    }

    async fn sqlite() -> anyhow::Result<Ground> {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}", folder.path().join("cache.db").display());
        Ground::of(url, Some(folder), None).await
    }

    async fn postgres() -> anyhow::Result<Ground> {
        let database = test_postgres::TestDatabase::create()?;
        Ground::of(database.url().to_owned(), None, Some(database)).await
    }

    async fn of(
        url: String,
        folder: Option<tempfile::TempDir>,
        database: Option<test_postgres::TestDatabase>,
    ) -> anyhow::Result<Ground> {
        let db = open(&url).await?;
        db.execute(sql!(
            "CREATE TABLE shows (show_id BIGINT PRIMARY KEY, version BIGINT NOT NULL)"
        ))
        .await?;
        for show in 0..16_i64 {
            db.execute(sql!("INSERT INTO shows VALUES (:show, 1)", show))
                .await?;
        }
        Ok(Ground {
            db,
            url,
            _folder: folder,
            _database: database,
        })
    }
}

/// Waits until `is_so` answers `true`.
async fn until(is_so: impl AsyncFn() -> anyhow::Result<bool>) -> TestResult {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !is_so().await? {
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "it did not come to pass"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Another handle, as another instance of the program has it.
async fn open(url: &str) -> Result<Db> {
    let config = DatabaseConfig::from_url(url)?
        .with_misuse(Misuse::Error)
        // A busy machine is no reason to fail.
        .with_acquire_timeout(Duration::from_secs(60));
    Db::connect(config).await
}
