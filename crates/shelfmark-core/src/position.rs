//! How far the log of a database has come, and from where a read may be answered.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// How far the database had come when it was asked: a read that is told of it sees all writes answered before.
///
/// It is made for a cookie or a header: its text is short, has letters, digits and `-` only, and says nothing but a
/// number. On SQLite and in memory it is empty, since every read there sees all that was answered; so is
/// [`Position::default`], which asks for nothing.
///
/// ```
/// use shelfmark_core::Position;
///
/// let position: Position = "1-16b3748".parse()?;
/// assert_eq!(position.to_string(), "1-16b3748");
/// assert!(!position.is_empty());
/// assert!("0".parse::<Position>()?.is_empty());
/// # Ok::<(), shelfmark_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    /// Of the server's log; a new one begins when a replica becomes the primary.
    timeline: u32,
    /// The bytes of the log that were written.
    log: u64,
}

impl Position {
    /// The byte `log` of `timeline`, which counts from 1.
    #[doc(hidden)]
    #[must_use]
    pub fn new(timeline: u32, log: u64) -> Self {
        Position { timeline, log }
    }

    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Position::default()
    }

    /// Whether who has come to this position has come past `other`. Positions of different timelines say nothing of each
    /// other.
    #[must_use]
    pub fn covers(&self, other: &Position) -> bool {
        other.is_empty() || (self.timeline == other.timeline && self.log >= other.log)
    }

    /// Which log it is of.
    #[doc(hidden)]
    #[must_use]
    pub fn timeline(&self) -> u32 {
        self.timeline
    }

    /// How much of the log.
    #[doc(hidden)]
    #[must_use]
    pub fn log(&self) -> u64 {
        self.log
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("0");
        }
        write!(f, "{:x}-{:x}", self.timeline, self.log)
    }
}

impl FromStr for Position {
    type Err = Error;

    /// # Errors
    /// `InvalidInput` for a text that no position has. It comes from outside, so it is not shown.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "0" {
            return Ok(Position::default());
        }
        let position = text.split_once('-').and_then(|(timeline, log)| {
            Some(Position {
                timeline: u32::try_from(hexadecimal(timeline, 8)?).ok()?,
                log: hexadecimal(log, 16)?,
            })
        });
        // The one text of a position: what is read is what would be written.
        position
            .filter(|position| position.timeline > 0 && position.to_string() == text)
            .ok_or_else(|| {
                Error::new(ErrorKind::InvalidInput).with_detail(
                    "the text is no position of a database; one looks like `1-16b3748`, as `db.position()` gave it, \
                     or is `0`",
                )
            })
    }
}

/// A number of at most `most` hexadecimal digits.
fn hexadecimal(text: &str, most: usize) -> Option<u64> {
    let is_plain = text.len() <= most && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_plain.then(|| u64::from_str_radix(text, 16).ok())?
}

/// From where a single read outside of transactions may be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadFrom {
    /// From any replica that is well, else from the primary.
    #[default]
    Anywhere,
    /// From a replica that has come so far, else from the primary.
    After(Position),
    /// From the primary alone.
    Primary,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_from_its_text() {
        for position in [
            Position::default(),
            Position::new(1, 0),
            Position::new(1, 0x16b_3748),
            Position::new(u32::MAX, u64::MAX),
        ] {
            let text = position.to_string();
            assert_eq!(text.parse::<Position>().unwrap(), position, "{text}");
            let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            assert!(text.bytes().all(is_safe), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_position_is_refused_and_not_shown() {
        for text in [
            "",
            "1",
            "-",
            "0-0",
            "0-5",
            "1-",
            "-5",
            "1-5-5",
            "01-5",
            "1-05",
            "1-5 ",
            "1-G",
            "1-+5",
            "1-A",
            "100000000-5",
            "1-10000000000000000",
            "secret",
        ] {
            let refused = text.parse::<Position>().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{text}");
            assert_eq!(
                refused.to_string(),
                "the text is no position of a database; one looks like `1-16b3748`, as `db.position()` gave it, or is \
                 `0`"
            );
        }
    }

    #[test]
    fn a_position_covers_earlier_ones_of_its_own_log() {
        let (early, late) = (Position::new(1, 10), Position::new(1, 11));
        assert!(late.covers(&early) && late.covers(&late));
        assert!(!early.covers(&late));
        assert!(!Position::new(2, 20).covers(&early));
        assert!(Position::default().covers(&Position::default()));
        assert!(late.covers(&Position::default()) && !Position::default().covers(&early));
    }
}
