//! The command line: `catalog`, `catalog serve`, `catalog import FILE`, `catalog manage …`, `catalog health`.

use std::error::Error as StdError;
use std::future::{Future as _, poll_fn};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::task::Poll;

use clap::{Args, Parser, Subcommand};
use indicatif::HumanCount;
use shelfmark::{DatabaseConfig, Db};
use shelfmark_kv::{Cache, Kv};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::import::{ImportError, ImportOptions, ImportSummary, ProgressStyle, import};
use crate::manage::{self, HealthArgs, Manage};
use crate::serve;
use crate::settings::ServeArgs;

/// The database of a machine that sets nothing.
const DEFAULT_DATABASE: &str = "sqlite://data/catalog.db";
/// What a shell expects of a program that was ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// The film catalogue: import it, browse it, serve it.
///
/// The database is the file data/catalog.db, or whatever DATABASE_URL names (memory:, sqlite://FILE,
/// postgres://USER:PASSWORD@HOST/NAME); views are counted in this process, or on the Redis that REDIS_URL names. All
/// variables may stand in a file `.env` as well; the environment wins over it.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// What `catalog` alone does.
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and the page; this is also what `catalog` alone does
    Serve(ServeArgs),
    /// Import a CSV file in the "Netflix titles" layout
    Import(ImportArgs),
    /// Run and look after the catalogue: containers, database, backups, a test from outside
    #[command(subcommand)]
    Manage(Manage),
    /// Ask an instance on this machine how it is; the exit code is the answer
    Health(HealthArgs),
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// The file; rows that cannot be read go to FILE.rejects.csv
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Stop at the first bad row and leave the database untouched
    #[arg(long)]
    strict: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the command and says how it ended.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,catalog=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    let code = runtime.block_on(async {
        match command {
            Command::Serve(args) => match serve_until_asked(args).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(&*error),
            },
            Command::Import(args) => import_file(args).await,
            Command::Manage(what) => tokio::select! {
                // In this order, so that Ctrl-C is listened for before anything begins: a backup that is half done is
                // taken away again.
                biased;
                () = interrupt() => ExitCode::from(INTERRUPTED),
                how = manage::run(what, DEFAULT_DATABASE) => ended(how),
            },
            Command::Health(args) => ended(manage::health(args)),
        }
    });
    // A thread that still reads a file must not hold up the end.
    runtime.shutdown_background();
    code
}

fn ended(how: Result<ExitCode, Box<dyn StdError + Send + Sync>>) -> ExitCode {
    how.unwrap_or_else(|error| failed(&*error))
}

async fn serve_until_asked(args: ServeArgs) -> Result<(), Box<dyn StdError + Send + Sync>> {
    serve::run(DEFAULT_DATABASE, args.settled()?).await
}

async fn import_file(args: ImportArgs) -> ExitCode {
    let options = ImportOptions {
        strict: args.strict,
        progress: ProgressStyle::detect(args.quiet),
        stop: CancellationToken::new(),
    };
    let importing = open_and_import(&args.file, &options);
    tokio::pin!(importing);
    let imported = tokio::select! {
        // In this order, so that Ctrl-C is listened for before anything begins.
        biased;
        () = interrupt() => {
            // A signal is heard from the first poll on, which has to come before the second one is offered.
            let again = interrupt();
            tokio::pin!(again);
            if poll_fn(|context| Poll::Ready(again.as_mut().poll(context).is_ready())).await {
                return ExitCode::from(INTERRUPTED);
            }
            say_aside("ending the import; press Ctrl-C again to end at once");
            options.stop.cancel();
            tokio::select! {
                biased;
                () = &mut again => return ExitCode::from(INTERRUPTED),
                imported = &mut importing => imported,
            }
        }
        imported = &mut importing => imported,
    };
    match imported {
        Ok(summary) => {
            say(&told(&summary));
            ExitCode::SUCCESS
        }
        Err(error @ (ImportError::Interrupted(_) | ImportError::StrictInterrupted)) => {
            failed(&error);
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => failed(&error),
    }
}

/// Waits for Ctrl-C; for ever where the system does not tell.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

async fn open_and_import(
    file: &Path,
    options: &ImportOptions,
) -> Result<ImportSummary, ImportError> {
    let config = DatabaseConfig::from_env_or(DEFAULT_DATABASE)?;
    let opening = async {
        let db = Db::connect(config).await?;
        crate::bring_up_to_date(&db).await?;
        // A running service hears of what has changed.
        let kv = Kv::connect(serve::beside_the_tables()?).await?;
        Ok::<_, shelfmark::Error>(db.with_cache(Cache::on(&kv)))
    };
    let db = options.unless_stopped(opening).await??;
    let imported = import(&db, file, options).await;
    told_first(imported, db.close().await)
}

/// What the import did is what counts: that the database was not closed well is told beside it.
fn told_first<T>(
    imported: Result<T, ImportError>,
    closed: shelfmark::Result<()>,
) -> Result<T, ImportError> {
    if let Err(error) = closed {
        tracing::warn!(%error, "the database was not closed cleanly");
    }
    imported
}

/// What an import did, for people.
fn told(summary: &ImportSummary) -> String {
    let mut text = format!(
        "{} shows imported: {} new, {} replaced",
        HumanCount(summary.added + summary.replaced),
        HumanCount(summary.added),
        HumanCount(summary.replaced),
    );
    if let Some(path) = &summary.rejects {
        let rows = if summary.rejected == 1 { "row" } else { "rows" };
        text.push_str(&format!(
            "\n{} {rows} could not be read: see {}",
            HumanCount(summary.rejected),
            path.display()
        ));
    }
    if summary.replaced_chars > 0 {
        text.push_str(&format!(
            "\n{} characters were not UTF-8 and were read as Windows-1252",
            HumanCount(summary.replaced_chars)
        ));
    }
    text
}

/// A closed standard output is no failure.
fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").ok();
}

/// A closed standard error is none either.
fn say_aside(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

/// Prints an error with its causes, each once.
fn failed(error: &dyn StdError) -> ExitCode {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        let line = source.to_string();
        if !text.contains(&line) {
            text.push_str(&format!("\n  because: {line}"));
        }
        cause = source.source();
    }
    say_aside(&text);
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use shelfmark::{Error, ErrorKind};

    use super::*;

    #[test]
    fn a_database_that_does_not_close_hides_neither_error_nor_summary() {
        let unclosed = || Err(Error::new(ErrorKind::Timeout));
        assert!(matches!(told_first(Ok(3), unclosed()), Ok(3)));
        let failed = told_first::<()>(Err(ImportError::StrictInterrupted), unclosed());
        assert!(matches!(failed, Err(ImportError::StrictInterrupted)));
    }
}
