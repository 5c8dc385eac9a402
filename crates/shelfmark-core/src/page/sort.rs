//! The order of a list, by keys that the program names.
//!
//! The text form, `-release_year,title`, is what a request carries. It holds names of keys, never of columns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};

/// How many keys a text may name.
const MAX_KEYS: usize = 8;

/// How much of an unknown key's name an error repeats.
const MAX_SHOWN: usize = 40;

/// What a list can be sorted by: usually an enum with one variant for each key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sort key",
    note = "a sort key is an enum of the keys a list can be sorted by; implement `SortKey` for it"
)]
pub trait SortKey: Sized {
    /// The names of all keys, in the order in which they are told to a caller.
    fn names() -> &'static [&'static str];

    /// The key of that name.
    fn from_name(name: &str) -> Option<Self>;

    /// The key's name.
    fn name(&self) -> &'static str;
}

/// Which end of the order comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The smallest first.
    #[default]
    Ascending,
    /// The largest first; a `-` before the key in the text form.
    Descending,
}

/// The order of a list: by its first key, among equals by the next, and so on.
///
/// ```
/// use shelfmark_core::{Sort, SortKey};
///
/// #[derive(Debug, PartialEq)]
/// enum ShowSort {
///     ReleaseYear,
///     Title,
/// }
///
/// impl SortKey for ShowSort {
///     fn names() -> &'static [&'static str] {
///         &["release_year", "title"]
///     }
///     fn from_name(name: &str) -> Option<Self> {
///         match name {
///             "release_year" => Some(ShowSort::ReleaseYear),
///             "title" => Some(ShowSort::Title),
///             _ => None,
///         }
///     }
///     fn name(&self) -> &'static str {
///         match self {
///             ShowSort::ReleaseYear => "release_year",
///             ShowSort::Title => "title",
///         }
///     }
/// }
///
/// # fn main() -> shelfmark_core::Result<()> {
/// let newest_first = Sort::by(ShowSort::ReleaseYear).desc().then(ShowSort::Title);
/// assert_eq!("-release_year,title".parse::<Sort<ShowSort>>()?, newest_first);
/// assert_eq!(newest_first.to_string(), "-release_year,title");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "a sort does nothing until a query is given it"]
pub struct Sort<K> {
    /// Never empty.
    keys: Vec<(K, Direction)>,
}

impl<K> Sort<K> {
    /// By `key`, the smallest first.
    pub fn by(key: K) -> Self {
        Sort {
            keys: vec![(key, Direction::Ascending)],
        }
    }

    /// Among equals by `key`, the smallest first.
    pub fn then(mut self, key: K) -> Self {
        self.keys.push((key, Direction::Ascending));
        self
    }

    /// Turns the last key round: the largest first.
    pub fn desc(mut self) -> Self {
        if let Some((_, direction)) = self.keys.last_mut() {
            *direction = Direction::Descending;
        }
        self
    }

    /// The keys in order, each with its direction; at least one.
    #[must_use]
    pub fn keys(&self) -> &[(K, Direction)] {
        &self.keys
    }
}

impl<K: SortKey> FromStr for Sort<K> {
    type Err = Error;

    /// Reads names with commas between them, `-` before each that is to be descending.
    ///
    /// `InvalidInput` when a name is unknown, given twice or missing, and when there are more than eight.
    fn from_str(text: &str) -> Result<Self> {
        let mut keys: Vec<(K, Direction)> = Vec::new();
        for part in text.split(',') {
            let (name, direction) = match part.strip_prefix('-') {
                Some(name) => (name, Direction::Descending),
                None => (part, Direction::Ascending),
            };
            let key = K::from_name(name).ok_or_else(|| unknown::<K>(name))?;
            if keys.iter().any(|(earlier, _)| earlier.name() == key.name()) {
                return Err(refused(format!("sort key `{}` is given twice", key.name())));
            }
            if keys.len() == MAX_KEYS {
                return Err(refused(format!(
                    "there are more than {MAX_KEYS} sort keys; leave some out"
                )));
            }
            keys.push((key, direction));
        }
        Ok(Sort { keys })
    }
}

fn unknown<K: SortKey>(name: &str) -> Error {
    let accepted = K::names().join("`, `");
    if name.is_empty() {
        return refused(format!("a sort key is missing; the keys are `{accepted}`"));
    }
    let shown: String = name
        .chars()
        .filter(|letter| !letter.is_control())
        .take(MAX_SHOWN)
        .collect();
    refused(format!(
        "unknown sort key `{shown}`; the keys are `{accepted}`"
    ))
}

fn refused(detail: String) -> Error {
    Error::new(ErrorKind::InvalidInput).with_detail(detail)
}

impl<K: SortKey> fmt::Display for Sort<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, direction)) in self.keys.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            if *direction == Direction::Descending {
                f.write_str("-")?;
            }
            f.write_str(key.name())?;
        }
        Ok(())
    }
}

impl<K: SortKey> Serialize for Sort<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: SortKey> Deserialize<'de> for Sort<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A key for each lower-case letter.
    #[derive(Clone, Debug, PartialEq)]
    struct Letter(usize);

    const LETTERS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

    impl SortKey for Letter {
        fn names() -> &'static [&'static str] {
            &LETTERS
        }
        fn from_name(name: &str) -> Option<Self> {
            LETTERS
                .iter()
                .position(|letter| *letter == name)
                .map(Letter)
        }
        fn name(&self) -> &'static str {
            LETTERS[self.0]
        }
    }

    fn refusal(text: &str) -> String {
        let error = text.parse::<Sort<Letter>>().expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.to_string()
    }

    #[test]
    fn a_sort_is_built_in_the_order_of_its_keys() {
        let sort = Sort::by(Letter(2)).desc().then(Letter(0));
        assert_eq!(
            sort.keys(),
            [
                (Letter(2), Direction::Descending),
                (Letter(0), Direction::Ascending)
            ]
        );
        assert_eq!(sort.to_string(), "-c,a");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        insta::assert_snapshot!(refusal("z"), @"unknown sort key `z`; the keys are `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h`, `i`, `j`");
        insta::assert_snapshot!(refusal("a,--b"), @"unknown sort key `-b`; the keys are `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h`, `i`, `j`");
        insta::assert_snapshot!(refusal("a, b"), @"unknown sort key ` b`; the keys are `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h`, `i`, `j`");
    }

    #[test]
    fn a_refused_name_is_not_repeated_at_length() {
        insta::assert_snapshot!(refusal(&format!("\u{1b}[2J\n{}", "x".repeat(100_000))), @"unknown sort key `[2Jxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`; the keys are `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h`, `i`, `j`");
    }

    #[test]
    fn a_missing_key_is_refused() {
        insta::assert_snapshot!(refusal(""), @"a sort key is missing; the keys are `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h`, `i`, `j`");
        for text in ["-", ",", "a,", ",a", "a,,b", "a,-"] {
            assert_eq!(refusal(text), refusal(""), "{text}");
        }
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        insta::assert_snapshot!(refusal("a,b,-a"), @"sort key `a` is given twice");
    }

    #[test]
    fn more_than_eight_keys_are_refused() {
        assert!("a,b,c,d,e,f,g,h".parse::<Sort<Letter>>().is_ok());
        insta::assert_snapshot!(refusal("a,b,c,d,e,f,g,h,i"), @"there are more than 8 sort keys; leave some out");
    }

    #[test]
    fn json_holds_a_sort_as_its_text() -> Result<(), Box<dyn std::error::Error>> {
        let sort: Sort<Letter> = serde_json::from_str("\"-b,a\"")?;
        assert_eq!(serde_json::to_string(&sort)?, "\"-b,a\"");
        assert!(serde_json::from_str::<Sort<Letter>>("\"-\"").is_err());
        Ok(())
    }

    proptest! {
        #[test]
        fn a_sort_read_from_its_own_text_is_the_same(
            letters in prop::sample::subsequence((0..10).collect::<Vec<_>>(), 1..=8).prop_shuffle(),
            descending in any::<[bool; 8]>(),
        ) {
            let keys = letters.into_iter().zip(descending).map(|(letter, descending)| {
                (Letter(letter), if descending { Direction::Descending } else { Direction::Ascending })
            });
            let sort = Sort { keys: keys.collect() };
            prop_assert_eq!(sort.to_string().parse::<Sort<Letter>>()?, sort);
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in any::<String>()) {
            drop(text.parse::<Sort<Letter>>());
        }
    }
}
