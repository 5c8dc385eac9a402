//! A to-do list for the terminal.
//!
//! Exit codes as grep has them: 0 done, 1 there is no such task, 2 wrong usage or a failure.

mod due;
mod exchange;
mod show;
mod store;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{ArgGroup, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use jiff::Timestamp;
use jiff::civil::Date;
use shelfmark::{Change, DatabaseConfig, Db, Target};

use crate::show::{Colour, Show};
use crate::store::{NewTask, Task, TaskFilters, TaskPatch, Tasks as _, TasksExt as _};

const MIGRATIONS: &[shelfmark::Migration] = shelfmark::migrations!();
shelfmark::verify_queries!(crate::MIGRATIONS);

/// A to-do list for the terminal, in one file that any number of terminals can use at once.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 no such task, 2 wrong usage or a failure"
)]
struct Cli {
    /// The file with the tasks [default: tasks/tasks.db in the user's data folder]
    #[arg(long, global = true, env = "TASKS_FILE")]
    file: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto)]
    color: Colour,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a task
    Add {
        /// What there is to do
        #[arg(required = true)]
        text: Vec<String>,
        /// The last day for it: 2026-12-24, today, tomorrow, fri, 3d, 2w
        #[arg(long, value_parser = due::day)]
        due: Option<Date>,
    },
    /// Show what is to be done, by day
    List {
        /// Also what is done
        #[arg(long)]
        all: bool,
        /// Only what is due until this day
        #[arg(long, value_parser = due::day)]
        until: Option<Date>,
    },
    /// Mark tasks as done
    Done {
        /// Their numbers
        #[arg(required = true)]
        ids: Vec<i64>,
        /// Mark them as not done after all
        #[arg(long)]
        undo: bool,
    },
    /// Change a task
    #[command(group = ArgGroup::new("change").args(["text", "due", "no_due"]).required(true).multiple(true))]
    Edit {
        /// Its number
        id: i64,
        /// What there is to do
        text: Vec<String>,
        /// The last day for it
        #[arg(long, value_parser = due::day, conflicts_with = "no_due")]
        due: Option<Date>,
        /// It has no last day
        #[arg(long)]
        no_due: bool,
    },
    /// Remove tasks
    Delete {
        /// Their numbers
        #[arg(required = true)]
        ids: Vec<i64>,
    },
    /// Show the tasks, done or not, whose text contains something
    Search {
        /// Upper and lower case are the same
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Add the tasks of a JSON or CSV file: all of them or none
    Import {
        /// - is standard input, as JSON
        #[arg(value_name = "FILE")]
        from: PathBuf,
    },
    /// Write all tasks as JSON, or as CSV to a file whose name ends so
    Export {
        /// Without it, or with -, to standard output
        #[arg(value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Write a completion script, for example: tasks completion bash > ~/.local/share/bash-completion/completions/tasks
    Completion {
        /// For which shell
        shell: Shell,
    },
}

/// What ends the program with 1.
#[derive(Debug, thiserror::Error)]
#[error("there is no task {0}")]
struct NoTask(i64);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) if error.is::<NoTask>() => {
            show::complain(&error.to_string());
            ExitCode::from(1)
        }
        Err(error) => {
            show::complain(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether there was what was asked for.
async fn run(cli: Cli) -> Result<bool> {
    if let Command::Completion { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "tasks", &mut script);
        show::print(&String::from_utf8(script)?)?;
        return Ok(true);
    }
    let path = match cli.file {
        Some(file) => file,
        None => dirs::data_dir()
            .context("this system has no folder for a user's data; use --file")?
            .join("tasks")
            .join("tasks.db"),
    };
    let db = Db::connect(DatabaseConfig::new(Target::Sqlite { path })).await?;
    db.migrate(MIGRATIONS).await?;
    let found = perform(cli.command, &db, Show::new(cli.json, cli.color)).await;
    let closed = db.close().await;
    let found = found?;
    closed?;
    Ok(found)
}

async fn perform(command: Command, db: &Db, show: Show) -> Result<bool> {
    let tasks = db.tasks();
    match command {
        Command::Add { text, due } => {
            let added = tasks.add(&NewTask::new(&text.join(" "), due)?).await?;
            show.task("added ", &added)?;
        }
        Command::List { all, until } => {
            let filters = TaskFilters::by_day((!all).then_some(false), until);
            let found = tasks.list(&filters).await?;
            if found.is_empty() {
                show.sentence("nothing to do", &found)?;
            } else {
                show.tasks("", &found)?;
            }
        }
        Command::Done { ids, undo } => {
            let patch = TaskPatch::done((!undo).then(Timestamp::now));
            let became = if undo { "to do again " } else { "done " };
            show.tasks(
                became,
                &change(db, ids.into_iter().collect(), &patch).await?,
            )?;
        }
        Command::Edit {
            id,
            text,
            due,
            no_due,
        } => {
            let mut patch = TaskPatch::default();
            if !text.is_empty() {
                patch.set_text(&text.join(" "))?;
            }
            if due.is_some() || no_due {
                patch.due = Change::Set(due);
            }
            let changed = tasks.change(id, &patch).await?.ok_or(NoTask(id))?;
            show.task("changed ", &changed)?;
        }
        Command::Delete { ids } => {
            show.tasks("deleted ", &delete(db, ids.into_iter().collect()).await?)?
        }
        Command::Search { text } => {
            let filters = TaskFilters::containing(&text.join(" "));
            let found = tasks.list(&filters).await?;
            show.tasks("", &found)?;
            return Ok(!found.is_empty());
        }
        Command::Import { from } => {
            let added = tasks.add_many(&exchange::read(&from)?).await?;
            let value = serde_json::json!({ "added": added });
            show.sentence(&format!("added {added} tasks"), &value)?;
        }
        Command::Export { to } => {
            exchange::write(&tasks.list(&TaskFilters::default()).await?, to.as_deref())?;
        }
        // It needs no database.
        Command::Completion { .. } => {}
    }
    Ok(true)
}

/// Changes all of them, or none when one is not there.
async fn change(db: &Db, ids: BTreeSet<i64>, patch: &TaskPatch) -> Result<Vec<Task>> {
    db.transaction(async |tx| {
        let mut changed = Vec::new();
        for id in ids {
            changed.push(tx.tasks().change(id, patch).await?.ok_or(NoTask(id))?);
        }
        Ok(changed)
    })
    .await
}

/// Removes all of them, or none when one is not there.
async fn delete(db: &Db, ids: BTreeSet<i64>) -> Result<Vec<Task>> {
    db.transaction(async |tx| {
        let mut deleted = Vec::new();
        for id in ids {
            deleted.push(tx.tasks().delete(id).await?.ok_or(NoTask(id))?);
        }
        Ok(deleted)
    })
    .await
}
