//! The collation `DECIMAL`: numbers written as text compare by value, whatever their length.
//!
//! `9` sorts before `10`, and `1.0` equals `1.00`, as PostgreSQL's `numeric` has it. Text that is no number sorts
//! after all numbers, by its characters; mixing the two rules pair by pair would not be an order.

use std::cmp::Ordering;

/// Compares two texts under the collation.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    match (Number::parse(left), Number::parse(right)) {
        (Some(left), Some(right)) => left.compare(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// A decimal number as its digits, without those that do not count.
struct Number<'t> {
    negative: bool,
    /// The digits before the point, without leading zeros.
    whole: &'t str,
    /// The digits after the point, without trailing zeros.
    fraction: &'t str,
}

impl<'t> Number<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction)
        {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        Some(Number {
            // There is one zero, whatever its sign.
            negative: negative && !(whole.is_empty() && fraction.is_empty()),
            whole,
            fraction,
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_size(other),
            (true, true) => other.compare_size(self),
        }
    }

    fn compare_size(&self, other: &Self) -> Ordering {
        self.whole
            .len()
            .cmp(&other.whole.len())
            .then_with(|| self.whole.cmp(other.whole))
            // Of two fractions the shorter is padded with zeros, which is how text compares.
            .then_with(|| self.fraction.cmp(other.fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value() {
        let ascending = [
            "-100000000000000000000000000000000000",
            "-10.5",
            "-10",
            "-9.99",
            "-0.001",
            "0",
            "0.1",
            "0.10001",
            "0.2",
            "9",
            "10",
            "10.09",
            "10.1",
            "99999999999999999999999999999999999.9",
            "",
            "-",
            "1e5",
            "1x",
            "abc",
        ];
        for (at, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), at.cmp(&other), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn digits_that_do_not_count_are_ignored() {
        for (left, right) in [
            ("1", "1.00"),
            ("01", "1"),
            ("-0", "0"),
            ("+1.5", "1.50"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-0.0", "+0"),
        ] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
        }
    }
}
