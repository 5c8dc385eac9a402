//! `catalog manage` and `catalog health`: running the catalogue, and looking after it.
//!
//! What drives containers hands over to their engine; what touches the database goes through the library, on every engine
//! alike.

pub mod archive;
mod backup;
mod compose;
mod database;
mod outside;
mod probe;
mod progress;

use std::error::Error as StdError;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

pub use backup::{BackupError, BackupOptions, Copied, RestoreOptions, backup, check, restore};
pub use progress::Progress;

use crate::settings;
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
    ///
    /// Nothing in the database is changed. Its schema has to be the one of this program.
    Backup(BackupArgs),
    /// Fill the database from a backup, of whichever engine; all of it, or nothing
    ///
    /// A running service hears of it through PostgreSQL or Redis. On SQLite without Redis, stop the service before: it
    /// would go on giving the pages that it has kept.
    Restore(RestoreArgs),
    /// Ask a running deployment from outside whether it does its work
    Test(TestArgs),
}

/// Where the deployment is.
#[derive(Debug, Args)]
pub struct Project {
    /// The folder with compose.yaml and .env [default: deploy, or the current folder when that has them]
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
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
    /// Back up a catalogue without shows, too
    #[arg(long)]
    allow_empty: bool,
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
    /// With --replace: take a backup without shows, too
    #[arg(long, requires = "replace")]
    allow_empty: bool,
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
    /// Where users find the catalogue [default: http://127.0.0.1:8080] [variable: CATALOG_URL]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How many instances have to answer
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    instances: u32,
}

/// What `catalog health` is asked.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Where the instance listens [default: 127.0.0.1:8080] [variable: CATALOG_ADDR]
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<SocketAddr>,
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
        Manage::Up(at) => compose(at, &["up", "--detach", "--wait", "--build"], &[]),
        Manage::Down(at) => compose(at, &["down"], &[]),
        Manage::Status(at) => compose(at, &["ps"], &[]),
        Manage::Logs(logs) => {
            let tail = logs.tail.to_string();
            let mut words = vec!["logs", "--tail", &tail];
            if logs.follow {
                words.push("--follow");
            }
            compose(logs.place, &words, &logs.services)
        }
        Manage::InitDb => database::init_db(default_database).await,
        Manage::Backup(args) => database::back_up(args, default_database).await,
        Manage::Restore(args) => database::put_back(args, default_database).await,
        Manage::Test(args) => {
            let site = Site::at(&settings::url(args.url)?)?;
            Ok(
                match outside::test(&site, usize::try_from(args.instances)?) {
                    true => ExitCode::SUCCESS,
                    false => ExitCode::FAILURE,
                },
            )
        }
    }
}

/// Asks an instance on this machine how it is: nothing is said when it is well.
///
/// # Errors
/// How it is not.
pub fn health(args: HealthArgs) -> Result<ExitCode, Failure> {
    let path = if args.ready { "/readyz" } else { "/healthz" };
    Site::on(settings::address(args.addr)?)?.text(path)?;
    Ok(ExitCode::SUCCESS)
}

fn compose(at: Project, words: &[&str], more: &[OsString]) -> Result<ExitCode, Failure> {
    let words = words.iter().map(OsString::from);
    let words: Vec<OsString> = words.chain(more.iter().cloned()).collect();
    Ok(compose::run(&compose::folder(at.project), &words)?)
}
