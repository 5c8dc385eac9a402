//! Medians, and the tables of them.

use std::fmt::Write as _;

use contestant::Measured;

use crate::parts::{Part, Size};
use crate::roster::{Entrant, Role};

/// What came of one contestant in one size of a part.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) entrant: &'static Entrant,
    pub(crate) runs: Vec<Measured>,
    /// Why it did not take part.
    pub(crate) why_not: Option<String>,
}

impl Row {
    pub(crate) fn new(entrant: &'static Entrant) -> Row {
        Row {
            entrant,
            runs: Vec::new(),
            why_not: None,
        }
    }

    /// The median of a figure, when all runs have it.
    fn median(&self, figure: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        // Not those of the rounds before a failure.
        if self.why_not.is_some() {
            return None;
        }
        let mut figures = self.runs.iter().map(figure).collect::<Option<Vec<f64>>>()?;
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let upper = *figures.get(middle)?;
        if figures.len() % 2 == 1 {
            return Some(upper);
        }
        Some((upper + *figures.get(middle.checked_sub(1)?)?) / 2.0)
    }

    fn per_second(&self) -> Option<f64> {
        self.median(|run| Some(run.ops as f64 / run.seconds))
    }
}

/// The table of one size, with a line above it that says what it is.
pub(crate) fn table(part: &Part, size: Size, rows: &[Row]) -> String {
    let best = |is_meant: fn(Role) -> bool| {
        let rows = rows.iter().filter(|row| is_meant(row.entrant.role));
        rows.filter_map(Row::per_second).max_by(f64::total_cmp)
    };
    let fastest = best(|role| role == Role::Peer);
    let limit = best(|role| role == Role::Limit);
    let mut text = format!("{}:\n\n", heading(part, size));
    let unit = part
        .rows_each(size)
        .map_or("per second", |_| "rows per second");
    _ = write!(
        text,
        "| contestant | {unit} | beside the fastest peer | beside the limit | p50 µs | p99 µs | max µs | \
         peak memory MiB | client CPU µs each | server CPU µs each |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for row in rows.iter().filter(|row| row.why_not.is_none()) {
        line(
            &mut text,
            row,
            part.rows_each(size).unwrap_or(1),
            fastest,
            limit,
        );
    }
    let mut notes = String::new();
    for row in rows {
        if let Some(why) = &row.why_not {
            // Writing to a String cannot fail.
            _ = writeln!(notes, "Left out: {}, {why}.", row.entrant.label);
        }
        for (name, most) in facts(row) {
            _ = writeln!(notes, "{}: {name} at most {most}.", row.entrant.label);
        }
    }
    if !notes.is_empty() {
        text.push('\n');
        text.push_str(&notes);
    }
    text
}

/// What a column shows of a contestant in one size.
type Figure<'a> = &'a dyn Fn(Size, &Row) -> String;

/// The tables of a part that shows how cost grows: a column for each size.
pub(crate) fn growth(part: &Part, all: &[(Size, Vec<Row>)]) -> String {
    let sizes: Vec<Size> = all.iter().map(|(size, _)| *size).collect();
    let is_by_tasks = sizes.windows(2).any(|pair| match pair {
        [one, other] => one.tasks != other.tasks,
        _ => false,
    });
    let named = |size: &Size| match is_by_tasks {
        true => format!("{} tasks", grouped(size.tasks as f64)),
        false => format!("{} rows", grouped(size.rows as f64)),
    };
    let unit = sizes.first().and_then(|size| part.rows_each(*size));
    let unit = unit.map_or("Per second", |_| "Rows per second");
    let figures: [(&str, Figure<'_>); 3] = [
        (unit, &|size, row| {
            let factor = part.rows_each(size).unwrap_or(1) as f64;
            cell(row.per_second().map(|ops| ops * factor), grouped)
        }),
        ("99th percentile in µs", &|_, row| {
            cell(row.median(|run| Some(run.p99_us)), micros)
        }),
        ("Peak memory in MiB", &|_, row| {
            cell(row.median(mib), |mib| format!("{mib:.1}"))
        }),
    ];
    let mut text = String::new();
    for (name, figure) in figures {
        let heads: Vec<String> = sizes.iter().map(named).collect();
        // Writing to a String cannot fail.
        _ = writeln!(text, "{name}:\n\n| contestant | {} |", heads.join(" | "));
        _ = writeln!(text, "|---|{}", "---:|".repeat(sizes.len()));
        let entrants = all
            .first()
            .map(|(_, rows)| rows.as_slice())
            .unwrap_or_default();
        for (place, first) in entrants.iter().enumerate() {
            let cells: Vec<String> = all
                .iter()
                .filter_map(|(size, rows)| Some(figure(*size, rows.get(place)?)))
                .collect();
            _ = writeln!(text, "| {} | {} |", mark(first.entrant), cells.join(" | "));
        }
        text.push('\n');
    }
    for (size, rows) in all {
        for row in rows {
            if let Some(why) = &row.why_not {
                _ = writeln!(
                    text,
                    "Left out at {}: {}, {why}.",
                    named(size),
                    row.entrant.label
                );
            }
        }
    }
    text
}

fn mib(run: &Measured) -> Option<f64> {
    run.peak_kib.map(|kib| kib as f64 / 1024.0)
}

fn heading(part: &Part, size: Size) -> String {
    let tasks = match size.tasks {
        1 => "1 task".to_owned(),
        more => format!("{} tasks", grouped(more as f64)),
    };
    match part.rows_each(size) {
        Some(rows) => format!("{tasks}, {} rows each", grouped(rows as f64)),
        None if size.rows > 1 => format!("{tasks}, {} to choose from", grouped(size.rows as f64)),
        None => tasks,
    }
}

fn line(text: &mut String, row: &Row, factor: u64, fastest: Option<f64>, limit: Option<f64>) {
    let per_second = row.per_second();
    let beside = |other: Option<f64>| {
        cell(per_second.zip(other), |(own, other)| {
            format!("{:.2} ×", own / other)
        })
    };
    let each = |seconds: Option<f64>, run: &Measured| seconds.map(|s| s * 1e6 / run.ops as f64);
    let client = |run: &Measured| {
        let seconds = Some(run.client_cpu_seconds).filter(|seconds| *seconds > 0.0);
        each(seconds, run)
    };
    let cells = [
        mark(row.entrant),
        cell(per_second.map(|ops| ops * factor as f64), grouped),
        beside(fastest),
        beside(limit),
        cell(row.median(|run| Some(run.p50_us)), micros),
        cell(row.median(|run| Some(run.p99_us)), micros),
        cell(row.median(|run| Some(run.max_us)), micros),
        cell(row.median(mib), |mib| format!("{mib:.1}")),
        cell(row.median(client), micros),
        cell(row.median(|run| each(run.server_cpu_seconds, run)), micros),
    ];
    _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn mark(entrant: &Entrant) -> String {
    match entrant.role {
        Role::Ours => format!("**{}**", entrant.label),
        Role::Peer => entrant.label.to_owned(),
        Role::Limit => format!("limit: {}", entrant.label),
    }
}

/// The further figures of a contestant, each with the most of all rounds.
fn facts(row: &Row) -> Vec<(String, f64)> {
    let mut facts: Vec<(String, f64)> = Vec::new();
    for (name, value) in row.runs.iter().flat_map(|run| &run.facts) {
        match facts.iter_mut().find(|(known, _)| known == name) {
            Some((_, most)) => *most = most.max(*value),
            None => facts.push((name.clone(), *value)),
        }
    }
    facts
}

fn cell<T>(value: Option<T>, shown: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), shown)
}

/// Three digits or more: `0.231`, `12.3`, `4,211`.
fn micros(value: f64) -> String {
    match value {
        small if small < 10.0 => format!("{small:.3}"),
        middle if middle < 1000.0 => format!("{middle:.1}"),
        large => grouped(large),
    }
}

/// `200,000`.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::{Ground, all};
    use crate::roster::entrants;

    fn run(ops: u64) -> Measured {
        Measured {
            ops,
            seconds: 1.0,
            client_cpu_seconds: 0.5,
            peak_kib: Some(2048),
            ..Measured::default()
        }
    }

    #[test]
    fn medians_are_held_against_the_fastest_peer_and_the_limit() -> anyhow::Result<()> {
        let parts = all();
        let part = parts.first().ok_or_else(|| anyhow::anyhow!("no part"))?;
        let mut rows: Vec<Row> = entrants(Ground::Redis).iter().map(Row::new).collect();
        for row in &mut rows {
            let speed = match row.entrant.role {
                Role::Ours => 900,
                Role::Peer => 1000,
                Role::Limit => 3000,
            };
            row.runs = vec![run(speed), run(speed * 9), run(1)];
        }
        let size = Size {
            tasks: 64,
            rows: 10_000,
        };
        let table = table(part, size, &rows);
        assert!(
            table.starts_with("64 tasks, 10,000 to choose from:"),
            "{table}"
        );
        assert!(
            table.contains("| **shelfmark-kv** | 900 | 0.90 × | 0.30 × |"),
            "{table}"
        );
        Ok(())
    }

    #[test]
    fn contestant_that_was_left_out_is_named_with_the_reason() {
        let entrant = entrants(Ground::Process).first();
        let mut row = entrant.map(Row::new).into_iter().collect::<Vec<_>>();
        for row in &mut row {
            row.why_not = Some("it can't be built".into());
        }
        let parts = all();
        let size = Size { tasks: 1, rows: 1 };
        let table = parts.first().map(|part| table(part, size, &row));
        let table = table.unwrap_or_default();
        assert!(table.contains("Left out: shelfmark-kv, Kv::in_process, it can't be built."));
    }
}
