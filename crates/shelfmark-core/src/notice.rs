//! What a listener is told, and the rules for what is sent to it.

use crate::error::{Error, ErrorKind, Result};

/// The most bytes that the name of a channel may have; PostgreSQL cuts longer identifiers off.
const MAX_NAME_BYTES: usize = 63;
/// The most bytes that a payload may have.
const MAX_PAYLOAD_BYTES: usize = 7_999;

/// What a [listener](crate::Engine::listen) is told.
///
/// After [`Missed`](Notice::Missed) and [`Resumed`](Notice::Resumed) messages are lost for good, so whoever keeps
/// something in step with the database reads it from the tables again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A message that was sent with `NOTIFY`.
    Message {
        /// The channel it was sent on.
        channel: String,
        /// Its text; empty where none was given.
        payload: String,
    },
    /// Messages came faster than they were taken, and this many of them were thrown away.
    Missed {
        /// How many.
        messages: u64,
    },
    /// The connection was lost; what is sent from now on until [`Resumed`](Notice::Resumed) is missed.
    Interrupted,
    /// The connection is there again, and messages that were sent in between are lost: look at the tables.
    Resumed,
}

impl Notice {
    /// Checks the name of a channel: 1 to 63 bytes without NUL. Any other character is part of the name, and upper
    /// and lower case differ.
    ///
    /// # Errors
    /// `InvalidInput` that names the rule.
    pub fn check_channel(name: &str) -> Result<()> {
        let broken = if name.is_empty() {
            "is empty".to_owned()
        } else if name.len() > MAX_NAME_BYTES {
            format!("has {} bytes", name.len())
        } else if name.contains('\0') {
            "contains NUL".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::InvalidInput).with_detail(format!(
            "the name of a channel {broken}; it takes 1 to {MAX_NAME_BYTES} bytes without NUL"
        )))
    }

    /// Checks the names of the channels to listen on: at least one, each as
    /// [`check_channel`](Notice::check_channel) asks.
    ///
    /// # Errors
    /// `InvalidInput` that names the rule.
    pub fn check_channels(names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput)
                .with_detail("no channel is given to listen on; name at least one"));
        }
        names
            .iter()
            .try_for_each(|name| Notice::check_channel(name))
    }

    /// Checks a payload: at most 7,999 bytes without NUL.
    ///
    /// # Errors
    /// `InvalidInput` that names the rule, never the payload.
    pub fn check_payload(payload: &str) -> Result<()> {
        let broken = if payload.len() > MAX_PAYLOAD_BYTES {
            format!("has {} bytes", payload.len())
        } else if payload.contains('\0') {
            "contains NUL".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::InvalidInput).with_detail(format!(
            "the payload of a message {broken}; it takes at most {MAX_PAYLOAD_BYTES} bytes without NUL, \
             so send the key of a row instead of the row"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(answer: Result<()>) -> Option<String> {
        let error = answer.err()?;
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Some(error.to_string())
    }

    #[test]
    fn names_of_channels_have_1_to_63_bytes_without_nul() {
        for name in ["a", "Shows", "two words", "a\"b", "é", &"n".repeat(63)] {
            assert_eq!(refusal(Notice::check_channel(name)), None, "{name}");
        }
        for (name, said) in [
            ("", "is empty"),
            (&*"n".repeat(64), "has 64 bytes"),
            // 32 letters of two bytes each.
            (&*"é".repeat(32), "has 64 bytes"),
            ("a\0b", "contains NUL"),
        ] {
            assert_eq!(
                refusal(Notice::check_channel(name)),
                Some(format!(
                    "the name of a channel {said}; it takes 1 to 63 bytes without NUL"
                ))
            );
        }
    }

    #[test]
    fn listening_takes_at_least_one_channel_and_no_bad_one() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        assert_eq!(refusal(Notice::check_channels(&names(&["a", "b"]))), None);
        assert_eq!(
            refusal(Notice::check_channels(&[])).as_deref(),
            Some("no channel is given to listen on; name at least one")
        );
        assert!(refusal(Notice::check_channels(&names(&["a", ""]))).is_some());
    }

    #[test]
    fn payloads_have_at_most_7999_bytes_and_are_never_shown() {
        assert_eq!(refusal(Notice::check_payload("")), None);
        assert_eq!(refusal(Notice::check_payload(&"p".repeat(7_999))), None);
        for (payload, said) in [
            ("s3cret".repeat(2_000), "has 12000 bytes"),
            ("s3cret\0".to_owned(), "contains NUL"),
        ] {
            let text = refusal(Notice::check_payload(&payload)).unwrap_or_default();
            assert!(text.contains(said), "{text}");
            assert!(text.contains("at most 7999 bytes"), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}
