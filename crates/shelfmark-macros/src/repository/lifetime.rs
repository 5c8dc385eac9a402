//! How long a cached answer lives, as it is written: `30s`, `5m`.

use syn::{Error, LitStr, Result};

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// The longest: a hundred years, with which no clock runs over.
const LONGEST_MS: u64 = 36_500 * 86_400_000;

/// The number of milliseconds.
pub(super) fn milliseconds(literal: &LitStr) -> Result<u64> {
    let text = literal.value();
    let refused = |message: String| Err(Error::new(literal.span(), message));
    let digits = text.len()
        - text
            .trim_start_matches(|one: char| one.is_ascii_digit())
            .len();
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim_start());
    let (Ok(number), Some((_, factor))) = (number.parse::<u64>(), unit) else {
        return refused(format!(
            "`{text}` is no time; write a whole number and its unit: `250ms`, `30s`, `5m`, `1h` or `2d`"
        ));
    };
    if number == 0 {
        return refused(
            "nothing is kept for no time; remove the attribute, or give it some".to_owned(),
        );
    }
    match number.checked_mul(*factor).filter(|ms| *ms <= LONGEST_MS) {
        Some(milliseconds) => Ok(milliseconds),
        None => refused(format!(
            "`{text}` is longer than a hundred years; write a shorter time"
        )),
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn read(text: &str) -> Result<u64> {
        milliseconds(&LitStr::new(text, Span::call_site()))
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        let read = |text| read(text).ok();
        assert_eq!(read("250ms"), Some(250));
        assert_eq!(read("30s"), Some(30_000));
        assert_eq!(read("5m"), Some(300_000));
        assert_eq!(read("1h"), Some(3_600_000));
        assert_eq!(read("2 d"), Some(172_800_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (text, wanted) in [
            ("", "is no time"),
            ("5", "is no time"),
            ("m", "is no time"),
            ("1.5h", "is no time"),
            ("-5m", "is no time"),
            ("5min", "is no time"),
            ("0s", "for no time"),
            ("36501d", "hundred years"),
            ("18446744073709551615d", "hundred years"),
            ("99999999999999999999s", "is no time"),
        ] {
            let found = read(text).err().map(|error| error.to_string());
            let found = found.unwrap_or_default();
            assert!(found.contains(wanted), "{text}: {found}");
        }
    }
}
