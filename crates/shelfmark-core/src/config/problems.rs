//! All that is wrong with a configuration, told in one error.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, ErrorKind};

/// Collects problems, so that one start shows all of them.
#[derive(Debug, Default)]
pub(super) struct Problems {
    told: Vec<String>,
    /// Where variables stand that come from a file.
    places: BTreeMap<String, String>,
}

impl Problems {
    /// Problems that say of the variables in `places` where they stand.
    pub(super) fn of_variables(places: BTreeMap<String, String>) -> Self {
        Problems {
            told: Vec::new(),
            places,
        }
    }

    /// Notes that `subject` (a variable, a file, a field) is wrong, and what would be right.
    pub(super) fn push(
        &mut self,
        subject: impl fmt::Display,
        what: impl fmt::Display,
        example: impl fmt::Display,
    ) {
        self.push_plain(subject, format_args!("{what}; for example {example}"));
    }

    /// Notes a problem for which an example would show nothing.
    pub(super) fn push_plain(&mut self, subject: impl fmt::Display, what: impl fmt::Display) {
        let subject = subject.to_string();
        self.told.push(match self.places.get(&subject) {
            Some(place) => format!("{subject} ({place}): {what}"),
            None => format!("{subject}: {what}"),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// The error that lists them all, or `Ok` when there are none.
    pub(super) fn into_result(self) -> Result<(), Error> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.into_error())
        }
    }

    /// The error that lists them all.
    pub(super) fn into_error(self) -> Error {
        let detail = match self.told.as_slice() {
            [only] => format!("invalid configuration: {only}"),
            several => format!(
                "invalid configuration, {} problems:\n  {}",
                several.len(),
                several.join("\n  ")
            ),
        };
        Error::new(ErrorKind::InvalidConfig).with_detail(detail)
    }
}

/// Shows a value that is not meant to be secret, unless it looks as if a URL or a password strayed there.
pub(super) fn shown(value: &str) -> String {
    if value.len() > 32 || value.contains('@') || value.contains("://") {
        "its value".to_owned()
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_is_one_line() {
        let mut problems = Problems::default();
        problems.push("A", "\"x\" is not a number", "A=1");
        assert_eq!(
            problems.into_result().unwrap_err().to_string(),
            "invalid configuration: A: \"x\" is not a number; for example A=1"
        );
    }

    #[test]
    fn several_problems_are_counted_and_listed() {
        let mut problems = Problems::default();
        problems.push("A", "\"x\" is not a number", "A=1");
        problems.push_plain("B", "is unknown");
        let error = problems.into_result().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert_eq!(
            error.to_string(),
            "invalid configuration, 2 problems:\n  \
             A: \"x\" is not a number; for example A=1\n  \
             B: is unknown"
        );
    }

    #[test]
    fn a_variable_of_a_file_is_told_with_its_place() {
        let places = BTreeMap::from([("A".to_owned(), "/app/.env line 3".to_owned())]);
        let mut problems = Problems::of_variables(places);
        problems.push("A", "\"x\" is not a number", "A=1");
        problems.push_plain("B", "is unknown");
        assert_eq!(
            problems.into_result().unwrap_err().to_string(),
            "invalid configuration, 2 problems:\n  \
             A (/app/.env line 3): \"x\" is not a number; for example A=1\n  \
             B: is unknown"
        );
    }

    #[test]
    fn no_problem_is_no_error() {
        assert!(Problems::default().into_result().is_ok());
    }

    #[test]
    fn a_value_that_may_be_a_password_is_not_shown() {
        assert_eq!(shown("ten"), "\"ten\"");
        assert_eq!(shown("a\nb"), "\"a\\nb\"");
        assert_eq!(shown("postgres://h"), "its value");
        assert_eq!(shown("user:pw@h"), "its value");
        assert_eq!(shown(&"x".repeat(33)), "its value");
    }
}
