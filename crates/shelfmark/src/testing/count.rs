//! How many statements were expected, and what is said when it were others.

use std::fmt;
use std::fmt::Write as _;
use std::ops::{RangeInclusive, RangeToInclusive};

use shelfmark_core::Access;

use super::recording::Recorded;

/// So many statements of a list are shown.
const SHOWN: usize = 50;
/// So often one method reads before its number stands out.
const OFTEN: usize = 3;

/// A number of statements to be expected: `2`, `..=2` or `1..=3`.
pub trait StatementCount {
    /// Whether `count` is what was expected.
    fn allows(&self, count: usize) -> bool;
    /// `2`, `at most 2`, `1 to 3`.
    fn words(&self) -> String;
}

impl StatementCount for usize {
    fn allows(&self, count: usize) -> bool {
        count == *self
    }
    fn words(&self) -> String {
        self.to_string()
    }
}

impl StatementCount for RangeToInclusive<usize> {
    fn allows(&self, count: usize) -> bool {
        self.contains(&count)
    }
    fn words(&self) -> String {
        format!("at most {}", self.end)
    }
}

impl StatementCount for RangeInclusive<usize> {
    fn allows(&self, count: usize) -> bool {
        self.contains(&count)
    }
    fn words(&self) -> String {
        format!("{} to {}", self.start(), self.end())
    }
}

/// What is wrong with the number of `statements`, and which they are; `None` when it is as expected.
pub(super) fn misfit(expected: &dyn StatementCount, statements: &[Recorded]) -> Option<String> {
    if expected.allows(statements.len()) {
        return None;
    }
    let mut message = format!(
        "expected {} statements, but {} ran",
        expected.words(),
        statements.len()
    );
    // Writing to a String cannot fail.
    let _ = list(&mut message, statements);
    Some(message)
}

fn list(message: &mut String, statements: &[Recorded]) -> fmt::Result {
    for (nth, statement) in statements.iter().take(SHOWN).enumerate() {
        write!(message, "\n  {}. {statement}", nth + 1)?;
    }
    if let Some(more @ 1..) = statements.len().checked_sub(SHOWN) {
        write!(message, "\n  and {more} more")?;
    }
    if let Some((method, times)) = most_read(statements).filter(|(_, times)| *times >= OFTEN) {
        write!(
            message,
            "\n`{method}` ran {times} times: read all rows at once, with a list parameter (`IN (:ids)`) or a View"
        )?;
    }
    Ok(())
}

/// The method that read most often, the first of them.
fn most_read(statements: &[Recorded]) -> Option<(&'static str, usize)> {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for statement in statements {
        if statement.access != Access::Read {
            continue;
        }
        match counts
            .iter_mut()
            .find(|(method, _)| *method == statement.method)
        {
            Some((_, times)) => *times += 1,
            None => counts.push((statement.method, 1)),
        }
    }
    let most = counts.iter().map(|(_, times)| *times).max()?;
    counts.into_iter().find(|(_, times)| *times == most)
}
