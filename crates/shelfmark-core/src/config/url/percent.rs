//! Percent-decoding, without mercy for what is malformed: a password read wrongly is a riddle later on.

use super::Refusal;

/// Replaces every `%41` by its byte. A `+` stays a plus.
pub(super) fn decode(text: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = hex(rest.next()).ok_or(Refusal::Percent)?;
        let low = hex(rest.next()).ok_or(Refusal::Percent)?;
        bytes.push(high * 16 + low);
    }
    if bytes.contains(&0) {
        return Err(Refusal::Nul);
    }
    String::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)
}

fn hex(byte: Option<u8>) -> Option<u8> {
    match byte? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        letter @ b'a'..=b'f' => Some(letter - b'a' + 10),
        letter @ b'A'..=b'F' => Some(letter - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_their_characters_and_all_else_stays() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("p%40ss", "p@ss"),
            ("%2Frun%2fx", "/run/x"),
            ("a+b", "a+b"),
            ("100%25", "100%"),
            ("%C3%A9é", "éé"),
        ] {
            assert_eq!(decode(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_malformed_escape_is_refused() {
        for text in ["%", "%4", "%zz", "100%", "%4 ", "%é"] {
            assert_eq!(decode(text), Err(Refusal::Percent), "{text}");
        }
        assert_eq!(decode("%FF"), Err(Refusal::NotUtf8));
        assert_eq!(decode("a%00"), Err(Refusal::Nul));
    }
}
