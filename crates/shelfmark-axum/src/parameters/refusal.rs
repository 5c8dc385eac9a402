//! Why parameters were refused, in words for the one who sent them.

use std::fmt;

use serde::de::{self, Expected, Unexpected};
use serde_json::{Value, json};

use super::Place;
use crate::problem::Problem;
use crate::wording::{cut, in_words, listed};

/// Why parameters were refused. Never holds a parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody asked for it.
    Unknown {
        name: String,
        accepted: Vec<&'static str>,
    },
    Missing {
        name: String,
    },
    /// `reason` continues the parameter's name. The name is not known where the value is read.
    Invalid {
        name: Option<String>,
        reason: String,
    },
    NameNotUtf8,
    TooMany {
        most: usize,
    },
    /// The program asks for a type that no parameters can be read into.
    Unreadable {
        asked: &'static str,
    },
}

impl Refusal {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Refusal::Invalid {
            name: None,
            reason: reason.into(),
        }
    }

    pub(super) fn repeated() -> Self {
        Refusal::invalid(" is given more than once; give it once")
    }

    /// Says which parameter it was, unless that is known.
    pub(crate) fn named(self, parameter: &str) -> Self {
        match self {
            Refusal::Invalid { name: None, reason } => Refusal::Invalid {
                name: Some(cut(parameter)),
                reason,
            },
            other => other,
        }
    }

    /// The parameter that is refused, where it is known.
    pub(super) fn parameter(&self) -> Option<&str> {
        match self {
            Refusal::Unknown { name, .. } | Refusal::Missing { name } => Some(name),
            Refusal::Invalid { name, .. } => name.as_deref(),
            Refusal::NameNotUtf8 | Refusal::TooMany { .. } | Refusal::Unreadable { .. } => None,
        }
    }

    /// All that was refused as one problem. Of several, the member `errors` has each with its `parameter` and `detail`,
    /// and the problem's own detail is all of theirs.
    pub(crate) fn all_into_problem(mut refusals: Vec<Refusal>, place: Place) -> Problem {
        if let Some(fault) = refusals
            .iter()
            .position(|refusal| matches!(refusal, Refusal::Unreadable { .. }))
        {
            return refusals.swap_remove(fault).into_problem(place);
        }
        let mut all: Vec<Problem> = refusals
            .into_iter()
            .map(|refusal| refusal.into_problem(place))
            .collect();
        if let [_] = all.as_slice() {
            return all.swap_remove(0);
        }
        let details: Vec<&str> = all.iter().filter_map(Problem::detail).collect();
        let errors: Vec<Value> = all
            .iter()
            .map(|problem| {
                json!({ "parameter": problem.member("parameter"), "detail": problem.detail() })
            })
            .collect();
        Problem::bad_request(details.join("; and ")).with("errors", errors)
    }

    pub(crate) fn into_problem(self, place: Place) -> Problem {
        let place = match place {
            Place::Query => "query",
            Place::Path => "path",
        };
        match self {
            Refusal::Unknown { name, accepted } => {
                let accepted = match accepted.as_slice() {
                    [] => "none is accepted here".to_owned(),
                    names => format!("the accepted ones are {}", listed(names)),
                };
                Problem::bad_request(format!("unknown {place} parameter `{name}`; {accepted}"))
                    .with("parameter", name)
            }
            Refusal::Missing { name } => {
                Problem::bad_request(format!("{place} parameter `{name}` is missing"))
                    .with("parameter", name)
            }
            Refusal::Invalid {
                name: Some(name),
                reason,
            } => Problem::bad_request(format!("{place} parameter `{name}`{reason}"))
                .with("parameter", name),
            Refusal::Invalid { name: None, reason } => {
                Problem::bad_request(format!("a {place} parameter{reason}"))
            }
            Refusal::NameNotUtf8 => {
                Problem::bad_request(format!("the name of a {place} parameter is not UTF-8"))
            }
            Refusal::TooMany { most } => {
                Problem::bad_request(format!("there are more than {most} {place} parameters"))
            }
            refusal @ Refusal::Unreadable { .. } => Problem::internal(&refusal),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unreadable { asked } => write!(
                f,
                "a handler asks for {asked}, which parameters cannot be read into; \
                 let it ask for a struct with a field for each parameter"
            ),
            _ => f.write_str("parameters were refused"),
        }
    }
}

impl std::error::Error for Refusal {}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Refusal::invalid(format!(": {}", cut(&message.to_string())))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Refusal::invalid(format!(" must be {}", in_words(&expected.to_string())))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Refusal::invalid(format!(" must be {}", in_words(&expected.to_string())))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Refusal::invalid(format!(" must be {}", in_words(&expected.to_string())))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Refusal::invalid(format!(" must be one of {}", listed(expected)))
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Refusal::Unknown {
            name: cut(name),
            accepted: expected.to_vec(),
        }
    }

    fn missing_field(name: &'static str) -> Self {
        Refusal::Missing {
            name: name.to_owned(),
        }
    }
}
