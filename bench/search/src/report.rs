//! Medians and 99th percentiles, and the table of them.

use std::fmt::{self, Write as _};
use std::time::Duration;

use anyhow::Context as _;

use crate::asked::{Measured, SEARCHES, Search};

/// Where a search ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        })
    }
}

/// What was measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    rounds: u32,
    measured: Vec<(Engine, u32, Search, Measured)>,
}

impl Report {
    pub(crate) fn new(rounds: u32) -> Self {
        Report {
            rounds,
            measured: Vec::new(),
        }
    }

    pub(crate) fn rounds(&self) -> u32 {
        self.rounds
    }

    pub(crate) fn add(&mut self, engine: Engine, rows: u32, search: Search, measured: Measured) {
        self.measured.push((engine, rows, search, measured));
    }

    /// The table: one row per engine and search, one column per size.
    pub(crate) fn table(&self, took: Duration) -> anyhow::Result<String> {
        let mut sizes: Vec<u32> = self.measured.iter().map(|(_, rows, ..)| *rows).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let mut text = format!(
            "Median / 99th percentile of {} answers in µs, one after the other, 20 shows each; found: shows on the first \
             page, of the smallest and of the largest catalogue, + when there are more. The whole run took {:.0} s.\n\n",
            self.rounds,
            took.as_secs_f64()
        );
        write!(text, "| engine | search | found |")?;
        for rows in &sizes {
            write!(text, " {} shows |", grouped(*rows))?;
        }
        let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else {
            anyhow::bail!("nothing was measured")
        };
        writeln!(text, " {} : {} |", grouped(*last), grouped(*first))?;
        writeln!(text, "|---|---|---|{}---:|", "---:|".repeat(sizes.len()))?;
        for engine in [Engine::Sqlite, Engine::Postgres] {
            for search in SEARCHES {
                let small = self.of(engine, *first, search)?;
                let large = self.of(engine, *last, search)?;
                write!(
                    text,
                    "| {engine} | {}: `{}` | {} … {} |",
                    search.what,
                    search.text,
                    found(small),
                    found(large)
                )?;
                for rows in &sizes {
                    let measured = self.of(engine, *rows, search)?;
                    let (median, slow) = (at(measured, 50)?, at(measured, 99)?);
                    write!(text, " {} / {} |", median.as_micros(), slow.as_micros())?;
                }
                let ratio = at(large, 50)?.as_secs_f64() / at(small, 50)?.as_secs_f64();
                writeln!(text, " {ratio:.1} × |")?;
            }
        }
        Ok(text)
    }

    fn of(&self, engine: Engine, rows: u32, search: Search) -> anyhow::Result<&Measured> {
        let mut all = self.measured.iter();
        let found = all.find(|(whose, size, what, _)| {
            *whose == engine && *size == rows && what.text == search.text
        });
        let (.., measured) = found.context("a search was not measured")?;
        Ok(measured)
    }
}

fn found(measured: &Measured) -> String {
    format!("{}{}", measured.found, if measured.more { "+" } else { "" })
}

fn at(measured: &Measured, percent: usize) -> anyhow::Result<Duration> {
    let place = measured.took.len().saturating_sub(1) * percent / 100;
    measured
        .took
        .get(place)
        .copied()
        .context("nothing was measured")
}

/// `200,000`.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
