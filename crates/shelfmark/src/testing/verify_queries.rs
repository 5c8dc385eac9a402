//! `verify_queries!`: every statement of the program, prepared in `cargo test`.

use shelfmark_core::config::{DatabaseConfig, Target};
use shelfmark_core::{Error, ErrorKind, Result};

use super::ground::{Project, runtime};
use super::postgres::Database;
use crate::Migration;
use crate::db::Db;

/// The databases of all projects that are verified are cleared away together.
const PROJECT: Project = Project {
    folder: "",
    package: "verify_queries",
};

/// One `#[test]` per engine that migrates an empty database with `migrations!()` and prepares every statement of the
/// program against it: `shelfmark::verify_queries!();`.
///
/// The test on SQLite needs nothing. The one on PostgreSQL makes a database of its own on the server that
/// `TEST_DATABASE_URL` names and drops it again; without the variable it says so and checks nothing, except in CI (where
/// `CI` is set), where it fails. A program that never runs on PostgreSQL says `verify_queries!(MIGRATIONS, sqlite)`.
#[macro_export]
macro_rules! verify_queries {
    () => {
        $crate::verify_queries!($crate::migrations!());
    };
    ($migrations:expr, sqlite) => {
        #[cfg(test)]
        mod shelfmark_verify_queries_on_sqlite {
            #[allow(unused_imports, reason = "what the migrations' expression names")]
            use super::*;

            #[test]
            fn every_statement_fits_the_schema_on_sqlite() -> $crate::Result<()> {
                $crate::testing::verify_on_sqlite($migrations)
            }
        }
    };
    ($migrations:expr) => {
        $crate::verify_queries!($migrations, sqlite);
        #[cfg(test)]
        mod shelfmark_verify_queries_on_postgres {
            #[allow(unused_imports, reason = "what the migrations' expression names")]
            use super::*;

            #[test]
            fn every_statement_fits_the_schema_on_postgres() -> $crate::Result<()> {
                $crate::testing::verify_on_postgres($migrations)
            }
        }
    };
}

/// Migrates a database in memory and prepares every statement of the program against it.
///
/// # Errors
/// What [`Db::migrate`] and [`Db::verify`] answer.
pub fn verify_on_sqlite(migrations: &[Migration]) -> Result<()> {
    runtime(None)?.block_on(async {
        let db = Db::memory().await?;
        db.migrate(migrations).await?;
        verified(&db).await
    })
}

/// Makes a database on the server of `TEST_DATABASE_URL`, migrates it, prepares every statement of the program against
/// it, and drops it.
///
/// # Errors
/// What [`Db::migrate`] and [`Db::verify`] answer.
pub fn verify_on_postgres(migrations: &[Migration]) -> Result<()> {
    let Some(url) = shelfmark_core::config::test_database_url() else {
        if shelfmark_core::config::is_ci() {
            return Err(Error::new(ErrorKind::InvalidConfig).with_detail(
                "TEST_DATABASE_URL is not set, so nothing was prepared on PostgreSQL, and CI must not pass like that: \
                 set it, or say verify_queries!(MIGRATIONS, sqlite)",
            ));
        }
        eprintln!("TEST_DATABASE_URL is not set: the statements were not prepared on PostgreSQL");
        return Ok(());
    };
    let database = Database::empty(&url, PROJECT)?;
    let config = DatabaseConfig::new(Target::Postgres(database.target()));
    runtime(None)?.block_on(async {
        let db = Db::connect(config).await?;
        db.migrate(migrations).await?;
        let verified = verified(&db).await;
        db.close().await?;
        verified
    })
}

/// Prepares every statement; the warnings are printed, for a test has no log.
async fn verified(db: &Db) -> Result<()> {
    let report = db.verify_report().await?;
    for warning in &report.warnings {
        eprintln!("warning: {warning}");
    }
    report.into_result()
}
