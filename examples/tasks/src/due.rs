//! Days as people type them.

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan as _, Zoned};

/// A day: `2026-12-24`, `today`, `tomorrow`, `fri` (the next one, from tomorrow on), `3d` or `2w` from today.
///
/// # Errors
/// A sentence that names the text and what is understood.
pub(crate) fn day(text: &str) -> Result<Date, String> {
    day_from(text, Zoned::now().date())
}

fn day_from(text: &str, today: Date) -> Result<Date, String> {
    let wrong = || {
        format!(
            "`{text}` is no day; write 2026-12-24, today, tomorrow, fri, 3d (in three days) or 2w"
        )
    };
    let lower = text.trim().to_lowercase();
    if let Ok(date) = lower.parse() {
        return Ok(date);
    }
    let days = match lower.as_str() {
        "today" => 0,
        "tomorrow" => 1,
        other => match weekday(other) {
            Some(weekday) => {
                let ahead = today.weekday().until(weekday);
                i64::from(if ahead == 0 { 7 } else { ahead })
            }
            None => {
                let (number, unit) = match (other.strip_suffix('d'), other.strip_suffix('w')) {
                    (Some(number), _) => (number, 1),
                    (_, Some(number)) => (number, 7),
                    _ => return Err(wrong()),
                };
                i64::from(number.parse::<u16>().map_err(|_| wrong())?) * unit
            }
        },
    };
    today.checked_add(days.days()).map_err(|_| wrong())
}

/// `mon`, `monday` and all between.
fn weekday(text: &str) -> Option<Weekday> {
    let names = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let found = names
        .iter()
        .find(|(name, _)| text.len() >= 3 && name.starts_with(text));
    found.map(|(_, weekday)| *weekday)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_type_them() {
        // A Saturday.
        let today: Date = "2026-11-21".parse().unwrap_or_default();
        for (text, expected) in [
            ("2027-02-28", "2027-02-28"),
            ("today", "2026-11-21"),
            (" Tomorrow ", "2026-11-22"),
            ("fri", "2026-11-27"),
            ("sat", "2026-11-28"),
            ("sunday", "2026-11-22"),
            ("3d", "2026-11-24"),
            ("2w", "2026-12-05"),
            ("0d", "2026-11-21"),
        ] {
            let day = day_from(text, today).map(|day| day.to_string());
            assert_eq!(day.as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "fr",
            "someday",
            "2026-02-30",
            "-1d",
            "99999d",
            "d",
            "3",
            "fridays",
        ] {
            let refused = day_from(text, today);
            assert!(
                refused.is_err_and(|why| why.contains("is no day")),
                "{text}"
            );
        }
    }
}
