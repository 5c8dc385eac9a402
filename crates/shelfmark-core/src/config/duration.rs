//! Durations as people write them: `500ms`, `1.5s`, `2m`, `1h`, and a plain number for seconds.

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotADuration {
    /// It is not a number with one of the units.
    Malformed,
    /// It is less than nothing.
    Negative,
    /// No clock counts so far.
    TooLong,
}

/// Reads a duration. Integer arithmetic throughout, so `0.1s` is 100 ms exactly.
pub(super) fn parse(text: &str) -> Result<Duration, NotADuration> {
    let text = text.trim();
    match text.strip_prefix('-') {
        None => magnitude(text),
        Some(positive) => match magnitude(positive) {
            Err(NotADuration::Malformed) => Err(NotADuration::Malformed),
            _ => Err(NotADuration::Negative),
        },
    }
}

fn magnitude(text: &str) -> Result<Duration, NotADuration> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit_ns: u128 = match unit.trim_start() {
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 60 * 60 * 1_000_000_000,
        _ => return Err(NotADuration::Malformed),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let mut total_ns = u128::from(digits(whole)?) * unit_ns;
    if let Some(fraction) = fraction {
        // More digits than nanoseconds have say nothing, and would overflow below.
        let places = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
        if places > 9 {
            return Err(NotADuration::Malformed);
        }
        total_ns += u128::from(digits(fraction)?) * unit_ns / 10_u128.pow(places);
    }
    let seconds = u64::try_from(total_ns / 1_000_000_000).map_err(|_| NotADuration::TooLong)?;
    let rest_ns = u32::try_from(total_ns % 1_000_000_000).map_err(|_| NotADuration::TooLong)?;
    Ok(Duration::new(seconds, rest_ns))
}

fn digits(text: &str) -> Result<u64, NotADuration> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotADuration::Malformed);
    }
    // Digits alone fail to parse for one reason only.
    text.parse().map_err(|_| NotADuration::TooLong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read_and_a_plain_number_is_seconds() {
        for (text, expected_ms) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("5", 5_000),
            (" 5 s ", 5_000),
            ("1.5s", 1_500),
            ("0.1", 100),
            ("2m", 120_000),
            ("0.5h", 1_800_000),
            ("1h", 3_600_000),
            ("0", 0),
            ("007s", 7_000),
        ] {
            assert_eq!(
                parse(text),
                Ok(Duration::from_millis(expected_ms)),
                "{text}"
            );
        }
        assert_eq!(parse("0.000000001s"), Ok(Duration::from_nanos(1)));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_reason() {
        for text in [
            "",
            "s",
            "five",
            "5 seconds",
            "5d",
            "5S",
            "1.2.3",
            ".5s",
            "5.s",
            "5s5",
            "1e3",
            "٣s",
            "0.0000000001s",
            "--5s",
            "-",
        ] {
            assert_eq!(parse(text), Err(NotADuration::Malformed), "{text}");
        }
        assert_eq!(parse("-5s"), Err(NotADuration::Negative));
        assert_eq!(parse("99999999999999999999s"), Err(NotADuration::TooLong));
        assert_eq!(parse("18446744073709551615h"), Err(NotADuration::TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[-0-9.msh ]{0,24}|\\PC{0,12}") {
            let _ = parse(&text);
        }

        #[test]
        fn whole_milliseconds_survive(ms in 0_u64..=u64::from(u32::MAX)) {
            prop_assert_eq!(parse(&format!("{ms}ms")), Ok(Duration::from_millis(ms)));
            prop_assert_eq!(
                parse(&format!("{}.{:03}", ms / 1000, ms % 1000)),
                Ok(Duration::from_millis(ms))
            );
        }
    }
}
