//! The ground on which the behaviour suite runs: each case gets an empty, migrated database of its own on each engine.
//!
//! A case is written once, with [`on_every_engine!`]; the macro makes three tests of it. A difference between engines is
//! a failing test or a line in PORTABILITY.md, never an `if` in a case.

mod steps;

use std::future::Future;
use std::ops::Deref;

use shelfmark::config::Pooler;
use shelfmark::{DatabaseConfig, Db, Migration, Misuse, Target};

pub use steps::Steps;

/// What a case answers.
pub type TestResult = anyhow::Result<()>;

/// The engines that the suite runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// `memory:`
    Memory,
    /// A SQLite file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A database of its own, gone when it is dropped.
#[derive(Debug)]
pub struct Ground {
    db: Db,
    url: String,
    /// Kept for their `Drop`.
    _folder: Option<tempfile::TempDir>,
    _pooler: Option<test_postgres::Pooler>,
    _database: Option<test_postgres::TestDatabase>,
}

/// Set to anything, the cases on PostgreSQL run through PgBouncer in transaction mode, each through one of its own.
const THROUGH_A_POOLER: &str = "TEST_THROUGH_POOLER";

impl Deref for Ground {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

/// The tables of the suite.
pub const MIGRATIONS: &[Migration] = shelfmark::migrations!();

impl Ground {
    /// An empty database on `engine`, without tables.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub async fn bare(engine: Engine) -> anyhow::Result<Ground> {
        let (url, folder, database) = match engine {
            Engine::Memory => ("memory:".to_owned(), None, None),
            Engine::Sqlite => {
                let folder = tempfile::tempdir()?;
                let url = format!("sqlite://{}", folder.path().join("suite.db").display());
                (url, Some(folder), None)
            }
            Engine::Postgres => {
                let database = test_postgres::TestDatabase::create()?;
                (database.url().to_owned(), None, Some(database))
            }
        };
        let mut config = DatabaseConfig::from_url(&url)?.with_misuse(Misuse::Error);
        let mut pooler = None;
        if let Some(database) = &database
            && std::env::var_os(THROUGH_A_POOLER).is_some_and(|set| !set.is_empty())
        {
            let started = test_postgres::Pooler::start(database.url(), &[])?;
            let direct = config.target;
            config = DatabaseConfig::from_url(&started.url(database.name()))?
                .with_misuse(Misuse::Error)
                .with_pooler(Pooler::Transaction);
            if let Target::Postgres(direct) = direct {
                config = config.with_direct(direct);
            }
            pooler = Some(started);
        }
        let db = Db::connect(config).await?;
        Ok(Ground {
            db,
            url,
            _folder: folder,
            _pooler: pooler,
            _database: database,
        })
    }

    /// A migrated database on `engine`.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub async fn migrated(engine: Engine) -> anyhow::Result<Ground> {
        let ground = Ground::bare(engine).await?;
        ground.migrate(MIGRATIONS).await?;
        Ok(ground)
    }

    /// The URL of the database, for a second handle on it. `memory:` gives another database each time.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The handle.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }
}

/// Runs a case on a runtime of its own with two workers.
///
/// # Errors
/// What the case answers.
pub fn run<F: Future<Output = TestResult>>(case: impl FnOnce() -> F) -> TestResult {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(case())
}

/// Makes of each `async fn rule(db: &Ground) -> TestResult { … }` one test per engine: `rule::on_memory` and so on.
///
/// A leading `@bare` gives the cases a database without tables.
#[macro_export]
macro_rules! on_every_engine {
    (@bare $($(#[$doc:meta])* async fn $rule:ident($ground:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $rule {
            #[allow(unused_imports, reason = "what the case uses differs")]
            use super::*;
            async fn case($ground: &$crate::Ground) -> $crate::TestResult {
                $body
                #[allow(unreachable_code, reason = "a case may end in a return")]
                Ok(())
            }
            $crate::on_every_engine!(@tests bare);
        }
    )*};
    (@tests $kind:ident) => {
        #[test]
        fn on_memory() -> $crate::TestResult {
            $crate::run(async || case(&$crate::Ground::$kind($crate::Engine::Memory).await?).await)
        }
        #[test]
        fn on_sqlite() -> $crate::TestResult {
            $crate::run(async || case(&$crate::Ground::$kind($crate::Engine::Sqlite).await?).await)
        }
        #[test]
        fn on_postgres() -> $crate::TestResult {
            $crate::run(async || case(&$crate::Ground::$kind($crate::Engine::Postgres).await?).await)
        }
    };
    ($($(#[$doc:meta])* async fn $rule:ident($ground:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $rule {
            #[allow(unused_imports, reason = "what the case uses differs")]
            use super::*;
            async fn case($ground: &$crate::Ground) -> $crate::TestResult {
                $body
                #[allow(unreachable_code, reason = "a case may end in a return")]
                Ok(())
            }
            $crate::on_every_engine!(@tests migrated);
        }
    )*};
}
