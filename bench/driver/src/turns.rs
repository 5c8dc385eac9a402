//! The turns: for each size of a part, round after round, each contestant once.

use std::collections::BTreeSet;
use std::env;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use contestant::{Answer, Measured, Order};

use crate::Arguments;
use crate::build::Programs;
use crate::ground::Grounds;
use crate::limits;
use crate::machine;
use crate::parts::{Part, Size};
use crate::report::{self, Row};
use crate::roster::{Entrant, entrants};

/// How long a turn may take beside what is measured: to fill the store, and to end.
const GRACE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(5);

/// Runs all `parts` and prints their tables, each as soon as it is complete.
pub(crate) fn take(parts: &[&Part], arguments: &Arguments) -> anyhow::Result<()> {
    let mut programs = Programs::default();
    let mut grounds = Grounds::default();
    // Built before anything is measured, so that no build runs beside a measurement.
    let mut folders = BTreeSet::new();
    for part in parts {
        for entrant in chosen(part, arguments) {
            if !entrant.folder.is_empty() && programs.of(entrant.folder).is_ok() {
                folders.insert(entrant.folder);
            }
        }
    }
    println!("{}", machine::describe(&folders, arguments)?);
    for part in parts {
        println!("### {} (`{}`)\n", part.title(), part.name);
        let mut all = Vec::new();
        for size in sizes(part, arguments) {
            let rows = at(part, size, &mut programs, &mut grounds, arguments);
            if !part.is_growth() {
                println!("{}", report::table(part, size, &rows));
            }
            all.push((size, rows));
        }
        if part.is_growth() {
            println!("{}", report::growth(part, &all));
        }
    }
    for version in grounds.versions() {
        println!("On {version}.");
    }
    Ok(())
}

fn chosen<'a>(
    part: &Part,
    arguments: &'a Arguments,
) -> impl Iterator<Item = &'static Entrant> + use<'a> {
    entrants(part.ground).iter().filter(|entrant| {
        let names = &arguments.contestants;
        names.is_empty()
            || names
                .iter()
                .any(|name| entrant.label.contains(name.as_str()))
    })
}

fn sizes(part: &Part, arguments: &Arguments) -> Vec<Size> {
    let is_chosen =
        |size: &&Size| arguments.tasks.is_empty() || arguments.tasks.contains(&size.tasks);
    part.sizes.iter().filter(is_chosen).copied().collect()
}

/// All rounds of one size.
fn at(
    part: &Part,
    size: Size,
    programs: &mut Programs,
    grounds: &mut Grounds,
    arguments: &Arguments,
) -> Vec<Row> {
    let mut rows: Vec<Row> = chosen(part, arguments).map(Row::new).collect();
    for round in 1..=arguments.rounds {
        for row in rows.iter_mut().filter(|row| row.why_not.is_none()) {
            let program = program_of(row.entrant, programs);
            let answer = program.and_then(|program| {
                let turn = take_turn(part, size, row.entrant, program, grounds, arguments);
                turn.map_err(|error| format!("{error:#}"))
            });
            let answer = answer.unwrap_or_else(Answer::Skipped);
            match answer {
                Answer::Measured(measured) => {
                    progress(part, size, round, row.entrant, &measured);
                    row.runs.push(measured);
                }
                Answer::Skipped(why) => {
                    eprintln!("{}: {} is left out: {why}", part.name, row.entrant.label);
                    row.why_not = Some(why);
                }
            }
        }
    }
    rows
}

fn take_turn(
    part: &Part,
    size: Size,
    entrant: &Entrant,
    program: Option<&Path>,
    grounds: &mut Grounds,
    arguments: &Arguments,
) -> anyhow::Result<Answer> {
    let mut order = grounds.order(part, size, arguments.seconds)?;
    order.setting = entrant.setting.to_owned();
    let answer = match program {
        Some(program) => turn(program, &order)?,
        // Without a contestant of ours it is a program of the machine's packages.
        None => limits::redis_benchmark(&order)?,
    };
    if matches!(answer, Answer::Measured(_)) {
        grounds.check(part, &order)?;
    }
    Ok(answer)
}

fn program_of<'a>(
    entrant: &Entrant,
    programs: &'a mut Programs,
) -> Result<Option<&'a Path>, String> {
    if entrant.folder.is_empty() {
        return Ok(None);
    }
    match programs.of(entrant.folder) {
        Ok(path) => Ok(Some(path)),
        Err(why) => Err(why.clone()),
    }
}

fn progress(part: &Part, size: Size, round: u32, entrant: &Entrant, measured: &Measured) {
    eprintln!(
        "{}, {} tasks, round {round}: {} {}/s",
        part.name,
        size.tasks,
        entrant.label,
        report::grouped(measured.ops as f64 / measured.seconds)
    );
}

/// One turn of one contestant.
fn turn(program: &Path, order: &Order) -> anyhow::Result<Answer> {
    let mut child = Command::new(program)
        .arg(serde_json::to_string(order)?)
        // What the environment says of databases is not for contestants.
        .env_clear()
        // Where wrk is.
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        // No `.env` of anybody's lies above it.
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("can't run {}", program.display()))?;
    let limit = Instant::now() + order.window() * 10 + GRACE;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() > limit => {
                child.kill()?;
                child.wait()?;
                bail!("it was not done in time");
            }
            None => thread::sleep(PAUSE),
        }
    };
    let mut said = String::new();
    if !status.success() {
        if let Some(mut errors) = child.stderr {
            errors.read_to_string(&mut said)?;
        }
        // The end of it has what went wrong, without the values of a connection string.
        let last = said.lines().next_back().unwrap_or_default();
        bail!("it ended with {status}: {last}");
    }
    if let Some(mut output) = child.stdout {
        output.read_to_string(&mut said)?;
    }
    let line = said.lines().next_back().unwrap_or_default();
    serde_json::from_str(line).context("it did not print an answer")
}
