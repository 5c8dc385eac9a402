//! Named texts of a request (its query string, or the variables of its path) read into a type.
//!
//! Reading is strict. A query parameter that nobody asked for, one given twice that is not a list, and one that is not
//! UTF-8 are refused, each by its name; an empty value is a value. Types come from serde, but the errors are ours: they
//! name the parameter and what it must be, and do not repeat its value.

mod refusal;
mod target;
mod value;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

pub(crate) use refusal::Refusal;
use target::Target;

use crate::wording::cut;

/// More parameters than any list has; finding one among them is a walk through all.
const MAX_PARAMETERS: usize = 100;

/// How many refused parameters are told of at once.
const MAX_TOLD: usize = 10;

/// Where parameters stand, as told to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Query,
    Path,
}

/// The parameters of a request by name, in the order of their first appearance.
#[derive(Clone, Debug)]
pub(crate) struct Parameters<'r> {
    place: Place,
    given: Vec<Parameter<'r>>,
    /// Names that were read already with [`take`](Parameters::take): accepted, though the type does not know them.
    taken: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Parameter<'r> {
    name: Cow<'r, str>,
    /// At least one.
    values: Vec<Cow<'r, str>>,
}

impl<'r> Parameters<'r> {
    /// Takes a query string apart.
    pub(crate) fn of_query(query: &'r str) -> Result<Self, Refusal> {
        let mut given: Vec<Parameter<'r>> = Vec::new();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        for (count, pair) in pairs.enumerate() {
            if count == MAX_PARAMETERS {
                return Err(Refusal::TooMany {
                    most: MAX_PARAMETERS,
                });
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or(Refusal::NameNotUtf8)?;
            let Some(value) = decode(value) else {
                return Err(Refusal::invalid(" is not UTF-8").named(&name));
            };
            match given.iter_mut().find(|earlier| earlier.name == name) {
                Some(earlier) => earlier.values.push(value),
                None => given.push(Parameter {
                    name,
                    values: vec![value],
                }),
            }
        }
        Ok(Parameters {
            place: Place::Query,
            given,
            taken: Vec::new(),
        })
    }

    /// The variables of a route, decoded already.
    pub(crate) fn of_path(variables: impl Iterator<Item = (&'r str, &'r str)>) -> Self {
        let given = variables.map(|(name, value)| Parameter {
            name: Cow::Borrowed(name),
            values: vec![Cow::Borrowed(value)],
        });
        Parameters {
            place: Place::Path,
            given: given.collect(),
            taken: Vec::new(),
        }
    }

    /// Takes the parameter `name` out, if it is there, and counts its name among the accepted ones.
    pub(crate) fn take(&mut self, name: &'static str) -> Result<Option<Cow<'r, str>>, Refusal> {
        self.taken.push(name);
        let Some(place) = self.given.iter().position(|given| given.name == name) else {
            return Ok(None);
        };
        let mut values = self.given.remove(place).values;
        match (values.pop(), values.is_empty()) {
            (value, true) => Ok(value),
            _ => Err(Refusal::repeated().named(name)),
        }
    }

    /// Reads what is left into a type, and goes on behind what is refused, so that all of it is told at once.
    pub(crate) fn read_all<T: DeserializeOwned>(
        mut self,
        refusals: &mut Vec<Refusal>,
    ) -> Option<T> {
        let mut refused: Vec<String> = Vec::new();
        loop {
            let refusal = match self.clone().read() {
                Ok(value) => return refused.is_empty().then_some(value),
                Err(refusal) => refusal,
            };
            let Some(name) = refusal.parameter().map(str::to_owned) else {
                refusals.push(refusal);
                return None;
            };
            if refused.contains(&name) {
                // It is missed only because it was taken out.
                return None;
            }
            refusals.push(refusal);
            let before = self.given.len();
            self.given.retain(|given| cut(&given.name) != name);
            if self.given.len() == before || refusals.len() >= MAX_TOLD {
                return None;
            }
            refused.push(name);
        }
    }

    /// Reads what is left into a type.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, Refusal> {
        T::deserialize(Target(self))
    }
}

/// A part of a query string as it was before it was encoded; nothing when it is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
        Some(Cow::Owned(decoded.into_owned()))
    } else {
        percent_decode_str(text).decode_utf8().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only read into")]
    struct Search {
        year: Option<i32>,
        title: Option<String>,
        #[serde(default)]
        genre: Vec<String>,
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused_without_a_panic(query in "[a-z&=%+\\PC]{0,80}") {
            let mut refusals = Vec::new();
            let read = match Parameters::of_query(&query) {
                Ok(parameters) => parameters.read_all::<Search>(&mut refusals),
                Err(refusal) => {
                    refusals.push(refusal);
                    None
                }
            };
            prop_assert_eq!(read.is_some(), refusals.is_empty());
            prop_assert!(refusals.len() <= MAX_TOLD);
            if read.is_none() {
                prop_assert_eq!(Refusal::all_into_problem(refusals, Place::Query).status(), 400);
            }
        }

        #[test]
        fn encoded_parameters_are_read_as_they_were(
            pairs in prop::collection::btree_map(any::<String>(), any::<String>(), 0..20),
        ) {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let parts: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
                .collect();
            let query = parts.join("&");
            let read = Parameters::of_query(&query).and_then(Parameters::read::<BTreeMap<String, String>>);
            prop_assert_eq!(read, Ok(pairs));
        }
    }
}
