//! Dates as people and spreadsheets write them.
//!
//! | written | read as |
//! |---|---|
//! | `September 25, 2021`, `sep 25 2021`, `25 September 2021`, `25-Sep-21` | by the month's name |
//! | `2021-09-25`, `2021/9/25` | year first, when it has four digits |
//! | `25.09.2021` | day first: nobody writes the month first with dots |
//! | `9/25/2021`, `25-09-2021` | by the number that can be no month |
//! | `9/5/2021` | as the other dates of the file ([`DateOrder`]); refused when they do not tell |
//!
//! A time of day behind the date is ignored, and so is its zone: the date stands as it is written.
//! A year of two digits is of this century up to 68 and of the last from 69, as POSIX has it.

use jiff::civil::Date;

/// The years a date may lie in: earlier or later ones are typing errors.
const YEARS: std::ops::RangeInclusive<i16> = 1888..=2100;

/// Whether `9/5/2021` is in September or in May.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateOrder {
    /// The file does not tell; such a date is refused rather than guessed.
    #[default]
    Unknown,
    /// `9/25/2021` occurs and `25/9/2021` does not.
    MonthFirst,
    /// `25/9/2021` occurs and `9/25/2021` does not.
    DayFirst,
}

impl DateOrder {
    /// Tells the order from the dates of a file.
    pub fn sniff<'d>(dates: impl IntoIterator<Item = &'d str>) -> Self {
        let (mut month_first, mut day_first) = (false, false);
        for date in dates {
            let Some(Parts::Numbers { first, second, .. }) = Parts::of(date) else {
                continue;
            };
            month_first |= first <= 12 && second > 12;
            day_first |= first > 12 && second <= 12;
        }
        match (month_first, day_first) {
            (true, false) => Self::MonthFirst,
            (false, true) => Self::DayFirst,
            _ => Self::Unknown,
        }
    }
}

/// Reads a date.
///
/// # Errors
///
/// What is wrong with it, as the end of the sentence "`text` …".
///
/// # Examples
///
/// ```
/// use catalog::import::{DateOrder, parse_date};
/// use jiff::civil::date;
///
/// let order = DateOrder::Unknown;
/// assert_eq!(parse_date("September 25, 2021", order), Ok(date(2021, 9, 25)));
/// assert_eq!(parse_date("25-Sep-21", order), Ok(date(2021, 9, 25)));
/// assert!(parse_date("9/5/2021", order).is_err());
/// assert_eq!(parse_date("9/5/2021", DateOrder::MonthFirst), Ok(date(2021, 9, 5)));
/// ```
pub fn parse_date(text: &str, order: DateOrder) -> Result<Date, &'static str> {
    const UNKNOWN: &str = "is not a date; write it as 2021-09-25 or September 25, 2021";
    let (year, month, day) = match Parts::of(text).ok_or(UNKNOWN)? {
        Parts::Clear { year, month, day } => (year, month, day),
        Parts::Numbers {
            first,
            second,
            year,
        } => match (first > 12, second > 12, order) {
            (true, _, _) => (year, second, first),
            (false, true, _) => (year, first, second),
            (false, false, DateOrder::MonthFirst) => (year, first, second),
            (false, false, DateOrder::DayFirst) => (year, second, first),
            (false, false, DateOrder::Unknown) if first == second => (year, first, second),
            (false, false, DateOrder::Unknown) => {
                return Err(
                    "may have the month or the day first, and no other date near the start \
                            of the file tells which; write it as 2021-09-25",
                );
            }
        },
    };
    let date = |year: u16, month: u16, day: u16| {
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Date::new(i16::try_from(year).ok()?, month, day).ok()
    };
    let date = date(year, month, day).ok_or("is not a date of the calendar")?;
    if !YEARS.contains(&date.year()) {
        return Err("is not in the years 1888 to 2100");
    }
    Ok(date)
}

/// The three parts of a date.
enum Parts {
    Clear {
        year: u16,
        month: u16,
        day: u16,
    },
    /// Day and month in an order that the text alone does not tell.
    Numbers {
        first: u16,
        second: u16,
        year: u16,
    },
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let text = without_time(text.trim());
        let mut tokens = tokens(text)?.into_iter();
        let three = (tokens.next()?, tokens.next()?, tokens.next()?);
        if tokens.next().is_some() {
            return None;
        }
        match three {
            (Token::Number(year, 4), Token::Number(month, _), Token::Number(day, _)) => {
                Some(Self::Clear { year, month, day })
            }
            (Token::Number(year, 4), Token::Word(month), Token::Number(day, _))
            | (Token::Word(month), Token::Number(day, _), Token::Number(year, 4))
            | (Token::Number(day, _), Token::Word(month), Token::Number(year, 4)) => {
                Some(Self::Clear {
                    year,
                    month: month_named(month)?,
                    day,
                })
            }
            (Token::Word(month), Token::Number(day, _), Token::Number(year, 2))
            | (Token::Number(day, _), Token::Word(month), Token::Number(year, 2)) => {
                Some(Self::Clear {
                    year: in_century(year),
                    month: month_named(month)?,
                    day,
                })
            }
            (
                Token::Number(first, 1 | 2),
                Token::Number(second, 1 | 2),
                Token::Number(year, digits),
            ) => {
                let year = match digits {
                    2 => in_century(year),
                    4 => year,
                    _ => return None,
                };
                Some(match text.contains('.') {
                    true => Self::Clear {
                        year,
                        month: second,
                        day: first,
                    },
                    false => Self::Numbers {
                        first,
                        second,
                        year,
                    },
                })
            }
            _ => None,
        }
    }
}

fn in_century(year: u16) -> u16 {
    if year <= 68 { 2000 + year } else { 1900 + year }
}

/// A month by its English name or at least three letters of its beginning.
fn month_named(word: &str) -> Option<u16> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_ascii_lowercase();
    let is_it = |name: &&str| word.len() >= 3 && name.starts_with(word.as_str());
    MONTHS
        .iter()
        .zip(1..)
        .find(|(name, _)| is_it(name))
        .map(|(_, month)| month)
}

enum Token<'t> {
    /// A number and how many digits it was written with.
    Number(u16, usize),
    Word(&'t str),
}

/// The numbers and words of a date; `None` when there is something else between them than what
/// people separate the parts of a date by.
fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let same_kind = |c: char| match first {
            '0'..='9' => c.is_ascii_digit(),
            'a'..='z' | 'A'..='Z' => c.is_ascii_alphabetic(),
            _ => false,
        };
        let length = rest.find(|c| !same_kind(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(length.max(first.len_utf8()));
        match first {
            '0'..='9' => tokens.push(Token::Number(token.parse().ok()?, token.len())),
            'a'..='z' | 'A'..='Z' => tokens.push(Token::Word(token)),
            ',' | '-' | '/' | '.' => {}
            other if other.is_whitespace() => {}
            _ => return None,
        }
        rest = after;
    }
    Some(tokens)
}

/// Takes a time of day off the end: what follows the `T` or the space before the first colon's hour.
fn without_time(text: &str) -> &str {
    let Some(colon) = text.find(':') else {
        return text;
    };
    let (before, after) = text.split_at(colon);
    let date = before.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_time = date.len() < before.len()
        && after
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_whitespace() || ":.,+-ZzAaPpMm".contains(c));
    let end = date.trim_end_matches(['T', 't']);
    match is_time && end.len() < date.len() && end.ends_with(|c: char| c.is_ascii_digit()) {
        true => end,
        false if is_time && date.ends_with(char::is_whitespace) => date.trim_end(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<Date> {
        parse_date(text, DateOrder::Unknown).ok()
    }

    #[test]
    fn each_way_of_writing_a_date_is_read() {
        for text in [
            "September 25, 2021",
            " September 25, 2021 ",
            "SEPTEMBER  25 ,2021",
            "september 25 2021",
            "Sep 25, 2021",
            "Sept. 25, 2021",
            "September25,2021",
            "25 September 2021",
            "25-Sep-21",
            "25-SEP-2021",
            "2021-Sep-25",
            "2021-09-25",
            "2021-9-25",
            "2021/09/25",
            "2021-09-25T00:00:00",
            "2021-09-25T23:59:59.123Z",
            "2021-09-25 00:00:00+00:00",
            "9/25/2021",
            "09/25/21",
            "9/25/2021 0:00",
            "9/25/2021 12:00:00 AM",
            "25/9/2021",
            "25-09-2021",
            "25.09.2021",
            "25.9.21",
        ] {
            assert_eq!(read(text), Some(date(2021, 9, 25)), "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_turns_over_after_68() {
        assert_eq!(read("1-Jan-68"), Some(date(2068, 1, 1)));
        assert_eq!(read("1-Jan-69"), Some(date(1969, 1, 1)));
        assert_eq!(read("1-Jan-00"), Some(date(2000, 1, 1)));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "yesterday",
            "September 2021",
            "September 31, 2021",
            "2021-02-29",
            "2021-13-01",
            "25-Sep-021",
            "Se 25, 2021",
            "44464",
            "25+09+2021",
            "13/13/2021",
            "0021-09-25",
            "2021-09-25-01",
            "99999999999-1-1",
            "3021-01-01",
            "12:30",
            ":",
            "2021-09-25x10:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn an_ambiguous_date_follows_the_other_dates_of_the_file() {
        let order = DateOrder::sniff(["", "9/5/2021", "September 30, 2021", "9/25/2021 0:00"]);
        assert_eq!(order, DateOrder::MonthFirst);
        assert_eq!(parse_date("9/5/2021", order), Ok(date(2021, 9, 5)));
        let order = DateOrder::sniff(["9/5/2021", "25/9/2021"]);
        assert_eq!(order, DateOrder::DayFirst);
        assert_eq!(parse_date("9/5/2021", order), Ok(date(2021, 5, 9)));
        assert_eq!(parse_date("9/25/2021", order), Ok(date(2021, 9, 25)));
    }

    #[test]
    fn an_ambiguous_date_that_no_other_date_explains_is_refused() {
        for dates in [["9/5/2021", "9/5/2021"], ["9/25/2021", "25/9/2021"]] {
            let order = DateOrder::sniff(dates);
            assert_eq!(order, DateOrder::Unknown);
            insta::allow_duplicates! {
                insta::assert_snapshot!(parse_date("9/5/2021", order).unwrap_err(), @"may have the month or the day first, and no other date near the start of the file tells which; write it as 2021-09-25");
            }
        }
        assert_eq!(read("5/5/2021"), Some(date(2021, 5, 5)));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), dates in "[0-9a-zA-Z:,./ -]{0,20}") {
            let _ = read(&text);
            let _ = read(&dates);
        }

        #[test]
        fn every_date_is_read_back_from_every_unambiguous_form(
            year in 1970i16..2069, month in 1i8..=12, day in 1i8..=28,
        ) {
            let expected = date(year, month, day);
            for format in ["%B %d, %Y", "%d-%b-%y", "%Y-%m-%d", "%d.%m.%Y", "%b %e %Y"] {
                let text = expected.strftime(format).to_string();
                prop_assert_eq!(read(&text), Some(expected), "{}", text);
            }
        }
    }
}
