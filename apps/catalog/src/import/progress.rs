//! How far an import has come: a bar on a terminal, a line now and then elsewhere.
//!
//! Everything goes to standard error, so that standard output stays free for results.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget};

use super::text::shortened;

/// The shortest time between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// What has been done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes of the file that have been read.
    pub bytes: u64,
    /// Rows that have been stored.
    pub rows: u64,
    /// Rows that have been set aside.
    pub rejects: u64,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    /// A bar that moves, for a terminal.
    Bar,
    /// A line at most every five seconds, and one at the end, for logs.
    Lines,
    /// Nothing at all.
    Quiet,
}

impl ProgressStyle {
    /// A bar when standard error is a terminal, lines when not; nothing when `quiet`.
    #[must_use]
    pub fn detect(quiet: bool) -> Self {
        match quiet {
            true => Self::Quiet,
            false if std::io::stderr().is_terminal() => Self::Bar,
            false => Self::Lines,
        }
    }
}

/// Shows the progress of one import.
///
/// Dropped without [`Progress::finish`], as by an error, it clears the bar and says no more.
#[derive(Debug)]
#[must_use = "progress is shown by `update` and `finish`"]
pub struct Progress {
    style: ProgressStyle,
    bar: Option<ProgressBar>,
    lines: Lines,
    started: Instant,
}

impl Progress {
    /// Begins to show the import of the file `name`, which has `total` bytes if that is known.
    pub fn new(style: ProgressStyle, name: &str, total: Option<u64>) -> Self {
        let bar = match style {
            ProgressStyle::Bar => Some(bar(name, total, ProgressDrawTarget::stderr())),
            ProgressStyle::Lines | ProgressStyle::Quiet => None,
        };
        let lines = Lines::new(name, total);
        Self {
            style,
            bar,
            lines,
            started: Instant::now(),
        }
    }

    /// Shows how far it has come. Cheap enough to call for every batch of rows.
    pub fn update(&mut self, tally: Tally) {
        let elapsed = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.set_position(tally.bytes);
            bar.set_message(counts(tally, elapsed));
        } else if self.style == ProgressStyle::Lines
            && let Some(line) = self.lines.due(tally, elapsed)
        {
            print(&line);
        }
    }

    /// Takes the bar away, and says in one line what has been done.
    pub fn finish(self, tally: Tally) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.style != ProgressStyle::Quiet {
            print(&self.lines.last(tally, self.started.elapsed()));
        }
    }
}

/// A closed standard error is no reason to stop an import.
fn print(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

fn bar(name: &str, total: Option<u64>, target: ProgressDrawTarget) -> ProgressBar {
    const KNOWN: &str = "{prefix} [{wide_bar}] {percent:>3}% {msg}, {eta} left";
    const UNKNOWN: &str = "{prefix} {spinner} {binary_bytes}, {msg}";
    let template = if total.is_some() { KNOWN } else { UNKNOWN };
    let style = indicatif::ProgressStyle::with_template(template)
        .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(total, target);
    bar.set_style(style.progress_chars("=> "));
    // A line that is wider than the terminal would be drawn over and over: no folders.
    let file_name = Path::new(name)
        .file_name()
        .map_or(name.into(), OsStr::to_string_lossy);
    bar.set_prefix(shortened(&file_name, 24));
    bar
}

/// The lines of one import; the clock is the caller's.
#[derive(Debug)]
struct Lines {
    name: String,
    total: Option<u64>,
    last_shown: Duration,
}

impl Lines {
    fn new(name: &str, total: Option<u64>) -> Self {
        Self {
            name: name.to_owned(),
            total,
            last_shown: Duration::ZERO,
        }
    }

    /// The line to print now, if it is time for one.
    fn due(&mut self, tally: Tally, elapsed: Duration) -> Option<String> {
        if elapsed.saturating_sub(self.last_shown) < BETWEEN_LINES {
            return None;
        }
        self.last_shown = elapsed;
        let mut line = format!("{}: {}", self.name, BinaryBytes(tally.bytes));
        let total = self.total.filter(|total| *total > 0);
        if let Some(total) = total {
            let percent = tally
                .bytes
                .saturating_mul(100)
                .checked_div(total)
                .unwrap_or_default();
            write!(line, " of {} ({}%)", BinaryBytes(total), percent.min(100)).ok();
        }
        write!(line, ", {}", counts(tally, elapsed)).ok();
        if let Some(total) = total.filter(|total| (1..*total).contains(&tally.bytes)) {
            let left = total.saturating_sub(tally.bytes) as f64 / tally.bytes as f64;
            let left = elapsed.as_secs_f64() * left;
            write!(
                line,
                ", about {} left",
                HumanDuration(Duration::from_secs_f64(left))
            )
            .ok();
        }
        Some(line)
    }

    fn last(&self, tally: Tally, elapsed: Duration) -> String {
        let Self { name, .. } = self;
        let seconds = elapsed.as_secs_f64();
        let bytes = BinaryBytes(tally.bytes);
        format!(
            "{name}: {bytes} in {seconds:.1} s, {}",
            counts(tally, elapsed)
        )
    }
}

/// `1,234 rows (617 rows/s), 2 rejects`.
fn counts(tally: Tally, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let done = tally.rows + tally.rejects;
    let rate = if seconds > 0.0 {
        (done as f64 / seconds) as u64
    } else {
        done
    };
    let rejects = match tally.rejects {
        1 => "1 reject".to_owned(),
        count => format!("{} rejects", HumanCount(count)),
    };
    format!(
        "{} rows ({} rows/s), {rejects}",
        HumanCount(tally.rows),
        HumanCount(rate)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn tally(mib: u64, rows: u64, rejects: u64) -> Tally {
        Tally {
            bytes: mib * MIB,
            rows,
            rejects,
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_log_gets_a_line_every_five_seconds_at_most() {
        let mut lines = Lines::new("shows.csv", Some(80 * MIB));
        let mut printed = Vec::new();
        for millis in 0..12_000 {
            let elapsed = Duration::from_millis(millis);
            printed.extend(lines.due(tally(millis / 600, millis * 10, 1), elapsed));
        }
        printed.push(lines.last(tally(80, 800_000, 2), seconds(48)));
        insta::assert_snapshot!(printed.join("\n"), @r#"
shows.csv: 8.00 MiB of 80.00 MiB (10%), 50,000 rows (10,000 rows/s), 1 reject, about 45 seconds left
shows.csv: 16.00 MiB of 80.00 MiB (20%), 100,000 rows (10,000 rows/s), 1 reject, about 40 seconds left
shows.csv: 80.00 MiB in 48.0 s, 800,000 rows (16,666 rows/s), 2 rejects
"#);
    }

    #[test]
    fn of_a_source_without_length_no_time_left_is_told() {
        let mut lines = Lines::new("shows.csv", None);
        insta::assert_snapshot!(lines.due(tally(3, 9, 0), seconds(6)).unwrap(), @"shows.csv: 3.00 MiB, 9 rows (1 rows/s), 0 rejects");
    }

    #[test]
    fn a_file_that_grew_or_is_empty_does_not_confuse_it() {
        let mut lines = Lines::new("shows.csv", Some(MIB));
        insta::assert_snapshot!(lines.due(tally(3, 9, 0), seconds(6)).unwrap(), @"shows.csv: 3.00 MiB of 1.00 MiB (100%), 9 rows (1 rows/s), 0 rejects");
        let mut lines = Lines::new("shows.csv", Some(0));
        assert!(lines.due(Tally::default(), seconds(6)).is_some());
        let mut lines = Lines::new("shows.csv", Some(MIB));
        assert!(lines.due(Tally::default(), seconds(6)).is_some());
    }

    #[test]
    fn both_bars_have_a_valid_template() {
        for total in [None, Some(100)] {
            let bar = bar("some/folder/shows.csv", total, ProgressDrawTarget::hidden());
            bar.set_position(7);
            assert_eq!((bar.prefix().as_str(), bar.position()), ("shows.csv", 7));
        }
    }

    #[test]
    fn quiet_is_quiet_on_a_terminal_too() {
        assert_eq!(ProgressStyle::detect(true), ProgressStyle::Quiet);
        let mut progress = Progress::new(ProgressStyle::Quiet, "shows.csv", None);
        progress.update(Tally::default());
        assert!(progress.bar.is_none());
        progress.finish(Tally::default());
    }
}
