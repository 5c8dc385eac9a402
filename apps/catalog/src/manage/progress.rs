//! How far a backup or a restore has come, as a line now and then on standard error.

use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::HumanCount;

/// The shortest time between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(2);
/// Rows between two looks at the clock.
const BETWEEN_LOOKS: u64 = 1_000;

/// Says how far it has come.
#[derive(Debug)]
pub struct Progress {
    quiet: bool,
    said: Instant,
    looked: u64,
}

impl Progress {
    /// Says it on standard error, or nothing when `quiet`.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Progress {
            quiet,
            said: Instant::now(),
            looked: 0,
        }
    }

    /// At row `rows` of all, which is one of `table`.
    pub fn at(&mut self, table: &str, rows: u64) {
        if self.quiet || rows < self.looked + BETWEEN_LOOKS {
            return;
        }
        self.looked = rows;
        if self.said.elapsed() >= BETWEEN_LINES {
            self.said = Instant::now();
            let rows = HumanCount(rows);
            // A closed standard error is no reason to stop.
            writeln!(std::io::stderr().lock(), "{rows} rows, in {table}").ok();
        }
    }
}
