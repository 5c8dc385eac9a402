//! Points in time, dates and times of day; the text in which SQLite stores them.
//!
//! Both engines keep microseconds; finer digits are cut off (towards the past) when a value is sent. Years are
//! 1 to 9999: outside of them text no longer sorts by time, so such a value is refused.

use jiff::{Timestamp, civil, tz};

use super::scalar::param_from_value;
use super::{Param, Type, Value, ValueError, ValueRef};

const MICRO: i128 = 1_000;

/// Cuts a timestamp to whole microseconds, towards the past, and gives them since the Unix epoch.
#[must_use]
pub fn timestamp_micros(value: Timestamp) -> i64 {
    // The range of `Timestamp` in microseconds fits an i64 many times over.
    i64::try_from(value.as_nanosecond().div_euclid(MICRO)).unwrap_or(i64::MAX)
}

/// The text SQLite stores: fixed width, UTC, so that it sorts by time and SQLite's date functions read it.
#[must_use]
pub fn timestamp_text(value: Timestamp) -> String {
    let at = value.to_zoned(tz::TimeZone::UTC).datetime();
    let micros = timestamp_micros(value).rem_euclid(1_000_000);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        micros
    )
}

/// Reads a timestamp from text: ours, RFC 3339, or SQLite's `datetime('now')`, which is UTC without saying so.
///
/// # Errors
/// Text that is none of these.
pub fn parse_timestamp(text: &str) -> Result<Timestamp, ValueError> {
    if let Ok(value) = text.parse::<Timestamp>() {
        return Ok(value);
    }
    text.parse::<civil::DateTime>()
        .ok()
        .and_then(|at| at.to_zoned(tz::TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| ValueError::new("expected a timestamp, found other text"))
}

/// Reads a date from text such as `2021-09-25`.
///
/// # Errors
/// Text that is not a date.
pub fn parse_date(text: &str) -> Result<civil::Date, ValueError> {
    text.parse()
        .map_err(|_| ValueError::new("expected a date, found other text"))
}

/// Reads a time of day from text such as `14:03:00.000000`.
///
/// # Errors
/// Text that is not a time.
pub fn parse_time(text: &str) -> Result<civil::Time, ValueError> {
    text.parse()
        .map_err(|_| ValueError::new("expected a time of day, found other text"))
}

fn year_is_portable(year: i16) -> Result<(), ValueError> {
    if (1..=9999).contains(&year) {
        return Ok(());
    }
    Err(ValueError::new(
        "years outside 1 to 9999 cannot be stored the same way on every engine",
    ))
}

impl Value for Timestamp {
    const TYPE: Type = Type::Timestamp;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        year_is_portable(self.to_zoned(tz::TimeZone::UTC).year())?;
        let nanos = i128::from(timestamp_micros(*self)) * MICRO;
        let cut = Timestamp::from_nanosecond(nanos)
            .map_err(|_| ValueError::new("the timestamp is out of range"))?;
        Ok(ValueRef::Timestamp(cut))
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::Timestamp(value) => Ok(value),
            ValueRef::Text(text) => parse_timestamp(&text),
            other => Err(ValueError::unexpected("Timestamp", &other)),
        }
    }
}

impl Value for civil::Date {
    const TYPE: Type = Type::Date;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        year_is_portable(self.year())?;
        Ok(ValueRef::Date(*self))
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::Date(value) => Ok(value),
            ValueRef::Text(text) => parse_date(&text),
            other => Err(ValueError::unexpected("civil::Date", &other)),
        }
    }
}

impl Value for civil::Time {
    const TYPE: Type = Type::Time;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        let micros = self.subsec_nanosecond() / 1_000;
        let cut = civil::Time::new(self.hour(), self.minute(), self.second(), micros * 1_000)
            .map_err(|_| ValueError::new("the time of day is out of range"))?;
        Ok(ValueRef::Time(cut))
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::Time(value) => Ok(value),
            ValueRef::Text(text) => parse_time(&text),
            other => Err(ValueError::unexpected("civil::Time", &other)),
        }
    }
}

param_from_value!(Timestamp, civil::Date, civil::Time);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_cut_to_microseconds_towards_the_past() {
        for (nanos, micros) in [(1_999, 1), (-1, -1), (-1_000, -1), (-1_001, -2), (0, 0)] {
            let value = Timestamp::from_nanosecond(nanos).unwrap();
            assert_eq!(timestamp_micros(value), micros, "{nanos} ns");
        }
    }

    #[test]
    fn stored_text_sorts_by_time_and_reads_back() {
        let texts = [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "2021-09-25T01:02:03.000004Z",
            "9999-12-30T22:00:00Z",
        ];
        let stored: Vec<String> = texts
            .iter()
            .map(|text| timestamp_text(text.parse().unwrap()))
            .collect();
        assert!(stored.is_sorted());
        for (text, stored) in texts.iter().zip(&stored) {
            assert_eq!(
                parse_timestamp(stored).unwrap(),
                text.parse::<Timestamp>().unwrap()
            );
        }
        assert_eq!(stored[2], "2021-09-25 01:02:03.000004Z");
    }

    #[test]
    fn the_clock_of_sqlite_is_read_as_utc() {
        assert_eq!(
            parse_timestamp("2021-09-25 14:03:00").unwrap(),
            "2021-09-25T14:03:00Z".parse::<Timestamp>().unwrap()
        );
    }
}
