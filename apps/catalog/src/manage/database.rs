//! `catalog manage init-db`, `backup` and `restore`: which database each of them opens, and what it says in the end.

use std::io::Write as _;
use std::process::ExitCode;

use indicatif::{BinaryBytes, HumanCount};
use shelfmark::config::Target;
use shelfmark::{DatabaseConfig, Db};
use shelfmark_kv::{Cache, Kv};

use super::backup::{BackupOptions, Copied, DEADLINE, RestoreOptions, backup, check, restore};
use super::progress::Progress;
use super::{BackupArgs, Failure, RestoreArgs};
use crate::serve;

/// Why a database is not opened.
#[derive(Debug, thiserror::Error)]
enum PlaceError {
    /// The default would be another database than the one that is meant.
    #[error(
        "no database is named, and none is guessed here; set DATABASE_URL to that of the service, which without one has \
         DATABASE_URL={0}; to one in containers, go with `docker compose run --rm tools manage …`"
    )]
    NotNamed(String),
    #[error(
        "a database in memory is that of this command alone; set DATABASE_URL to that of the service"
    )]
    InMemory,
    #[error(
        "there is no database {0}, and nothing was made; is DATABASE_URL right, and the folder in which this runs?"
    )]
    NotThere(Target),
}

/// Creates the database and its tables.
pub(super) async fn init_db(default_database: &str) -> Result<ExitCode, Failure> {
    let config = patient(DatabaseConfig::from_env_or(default_database)?);
    let place = config.target.to_string();
    let db = Db::create(config).await?;
    let applied = db.migrate(crate::MIGRATIONS).await;
    close(&db).await;
    applied?;
    writeln!(std::io::stdout().lock(), "{place} has all tables").ok();
    Ok(ExitCode::SUCCESS)
}

/// Writes what is in the database to a file. Of the database nothing is changed, nor is one made.
pub(super) async fn back_up(args: BackupArgs, default_database: &str) -> Result<ExitCode, Failure> {
    let config = named(default_database)?;
    if let Target::Sqlite { path } = &config.target
        && !path.is_file()
    {
        return Err(PlaceError::NotThere(config.target).into());
    }
    let place = config.target.to_string();
    let db = Db::connect(config).await?;
    let options = BackupOptions {
        force: args.force,
        allow_empty: args.allow_empty,
    };
    let mut progress = Progress::new(args.quiet);
    let copied = backup(&db, &args.file, options, &mut progress).await;
    close(&db).await;
    say(&args.file.display().to_string(), "holds", copied?, &place);
    Ok(ExitCode::SUCCESS)
}

/// Fills the database from a file, or only looks at the file.
pub(super) async fn put_back(
    args: RestoreArgs,
    default_database: &str,
) -> Result<ExitCode, Failure> {
    let file = args.file.display().to_string();
    // All of the file first: a database is not touched, nor made, for a file that is not whole.
    let whole = check(&args.file)?;
    if args.check {
        say(&file, "is whole and holds", whole, "");
        return Ok(ExitCode::SUCCESS);
    }
    let config = named(default_database)?;
    let place = config.target.to_string();
    let db = Db::create(config).await?;
    db.migrate(crate::MIGRATIONS).await?;
    // A running service hears of what has changed.
    let kv = Kv::connect(serve::beside_the_tables()?).await?;
    let db = db.with_cache(Cache::on(&kv));
    let options = RestoreOptions {
        replace: args.replace,
        allow_empty: args.allow_empty,
    };
    let mut progress = Progress::new(args.quiet);
    let restored = restore(&db, &args.file, options, &mut progress).await;
    // Only now: what was there before may be gone. What is in a backup has its words, except where somebody wrote by hand.
    if restored.is_ok()
        && let Err(error) = crate::fill_search(&db).await
    {
        tracing::warn!(%error, "the search is not up to date; the next start of the service goes on with it");
    }
    close(&db).await;
    say(&place, "has been given", restored?, &file);
    Ok(ExitCode::SUCCESS)
}

/// The database that the environment names.
fn named(default_database: &str) -> Result<DatabaseConfig, Failure> {
    match DatabaseConfig::from_env() {
        Ok(config) if config.target == Target::Memory => Err(PlaceError::InMemory.into()),
        Ok(config) => Ok(patient(config)),
        // With the default all is well, so nothing is wrong but that there is no name.
        Err(_) if DatabaseConfig::from_env_or(default_database).is_ok() => {
            Err(PlaceError::NotNamed(default_database.to_owned()).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// As work on whole tables needs it: one statement may take as long as all of it, no pooler stands in between that would
/// end it earlier, and no replica is read.
fn patient(mut config: DatabaseConfig) -> DatabaseConfig {
    config.replicas.clear();
    if let Target::Postgres(target) = &mut config.target
        && let Some(direct) = target.direct.take()
    {
        *target = *direct;
    }
    config.with_statement_timeout(DEADLINE)
}

/// What was done is what counts: that the database was not closed well is told beside it.
async fn close(db: &Db) {
    if let Err(error) = db.close().await {
        tracing::warn!(%error, "the database was not closed cleanly");
    }
}

fn say(subject: &str, verb: &str, copied: Copied, of: &str) {
    let Copied { rows, bytes } = copied;
    let of = if of.is_empty() {
        String::new()
    } else {
        format!(" of {of}")
    };
    let (rows, bytes) = (HumanCount(rows), BinaryBytes(bytes));
    // A closed standard output is no failure.
    writeln!(
        std::io::stdout().lock(),
        "{subject} {verb} {rows} rows ({bytes}){of}"
    )
    .ok();
}
