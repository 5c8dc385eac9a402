//! Runs the contestants of the benchmarks in turns (A B C A B C …), each as a process of its own, on the same servers and
//! data, and prints what came of it as Markdown for bench/RESULTS.md.
//!
//! Contestants are built from their own workspaces. One that can't be built, started or is wrong is left out with a
//! sentence, and the others go on.

mod build;
mod ground;
mod limits;
mod machine;
mod parts;
mod report;
mod roster;
mod turns;

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;

use crate::parts::Part;

/// Shelfmark, its peers and the limits of its drivers, side by side.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only parts whose name begins with one of these, such as `redis`, `sqlite` or `postgres-point-read`
    #[arg(long, value_name = "PART,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Only contestants whose name has one of these in it
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    contestants: Vec<String>,
    /// Only so many tasks at once
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    tasks: Vec<usize>,
    /// How often each contestant has its turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long a turn is measured
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Name the parts and end
    #[arg(long)]
    list: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("from 0.01 to 600 seconds".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let all = parts::all();
    if arguments.list {
        for part in &all {
            println!("{:24} {}", part.name, part.title());
        }
        return Ok(());
    }
    let chosen: Vec<&Part> = all
        .iter()
        .filter(|part| arguments.is_chosen(part))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = all.iter().map(|part| part.name).collect();
        bail!("no part is named so; there are {}", names.join(", "));
    }
    turns::take(&chosen, arguments)
}

impl Arguments {
    fn is_chosen(&self, part: &Part) -> bool {
        match self.only.as_slice() {
            // What takes longest is run when it is asked for.
            [] => !part.is_growth(),
            only => only.iter().any(|name| part.name.starts_with(name.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn parts_are_chosen_by_how_their_names_begin() {
        let names = |line: &[&str]| {
            let arguments = Arguments::parse_from([&["bench-driver"], line].concat());
            let all = parts::all();
            let chosen = all.iter().filter(|part| arguments.is_chosen(part));
            chosen.map(|part| part.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["--only", "redis"]), ["redis-get", "redis-set"]);
        assert_eq!(names(&["--only", "stampede"]), ["stampede"]);
        assert!(names(&[]).len() > 5);
        assert!(names(&["--only", "nothing"]).is_empty());
    }
}
