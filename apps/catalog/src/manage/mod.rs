//! `catalog manage` and `catalog health`: running the catalogue, and looking after it.
//!
//! What drives containers hands over to their engine; what touches the database goes through the library, on every engine
//! alike.

pub mod archive;
mod backup;
mod compose;
mod outside;
mod probe;
mod progress;

use std::error::Error as StdError;
use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::{BinaryBytes, HumanCount};
use shelfmark::{DatabaseConfig, Db};
use shelfmark_kv::{Cache, Kv};

pub use backup::{BackupError, Copied, backup, check, restore};
pub use progress::Progress;

use crate::serve::{self, DEFAULT_ADDRESS};
use probe::Site;

type Failure = Box<dyn StdError + Send + Sync>;

/// What `catalog manage` can do.
#[derive(Debug, Subcommand)]
pub enum Manage {
    /// Start the containers, and wait until they are well
    Up(Project),
    /// End the containers; data stays
    Down(Project),
    /// Show which containers run, and how they are
    Status(Project),
    /// Show what the containers say
    Logs(Logs),
    /// Create the database of DATABASE_URL if there is none, and its tables
    InitDb,
    /// Write all of the database to a file, as it is at one moment; the service may run
    Backup(BackupArgs),
    /// Fill the database from a backup, of whichever engine; all of it, or nothing
    Restore(RestoreArgs),
    /// Ask a running deployment from outside whether it does its work
    Test(TestArgs),
}

/// Where the deployment is.
#[derive(Debug, Args)]
pub struct Project {
    /// The folder with compose.yaml and .env
    #[arg(long, value_name = "DIR", default_value = "deploy")]
    project: PathBuf,
}

/// Which logs are shown.
#[derive(Debug, Args)]
pub struct Logs {
    #[command(flatten)]
    place: Project,
    /// Go on until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Lines of each container
    #[arg(long, value_name = "LINES", default_value_t = 200)]
    tail: u32,
    /// Only of these
    #[arg(value_name = "SERVICE")]
    services: Vec<OsString>,
}

/// Where a backup goes.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Where a backup comes from.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put the backup in the place of what is in the database
    #[arg(long)]
    replace: bool,
    /// Only read the file, and say whether it is whole
    #[arg(long, conflicts_with = "replace")]
    check: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// What is tested.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Where users find the catalogue
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        env = "CATALOG_URL"
    )]
    url: String,
    /// How many instances have to answer
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    instances: usize,
}

/// What `catalog health` is asked.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Where the instance listens
    #[arg(long, value_name = "HOST:PORT", default_value_t = DEFAULT_ADDRESS, env = "CATALOG_ADDR")]
    addr: SocketAddr,
    /// Ask whether it can do its work, with its database, and not only whether it lives
    #[arg(long)]
    ready: bool,
}

/// Does it, and says how it ended.
///
/// # Errors
/// What kept it from being done.
///
/// # Cancel safety
/// As [`backup`] and [`restore`]; a container engine that was started goes on.
pub async fn run(manage: Manage, default_database: &str) -> Result<ExitCode, Failure> {
    match manage {
        // With `--wait` a container that does not become well is a failure of this command.
        Manage::Up(at) => compose(&at, &["up", "--detach", "--wait", "--build"], &[]),
        Manage::Down(at) => compose(&at, &["down"], &[]),
        Manage::Status(at) => compose(&at, &["ps"], &[]),
        Manage::Logs(logs) => {
            let tail = logs.tail.to_string();
            let mut words = vec!["logs", "--tail", &tail];
            if logs.follow {
                words.push("--follow");
            }
            compose(&logs.place, &words, &logs.services)
        }
        Manage::InitDb => init_db(default_database).await,
        Manage::Backup(args) => {
            let config = DatabaseConfig::from_env_or(default_database)?;
            let place = config.target.to_string();
            let db = Db::connect(config).await?;
            crate::bring_up_to_date(&db).await?;
            let mut progress = Progress::new(args.quiet);
            let copied = backup(&db, &args.file, args.force, &mut progress).await;
            close(&db).await;
            say(&args.file.display().to_string(), "holds", copied?, &place);
            Ok(ExitCode::SUCCESS)
        }
        Manage::Restore(args) => restore_file(args, default_database).await,
        Manage::Test(args) => {
            let site = Site::at(&args.url)?;
            Ok(match outside::test(&site, args.instances) {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            })
        }
    }
}

/// Asks an instance on this machine how it is: nothing is said when it is well.
///
/// # Errors
/// How it is not.
pub fn health(args: &HealthArgs) -> Result<ExitCode, Failure> {
    let path = if args.ready { "/readyz" } else { "/healthz" };
    Site::on(args.addr)?.text(path)?;
    Ok(ExitCode::SUCCESS)
}

fn compose(at: &Project, words: &[&str], more: &[OsString]) -> Result<ExitCode, Failure> {
    let words = words.iter().map(OsString::from);
    let words: Vec<OsString> = words.chain(more.iter().cloned()).collect();
    Ok(compose::run(&at.project, &words)?)
}

async fn init_db(default_database: &str) -> Result<ExitCode, Failure> {
    let config = DatabaseConfig::from_env_or(default_database)?;
    let place = config.target.to_string();
    let db = Db::create(config).await?;
    let applied = db.migrate(crate::MIGRATIONS).await;
    close(&db).await;
    applied?;
    writeln!(std::io::stdout().lock(), "{place} has all tables").ok();
    Ok(ExitCode::SUCCESS)
}

async fn restore_file(args: RestoreArgs, default_database: &str) -> Result<ExitCode, Failure> {
    let file = args.file.display().to_string();
    // All of the file first: a database is not touched, nor made, for a file that is not whole.
    let whole = check(&args.file)?;
    if args.check {
        say(&file, "is whole and holds", whole, "");
        return Ok(ExitCode::SUCCESS);
    }
    let config = DatabaseConfig::from_env_or(default_database)?;
    let place = config.target.to_string();
    let db = Db::create(config).await?;
    crate::bring_up_to_date(&db).await?;
    // A running service hears of what has changed.
    let kv = Kv::connect(serve::beside_the_tables()?).await?;
    let db = db.with_cache(Cache::on(&kv));
    let mut progress = Progress::new(args.quiet);
    let restored = restore(&db, &args.file, args.replace, &mut progress).await;
    close(&db).await;
    say(&place, "has been given", restored?, &file);
    Ok(ExitCode::SUCCESS)
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
