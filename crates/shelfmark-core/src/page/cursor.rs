//! The place in a list where a page ended, as a text for URLs.
//!
//! The text is base64url of: a version byte, the fingerprint of what the cursor is bound to (8 bytes), the key values
//! as a JSON array, and a CRC-32 of all that (4 bytes). Numbers are big endian. Whatever another version holds, it too
//! begins with its number and ends with the checksum.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::checksum::{crc32, fingerprint};
use crate::error::{Error, ErrorKind, Result};

const VERSION: u8 = 1;

/// The longest text of a cursor, so that it fits the URLs that proxies let through.
const MAX_CHARACTERS: usize = 4096;

const DAMAGED: &str = "the cursor is damaged; pass on `next` of the page before as it was given";
const OTHER_VERSION: &str =
    "the cursor was made by another version of this service; start again without a cursor";
const OTHER_BINDING: &str =
    "the cursor belongs to another sort or other filters; start again without a cursor";

/// The place in a list where a page ended: opaque to callers, safe in a URL.
///
/// It holds the key values of the page's last row, readable to whoever decodes the text, so a list must not be sorted
/// by what its reader may not see. `Debug` does not show them.
///
/// ```
/// use shelfmark_core::Cursor;
///
/// # fn main() -> shelfmark_core::Result<()> {
/// let cursor = Cursor::encode("shows by -release_year", &[2021.into(), "s8807".into()])?;
/// let sent_and_come_back: Cursor = cursor.to_string().parse()?;
/// assert_eq!(sent_and_come_back.decode("shows by -release_year")?, [2021.into(), serde_json::Value::from("s8807")]);
/// assert!(sent_and_come_back.decode("shows by title").is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(Box<str>);

impl Cursor {
    /// Makes the cursor of the row whose sort columns and key have the values `keys`.
    ///
    /// `binding` says what the cursor is good for: the list's name, its sort and its filters, always written the same
    /// way. [`decode`](Cursor::decode) refuses the cursor under any other binding.
    ///
    /// # Errors
    /// `Unsupported` when the values are too long for a URL.
    pub fn encode(binding: &str, keys: &[serde_json::Value]) -> Result<Cursor> {
        let keys = serde_json::to_vec(keys).map_err(|error| {
            Error::new(ErrorKind::Unsupported)
                .with_detail("the key values cannot be written into a cursor")
                .with_source(error)
        })?;
        let mut payload = Vec::with_capacity(1 + 8 + keys.len() + 4);
        payload.push(VERSION);
        payload.extend(fingerprint(binding).to_be_bytes());
        payload.extend(keys);
        payload.extend(crc32(&payload).to_be_bytes());
        let text = URL_SAFE_NO_PAD.encode(payload);
        if text.len() > MAX_CHARACTERS {
            return Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
                "the key values of this row make a cursor of {} characters, and at most {MAX_CHARACTERS} fit a URL; \
                 sort by a column with shorter values",
                text.len()
            )));
        }
        Ok(Cursor(text.into_boxed_str()))
    }

    /// The key values the cursor was made of, if it was made under the same `binding`.
    ///
    /// # Errors
    /// `InvalidCursor` when it belongs to another sort or other filters.
    pub fn decode(&self, binding: &str) -> Result<Vec<serde_json::Value>> {
        let (bound_to, keys) = open(&self.0)?;
        if bound_to == fingerprint(binding) {
            Ok(keys)
        } else {
            Err(invalid(OTHER_BINDING))
        }
    }

    /// The text that [`FromStr`] reads back.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes a cursor's text apart: the fingerprint of its binding, and its key values.
fn open(text: &str) -> Result<(u64, Vec<serde_json::Value>)> {
    if text.len() > MAX_CHARACTERS {
        return Err(invalid(DAMAGED));
    }
    // The decoder refuses padding and stray bits, so that a cursor has exactly one text.
    let payload = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid(DAMAGED))?;
    let (body, checksum) = payload.split_last_chunk().ok_or(invalid(DAMAGED))?;
    if crc32(body) != u32::from_be_bytes(*checksum) {
        return Err(invalid(DAMAGED));
    }
    if body.first() != Some(&VERSION) {
        return Err(invalid(OTHER_VERSION));
    }
    let (bound_to, keys) = body
        .get(1..)
        .and_then(<[u8]>::split_first_chunk)
        .ok_or(invalid(DAMAGED))?;
    let keys = serde_json::from_slice(keys).map_err(|_| invalid(DAMAGED))?;
    Ok((u64::from_be_bytes(*bound_to), keys))
}

fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidCursor).with_detail(detail)
}

impl FromStr for Cursor {
    type Err = Error;

    /// Reads a cursor that came from outside; a damaged one is refused here already.
    fn from_str(text: &str) -> Result<Cursor> {
        open(text)?;
        Ok(Cursor(text.into()))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} characters)", self.0.len())
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cursor, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn refusal<T: fmt::Debug>(result: Result<T>) -> String {
        let error = result.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidCursor);
        error.to_string()
    }

    #[test]
    fn a_cursor_of_an_earlier_build_is_still_read() -> Result<()> {
        let keys = [json!(2021), json!("s8807")];
        let cursor = Cursor::encode("shows by -release_year", &keys)?;
        insta::assert_snapshot!(cursor, @"AQPL0VSXUknCWzIwMjEsInM4ODA3Il3wrMH1");
        Ok(())
    }

    #[test]
    fn a_cursor_is_refused_under_another_binding() -> Result<()> {
        let cursor = Cursor::encode("shows by title", &[json!("Alien")])?;
        insta::assert_snapshot!(refusal(cursor.decode("shows by -title")), @"the cursor belongs to another sort or other filters; start again without a cursor");
        Ok(())
    }

    #[test]
    fn a_cursor_of_another_version_is_refused() {
        let mut payload = vec![VERSION + 1, b'?'];
        payload.extend(crc32(&payload).to_be_bytes());
        let text = URL_SAFE_NO_PAD.encode(payload);
        insta::assert_snapshot!(refusal(text.parse::<Cursor>()), @"the cursor was made by another version of this service; start again without a cursor");
    }

    #[test]
    fn a_text_that_is_no_cursor_is_refused() {
        insta::assert_snapshot!(refusal("hello".parse::<Cursor>()), @"the cursor is damaged; pass on `next` of the page before as it was given");
        for text in [
            "",
            "=",
            "AQ==",
            "é",
            "AQ",
            "AAAA",
            "AAAAAA",
            &"A".repeat(1 << 20),
        ] {
            refusal(text.parse::<Cursor>());
        }
    }

    #[test]
    fn key_values_too_long_for_a_url_make_no_cursor() {
        let error = Cursor::encode("", &[json!("x".repeat(5000))]).expect_err("too long");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        insta::assert_snapshot!(error, @"the key values of this row make a cursor of 6690 characters, and at most 4096 fit a URL; sort by a column with shorter values");
    }

    #[test]
    fn debug_does_not_show_the_key_values() -> Result<()> {
        let cursor = Cursor::encode("", &[json!("secret")])?;
        assert_eq!(
            format!("{cursor:?}"),
            format!("Cursor({} characters)", cursor.as_str().len())
        );
        Ok(())
    }

    #[test]
    fn json_holds_a_cursor_as_its_text() -> Result<(), Box<dyn std::error::Error>> {
        let cursor = Cursor::encode("", &[json!(1)])?;
        let text = serde_json::to_string(&cursor)?;
        assert_eq!(text, format!("\"{cursor}\""));
        assert_eq!(serde_json::from_str::<Cursor>(&text)?, cursor);
        assert!(serde_json::from_str::<Cursor>("\"damaged\"").is_err());
        Ok(())
    }

    fn key() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            // Zero has two signs and both are one value; all other floats must come back to the bit.
            any::<f64>()
                .prop_filter("JSON has no such number", |float| float.is_finite())
                .prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            binding in any::<String>(),
            keys in prop::collection::vec(key(), 0..8),
        ) {
            let cursor = Cursor::encode(&binding, &keys)?;
            prop_assert!(cursor.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            let cursor: Cursor = cursor.to_string().parse()?;
            prop_assert_eq!(cursor.decode(&binding)?, keys);
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in any::<String>()) {
            prop_assert!(text.parse::<Cursor>().is_err());
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(URL_SAFE_NO_PAD.encode(bytes).parse::<Cursor>().is_err());
        }

        #[test]
        fn whole_bytes_of_any_content_cause_no_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            bytes.insert(0, VERSION);
            bytes.extend(crc32(&bytes).to_be_bytes());
            drop(URL_SAFE_NO_PAD.encode(bytes).parse::<Cursor>());
        }

        #[test]
        fn one_changed_character_is_refused(
            keys in prop::collection::vec(key(), 1..4),
            place in any::<prop::sample::Index>(),
            letter in "[A-Za-z0-9_-]",
        ) {
            let text = Cursor::encode("binding", &keys)?.to_string();
            let place = place.index(text.len());
            prop_assume!(text[place..=place] != letter);
            let changed = format!("{}{letter}{}", &text[..place], &text[place + 1..]);
            prop_assert!(changed.parse::<Cursor>().is_err());
        }

        #[test]
        fn a_text_cut_short_is_refused(keys in prop::collection::vec(key(), 1..4), keep in any::<prop::sample::Index>()) {
            let text = Cursor::encode("binding", &keys)?.to_string();
            prop_assert!(text[..keep.index(text.len())].parse::<Cursor>().is_err());
        }
    }
}
