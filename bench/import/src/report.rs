//! Medians, and the table of them.

use std::fmt::Write as _;

use anyhow::Context as _;

use crate::contestant::Contestant;
use crate::generate::{Catalogue, LINKS};
use crate::program::Run;

/// The runs so far.
#[derive(Debug)]
pub(crate) struct Report {
    rows: u32,
    file_bytes: u64,
    runs: Vec<(Contestant, Run)>,
}

impl Report {
    pub(crate) fn new(rows: u32, file_bytes: u64) -> Self {
        Report {
            rows,
            file_bytes,
            runs: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, who: Contestant, run: Run) {
        self.runs.push((who, run));
    }

    /// The most memory that any run of the import took.
    pub(crate) fn peak_mib(&self) -> Option<f64> {
        self.runs
            .iter()
            .filter_map(|(_, run)| run.peak_kib)
            .max()
            .map(mib)
    }

    /// The table, with what was imported above it.
    pub(crate) fn table(&self, catalogue: &Catalogue) -> anyhow::Result<String> {
        let mut text = format!(
            "{} shows in a CSV file of {:.1} MiB",
            grouped(u64::from(self.rows)),
            self.file_bytes as f64 / f64::from(1 << 20)
        );
        for link in LINKS {
            let links: usize = catalogue
                .shows
                .iter()
                .map(|show| (link.of)(show).len())
                .sum();
            write!(
                text,
                "; {} {}, joined {} times",
                grouped((link.list)(catalogue).used().len() as u64),
                link.names,
                grouped(links as u64)
            )?;
        }
        let rounds = self.of(Contestant::RawCopy).count();
        match rounds {
            1 => writeln!(text, ". One round of each in turns.\n")?,
            _ => writeln!(text, ". Medians of {rounds} rounds in turns.\n")?,
        }
        writeln!(
            text,
            "| contestant | seconds | shows/s | speed beside raw | peak memory |"
        )?;
        writeln!(text, "|---|---:|---:|---:|---:|")?;
        for who in Contestant::ALL {
            let seconds = self.median(who)?;
            let raw = self.median(who.measured_by())?;
            let peak = self.of(who).filter_map(|run| run.peak_kib).max();
            let peak = peak.map_or("–".to_owned(), |kib| format!("{:.1} MiB", mib(kib)));
            writeln!(
                text,
                "| {who} | {seconds:.2} | {} | {:.2} × | {peak} |",
                grouped((f64::from(self.rows) / seconds) as u64),
                raw / seconds
            )?;
        }
        Ok(text)
    }

    fn of(&self, who: Contestant) -> impl Iterator<Item = &Run> {
        self.runs
            .iter()
            .filter(move |(whose, _)| *whose == who)
            .map(|(_, run)| run)
    }

    fn median(&self, who: Contestant) -> anyhow::Result<f64> {
        let mut seconds: Vec<f64> = self.of(who).map(|run| run.took.as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
            .get(seconds.len() / 2)
            .copied()
            .with_context(|| format!("{who} was never run"))
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// `200,000`.
fn grouped(number: u64) -> String {
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
