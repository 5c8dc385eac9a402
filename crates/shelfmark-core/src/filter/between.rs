//! A lower and an upper bound, both included.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, ErrorKind, Result};

/// The values from the first to the second, both included. Text `2000..2010`, as a request carries it, becomes one, and
/// so does an array of two in JSON.
///
/// A first value above the second finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Between<T>(pub T, pub T);

/// What `#[filter(between)]` takes: [`Between`], a pair, or `a..=b`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no two bounds",
    note = "#[filter(between)] stands on an Option of `Between<T>`, `(T, T)` or `RangeInclusive<T>`"
)]
pub trait Bounds {
    /// The type of both bounds.
    type Bound;

    /// The smallest and the largest value, both included.
    fn bounds(&self) -> (&Self::Bound, &Self::Bound);
}

impl<T> Bounds for Between<T> {
    type Bound = T;
    fn bounds(&self) -> (&T, &T) {
        (&self.0, &self.1)
    }
}

impl<T> Bounds for (T, T) {
    type Bound = T;
    fn bounds(&self) -> (&T, &T) {
        (&self.0, &self.1)
    }
}

impl<T> Bounds for RangeInclusive<T> {
    type Bound = T;
    fn bounds(&self) -> (&T, &T) {
        (self.start(), self.end())
    }
}

impl<T: FromStr> FromStr for Between<T> {
    type Err = Error;

    /// Reads `from..to`; `InvalidInput` without the two dots or when a bound cannot be read.
    fn from_str(text: &str) -> Result<Self> {
        let refused = |what: &str| {
            Error::new(ErrorKind::InvalidInput)
                .with_detail(format!("{what}; write two bounds as `from..to`"))
        };
        let (from, to) = text
            .split_once("..")
            .ok_or_else(|| refused("the two dots are missing"))?;
        let bound = |text: &str, what| text.parse().map_err(|_| refused(what));
        Ok(Between(
            bound(from, "the lower bound cannot be read")?,
            bound(to, "the upper bound cannot be read")?,
        ))
    }
}

impl<T: fmt::Display> fmt::Display for Between<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0, self.1)
    }
}

impl<'de, T: Deserialize<'de> + FromStr> Deserialize<'de> for Between<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Two<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de> + FromStr> Visitor<'de> for Two<T> {
            type Value = Between<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two bounds, `from..to` or [from, to]")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Between<T>, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Between<T>, A::Error> {
                let mut next = |nth| {
                    list.next_element()?
                        .ok_or_else(|| de::Error::invalid_length(nth, &"two bounds"))
                };
                let two = Between(next(0)?, next(1)?);
                match list.next_element::<de::IgnoredAny>()? {
                    None => Ok(two),
                    Some(_) => Err(de::Error::invalid_length(3, &"two bounds")),
                }
            }
        }
        deserializer.deserialize_any(Two(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bounds_are_read_from_text_and_from_arrays() -> Result<(), Box<dyn std::error::Error>> {
        assert_eq!("2000..2010".parse::<Between<i32>>()?, Between(2000, 2010));
        assert_eq!("-2..-1".parse::<Between<i32>>()?.to_string(), "-2..-1");
        assert_eq!(
            serde_json::from_str::<Between<i32>>("[1, 2]")?,
            Between(1, 2)
        );
        assert_eq!(
            serde_json::from_str::<Between<i32>>("\"1..2\"")?,
            Between(1, 2)
        );
        Ok(())
    }

    #[test]
    fn what_is_not_two_bounds_is_refused_with_the_form() {
        for text in ["", "5", "1...x", "..", "a..b"] {
            let error = text.parse::<Between<i32>>().unwrap_err();
            assert!(
                error
                    .to_string()
                    .ends_with("write two bounds as `from..to`")
            );
        }
        for json in ["[1]", "[1, 2, 3]", "3", "null"] {
            assert!(serde_json::from_str::<Between<i32>>(json).is_err());
        }
    }
}
