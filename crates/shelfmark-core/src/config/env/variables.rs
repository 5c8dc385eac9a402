//! Variables for the parts of the library that are not databases, read by the same rules: the process wins over the
//! nearest `.env` file, and all that is wrong is told at once.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::duration;
use super::super::problems::{Problems, shown};
use super::dotenv;
use super::source::Source;
use crate::error::Result;

/// The variables of one start, and what was found wrong with them.
#[derive(Default)]
pub struct Variables {
    source: Source,
    problems: Problems,
}

impl Variables {
    /// The variables of the process and of the nearest `.env` file.
    ///
    /// # Errors
    /// `InvalidConfig` when the file cannot be read.
    pub fn from_env() -> Result<Self> {
        let mut variables = Variables {
            source: Source::process(),
            problems: Problems::default(),
        };
        dotenv::add_nearest(&mut variables.source, &mut variables.problems);
        variables.problems.into_result()?;
        Ok(Variables {
            problems: variables.source.problems(),
            source: variables.source,
        })
    }

    /// The pairs alone, for tests and for other sources of configuration.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Variables {
            source: Source::from_pairs(pairs),
            problems: Problems::default(),
        }
    }

    /// The value without the white space around it; an empty one counts as unset.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.source.trimmed(name, &mut self.problems)?;
        Some(value.to_owned())
    }

    /// A duration such as `250ms`, `1.5s` or `2m` within `bounds`.
    pub fn duration(
        &mut self,
        name: &str,
        example: &str,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let value = self.text(name)?;
        match duration::parse(&value) {
            Ok(duration) if bounds.contains(&duration) => return Some(duration),
            Ok(_) => self.refuse(
                name,
                format_args!(
                    "{} is not between {:?} and {:?}",
                    shown(&value),
                    bounds.start(),
                    bounds.end()
                ),
                format_args!("{name}={example}"),
            ),
            Err(_) => self.refuse(
                name,
                format_args!(
                    "{} is not a duration in ms, s, m or h (a plain number is seconds)",
                    shown(&value)
                ),
                format_args!("{name}={example}"),
            ),
        }
        None
    }

    /// `true` or `on`, `false` or `off`, and their like.
    pub fn switch(&mut self, name: &str) -> Option<bool> {
        let value = self.text(name)?;
        match value.to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => return Some(true),
            "false" | "off" | "no" | "0" => return Some(false),
            _ => self.refuse(
                name,
                format_args!("{} is neither true nor false", shown(&value)),
                format_args!("{name}=true"),
            ),
        }
        None
    }

    /// A whole number within `bounds`.
    pub fn count(
        &mut self,
        name: &str,
        example: &str,
        bounds: RangeInclusive<usize>,
    ) -> Option<usize> {
        let value = self.text(name)?;
        match value.parse::<usize>() {
            Ok(count) if bounds.contains(&count) => return Some(count),
            _ => self.refuse(
                name,
                format_args!(
                    "{} is not a whole number between {} and {}",
                    shown(&value),
                    bounds.start(),
                    bounds.end()
                ),
                format_args!("{name}={example}"),
            ),
        }
        None
    }

    /// Notes that the variable `name` is wrong. `what` must not show a password.
    pub fn refuse(&mut self, name: &str, what: impl fmt::Display, example: impl fmt::Display) {
        self.problems.push(name, what, example);
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `InvalidConfig` with all that was wrong.
    pub fn finish(self) -> Result<()> {
        self.problems.into_result()
    }
}

impl fmt::Debug for Variables {
    /// The names alone: among the values are passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_SECOND: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(1);

    #[test]
    fn all_wrong_variables_are_told_at_once_and_right_ones_are_read() {
        let pairs = [
            ("A", "20ms"),
            ("B", "2s"),
            ("C", "x"),
            ("D", "0"),
            ("E", ""),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut variables = Variables::from_pairs(pairs);
        let twenty = Some(Duration::from_millis(20));
        assert_eq!(variables.duration("A", "10ms", A_SECOND), twenty);
        assert_eq!(variables.duration("B", "10ms", A_SECOND), None);
        assert_eq!(variables.duration("C", "10ms", A_SECOND), None);
        assert_eq!(variables.count("D", "1", 1..=9), None);
        assert_eq!(variables.text("E"), None);
        let told = variables.finish().unwrap_err().to_string();
        for part in [
            "3 problems",
            "B: \"2s\" is not between 1ms and 1s; for example B=10ms",
            "C: \"x\" is not a duration",
            "D: \"0\" is not a whole number between 1 and 9; for example D=1",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}
