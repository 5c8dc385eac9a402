//! One record of fields to one clean show, or every reason why it is none.
//!
//! What is corrected silently: stray spaces and invisible characters, repeated names, markers for
//! "nothing", a duration that slipped into the rating, `2021.0` for a year. What is not guessed at
//! is rejected: a kind, year or date that cannot be read, too many fields, a value beyond [`limits`].

use jiff::civil::Date;

use super::dates::{DateOrder, parse_date};
use super::layout::{Column, Layout};
use super::record::RawRecord;
use super::text::{is_blank, names, optional, shortened};
use crate::domain::{ShowKind, fold, limits, tidy, tidy_lines};

/// A row that can be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanShow {
    /// The line of the file on which the row begins, counted from 1.
    pub line: u64,
    /// The file's own key, never empty. One file may have it twice; the later row is the valid one.
    pub show_id: String,
    /// Film or series.
    pub kind: ShowKind,
    /// Never empty. A film may be called `Null`, so the markers for "nothing" do not apply.
    pub title: String,
    /// In the order of the file, each once.
    pub directors: Vec<String>,
    /// In the order of the file, each once.
    pub cast: Vec<String>,
    /// In the order of the file, each once.
    pub countries: Vec<String>,
    /// When it came into the catalogue.
    pub date_added: Option<Date>,
    /// Within [`limits::RELEASE_YEARS`].
    pub release_year: i32,
    /// The age rating as the file has it; `NR` and `UR` are ratings too, since people ask for them.
    pub rating: Option<String>,
    /// As the file has it: `90 min`, `2 Seasons`.
    pub duration: Option<String>,
    /// In the order of the file, each once.
    pub genres: Vec<String>,
    /// One or more lines, separated by line feeds.
    pub description: Option<String>,
}

/// Makes a show of a record, or says everything that is wrong with it, separated by semicolons.
pub(super) fn clean(
    record: &RawRecord,
    layout: &Layout,
    order: DateOrder,
) -> Result<CleanShow, String> {
    if let Some(trouble) = &record.trouble {
        return Err(trouble.clone());
    }
    check_width(record, layout)?;
    let mut row = RowFields {
        record,
        layout,
        problems: Vec::new(),
    };
    row.check_nul();
    let show_id = row.show_id();
    let kind = row.kind();
    let title = row.title();
    let release_year = row.release_year();
    let (rating, duration) = row.rating_and_duration();
    let date_added = row.date_added(order);
    let directors = row.names(Column::Director);
    let cast = row.names(Column::Cast);
    let countries = row.names(Column::Country);
    let genres = row.names(Column::ListedIn);
    let description = row.description();
    match (show_id, kind, title, release_year) {
        (Some(show_id), Some(kind), Some(title), Some(release_year)) if row.problems.is_empty() => {
            Ok(CleanShow {
                line: record.line,
                show_id,
                kind,
                title,
                directors,
                cast,
                countries,
                date_added,
                release_year,
                rating,
                duration,
                genres,
                description,
            })
        }
        _ => Err(row.problems.join("; ")),
    }
}

/// Spreadsheets leave off or add delimiters at the end of a line, which is harmless. More values
/// than columns are not: the row is shifted somewhere. Fewer are when a required one is missing, or
/// when the file itself ends there.
fn check_width(record: &RawRecord, layout: &Layout) -> Result<(), String> {
    let (has, wants) = (record.fields.len(), layout.width());
    if record
        .fields
        .iter()
        .skip(wants)
        .any(|extra| !is_blank(extra))
    {
        return Err(format!(
            "{has} fields where the header has {wants}; a field with the delimiter in it must be \
             quoted"
        ));
    }
    if has < wants && !record.terminated {
        return Err(format!(
            "the file ends within this row, after {has} of {wants} fields"
        ));
    }
    let lacks_required = (has..wants)
        .filter_map(|place| layout.column_at(place))
        .any(|missing| missing.is_required());
    if lacks_required {
        return Err(format!("{has} fields where the header has {wants}"));
    }
    Ok(())
}

/// The fields of one row, by column.
struct RowFields<'r> {
    record: &'r RawRecord,
    layout: &'r Layout,
    problems: Vec<String>,
}

impl<'r> RowFields<'r> {
    fn raw(&self, column: Column) -> &'r str {
        let place = self.layout.place(column);
        place
            .and_then(|place| self.record.fields.get(place))
            .unwrap_or_default()
    }

    fn problem(&mut self, column: Column, what: impl AsRef<str>) {
        self.problems.push(format!("{column} {}", what.as_ref()));
    }

    fn bad_value(&mut self, column: Column, value: &str, what: &str) {
        self.problem(column, format!("`{}` {what}", shortened(value, 40)));
    }

    /// PostgreSQL cannot store a NUL, and nobody writes one on purpose.
    fn check_nul(&mut self) {
        for (place, field) in self.record.fields.iter().enumerate() {
            match self.layout.column_at(place) {
                Some(column) if field.contains('\0') => self.problem(column, "contains a NUL byte"),
                _ => {}
            }
        }
    }

    /// Passes a value on if it is not too long.
    fn bounded(&mut self, column: Column, value: String, most: usize) -> Option<String> {
        // No character is shorter than a byte: most values need no counting.
        let chars = if value.len() <= most {
            value.len()
        } else {
            value.chars().count()
        };
        if chars <= most {
            return Some(value);
        }
        self.problem(column, format!("has {chars} characters, more than {most}"));
        None
    }

    fn required(&mut self, column: Column, value: String) -> Option<String> {
        if value.is_empty() {
            self.problem(column, "is empty");
        }
        Some(value).filter(|value| !value.is_empty())
    }

    fn show_id(&mut self) -> Option<String> {
        let raw = self.raw(Column::ShowId).trim();
        if raw.contains(|c: char| c.is_control() && c != '\0') {
            self.bad_value(Column::ShowId, raw, "contains a control character");
            return None;
        }
        let show_id = self.required(Column::ShowId, optional(raw).unwrap_or_default())?;
        if limits::is_reserved_id(&show_id) {
            self.bad_value(Column::ShowId, &show_id, "is reserved and can be no id");
            return None;
        }
        self.bounded(Column::ShowId, show_id, limits::SHOW_ID_CHARS)
    }

    fn kind(&mut self) -> Option<ShowKind> {
        let value = self.required(
            Column::Type,
            optional(self.raw(Column::Type)).unwrap_or_default(),
        )?;
        let kind = ShowKind::named(&value);
        if kind.is_none() {
            self.bad_value(Column::Type, &value, "is neither `Movie` nor `TV Show`");
        }
        kind
    }

    fn title(&mut self) -> Option<String> {
        let title = self.required(Column::Title, tidy(self.raw(Column::Title)))?;
        let title = self.bounded(Column::Title, title, limits::TITLE_CHARS)?;
        let (bytes, most) = (fold(&title).len(), limits::TITLE_FOLDED_BYTES);
        if bytes > most {
            let what = format!("takes {bytes} bytes as it is sorted, more than {most}");
            self.problem(Column::Title, what);
        }
        Some(title)
    }

    fn release_year(&mut self) -> Option<i32> {
        let column = Column::ReleaseYear;
        let value = self.required(column, optional(self.raw(column)).unwrap_or_default())?;
        // A column of numbers with a gap somewhere is a column of floats to some programs.
        let digits = value.strip_suffix(".0").unwrap_or(&value);
        let year = Some(digits)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .filter(|year| limits::RELEASE_YEARS.contains(year));
        if year.is_none() {
            self.bad_value(column, &value, "is not a year from 1888 to 2100");
        }
        year
    }

    fn rating_and_duration(&mut self) -> (Option<String>, Option<String>) {
        let mut rating = optional(self.raw(Column::Rating));
        let mut duration = optional(self.raw(Column::Duration));
        if let Some(slipped) = rating.take_if(|rating| is_duration(rating)) {
            match &duration {
                None => duration = Some(slipped),
                Some(same) if same.eq_ignore_ascii_case(&slipped) => {}
                Some(other) => {
                    let what =
                        format!("is a duration, and `{}` is given too", shortened(other, 40));
                    self.bad_value(Column::Rating, &slipped, &what);
                }
            }
        }
        (
            rating.and_then(|value| self.bounded(Column::Rating, value, limits::RATING_CHARS)),
            duration
                .and_then(|value| self.bounded(Column::Duration, value, limits::DURATION_CHARS)),
        )
    }

    fn date_added(&mut self, order: DateOrder) -> Option<Date> {
        let value = optional(self.raw(Column::DateAdded))?;
        match parse_date(&value, order) {
            Ok(date) => Some(date),
            Err(what) => {
                self.bad_value(Column::DateAdded, &value, what);
                None
            }
        }
    }

    fn names(&mut self, column: Column) -> Vec<String> {
        let Some(names) = names(self.raw(column), limits::NAMES) else {
            self.problem(column, format!("has more than {} names", limits::NAMES));
            return Vec::new();
        };
        names
            .into_iter()
            .map_while(|name| self.bounded(column, name, limits::NAME_CHARS))
            .collect()
    }

    fn description(&mut self) -> Option<String> {
        let raw = self.raw(Column::Description);
        optional(raw)?;
        self.bounded(
            Column::Description,
            tidy_lines(raw),
            limits::DESCRIPTION_CHARS,
        )
    }
}

/// `90 min`, `2 Seasons`, `1h 30m`: numbers, each with a unit of time behind it.
fn is_duration(value: &str) -> bool {
    const UNITS: [&str; 17] = [
        "m", "min", "mins", "minute", "minutes", "h", "hr", "hrs", "hour", "hours", "s", "season",
        "seasons", "ep", "eps", "episode", "episodes",
    ];
    let mut rest = value.trim();
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let unit = rest
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .trim_start();
        let number = rest.len() > unit.len() && rest.starts_with(|c: char| c.is_ascii_digit());
        let after = unit.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let (unit, _) = unit.split_at(unit.len() - after.len());
        if !number || !UNITS.iter().any(|known| known.eq_ignore_ascii_case(unit)) {
            return false;
        }
        rest = after.trim_start_matches(['.', ',', ' ']);
    }
    true
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::dialect::{Dialect, Newline};
    use super::super::scan::scan;
    use super::*;

    const HEADER: [&str; 12] = [
        "show_id",
        "type",
        "title",
        "director",
        "cast",
        "country",
        "date_added",
        "release_year",
        "rating",
        "duration",
        "listed_in",
        "description",
    ];

    /// Cleans one line under [`HEADER`].
    fn row(line: &str) -> Result<CleanShow, String> {
        let mut record = RawRecord {
            line: 7,
            terminated: true,
            ..RawRecord::default()
        };
        let dialect = Dialect {
            delimiter: b',',
            newline: Newline::Lf,
        };
        scan(line, true, dialect, &mut record.fields);
        clean(
            &record,
            &Layout::from_header(HEADER).unwrap(),
            DateOrder::Unknown,
        )
    }

    #[test]
    fn a_full_row_is_read() {
        let show = row(
            "s1,Movie,The Big Sleep,Howard Hawks,\"Humphrey Bogart, Lauren Bacall\",\
                        United States,\"September 25, 2021\",1946,PG,114 min,\"Noir, Classics\",\
                        A detective is hired.",
        );
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            show.unwrap(),
            CleanShow {
                line: 7,
                show_id: "s1".into(),
                kind: ShowKind::Movie,
                title: "The Big Sleep".into(),
                directors: names(&["Howard Hawks"]),
                cast: names(&["Humphrey Bogart", "Lauren Bacall"]),
                countries: names(&["United States"]),
                date_added: Some(date(2021, 9, 25)),
                release_year: 1946,
                rating: Some("PG".into()),
                duration: Some("114 min".into()),
                genres: names(&["Noir", "Classics"]),
                description: Some("A detective is hired.".into()),
            }
        );
    }

    #[test]
    fn only_the_required_values_are_needed() {
        let show = row("s1,TV Show,Dark,,N/A,nan,null,2017,n/a,-,None,").unwrap();
        assert_eq!((show.kind, show.release_year), (ShowKind::TvShow, 2017));
        assert!(show.directors.is_empty() && show.cast.is_empty() && show.countries.is_empty());
        assert!(show.rating.is_none() && show.duration.is_none() && show.description.is_none());
        assert!(show.date_added.is_none() && show.genres.is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let error = row(",Podcast, ,,,,someday,19x6,PG,,,").unwrap_err();
        insta::assert_snapshot!(error, @"show_id is empty; type `Podcast` is neither `Movie` nor `TV Show`; title is empty; release_year `19x6` is not a year from 1888 to 2100; date_added `someday` is not a date; write it as 2021-09-25 or September 25, 2021");
    }

    #[test]
    fn a_duration_that_slipped_into_the_rating_is_moved_back() {
        let of = |rating: &str, duration: &str| {
            let show = row(&format!("s1,Movie,t,,,,,2017,{rating},{duration},,"))?;
            Ok::<_, String>((show.rating, show.duration))
        };
        assert_eq!(of("74 min", ""), Ok((None, Some("74 min".into()))));
        assert_eq!(of("2 Seasons", "nan"), Ok((None, Some("2 Seasons".into()))));
        assert_eq!(of("74 min", "74 MIN"), Ok((None, Some("74 MIN".into()))));
        assert_eq!(
            of("TV-14", "90 min"),
            Ok((Some("TV-14".into()), Some("90 min".into())))
        );
        insta::assert_snapshot!(of("74 min", "90 min").unwrap_err(), @"rating `74 min` is a duration, and `90 min` is given too");
    }

    #[test]
    fn durations_are_told_from_ratings() {
        for text in [
            "74 min",
            "74min",
            "1 Season",
            "10 Seasons",
            "1h 30m",
            "2 hrs. 5 mins.",
        ] {
            assert!(is_duration(text), "{text}");
        }
        for text in [
            "PG-13", "18", "16+", "TV-14", "R", "7 Oscars", "min", "", "12A",
        ] {
            assert!(!is_duration(text), "{text}");
        }
    }

    #[test]
    fn a_rating_that_says_unrated_is_kept() {
        for rating in ["NR", "UR", "Unrated"] {
            let show = row(&format!("s1,Movie,t,,,,,2017,{rating},,,")).unwrap();
            assert_eq!(show.rating.as_deref(), Some(rating));
        }
        let show = row("s1,Movie,t,,,,,2017,n/a,,,").unwrap();
        assert_eq!(show.rating, None);
    }

    #[test]
    fn years_are_bounded_and_may_be_written_as_floats() {
        let year = |year: &str| row(&format!("s1,Movie,t,,,,,{year},,,,")).map(|s| s.release_year);
        assert_eq!(year(" 1999 "), Ok(1999));
        assert_eq!(year("1999.0"), Ok(1999));
        assert_eq!((year("1888"), year("2100")), (Ok(1888), Ok(2100)));
        for wrong in [
            "1887",
            "2101",
            "+1999",
            "1999.5",
            ".0",
            "99999999999",
            "-1999",
        ] {
            assert!(year(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_film_may_be_called_null() {
        assert_eq!(row("s1,Movie,Null,,,,,2017,,,,").unwrap().title, "Null");
        assert_eq!(row("s1,Movie,-,,,,,2017,,,,").unwrap().title, "-");
    }

    #[test]
    fn a_nul_byte_or_control_character_is_rejected() {
        let error = row("s1,Movie,a\0b,,x\0,,,2017,,,,").unwrap_err();
        assert_eq!(error, "title contains a NUL byte; cast contains a NUL byte");
        let error = row("s\u{7}1,Movie,t,,,,,2017,,,,").unwrap_err();
        assert_eq!(error, "show_id `s\\u{7}1` contains a control character");
    }

    #[test]
    fn values_have_limits_in_characters() {
        let with = |place: usize, value: String| {
            let mut fields = "s1,Movie,t,,,,,2017,,,,".split(',').collect::<Vec<_>>();
            fields[place] = &value;
            row(&fields.join(","))
        };
        for (place, most) in [
            (0, limits::SHOW_ID_CHARS),
            (2, limits::TITLE_CHARS),
            (3, limits::NAME_CHARS),
            (8, limits::RATING_CHARS),
            (9, limits::DURATION_CHARS),
            (11, limits::DESCRIPTION_CHARS),
        ] {
            assert!(with(place, "é".repeat(most)).is_ok(), "{}", HEADER[place]);
            let error = with(place, "é".repeat(most + 1)).unwrap_err();
            let has = most + 1;
            assert_eq!(
                error,
                format!("{} has {has} characters, more than {most}", HEADER[place])
            );
        }
        let many: Vec<String> = (0..=limits::NAMES).map(|n| format!("n{n}")).collect();
        let error = with(4, format!("\"{}\"", many.join(","))).unwrap_err();
        assert_eq!(error, "cast has more than 500 names");
    }

    #[test]
    fn a_title_that_grows_beyond_an_index_entry_when_folded_is_rejected() {
        let title = |letters| {
            row(&format!(
                "s1,Movie,{},,,,,2017,,,,",
                "\u{d55c}".repeat(letters)
            ))
        };
        assert!(title(111).is_ok());
        assert_eq!(
            title(400).unwrap_err(),
            "title takes 3600 bytes as it is sorted, more than 1000"
        );
    }

    #[test]
    fn an_id_that_has_no_address_is_rejected() {
        for id in ["recent", ".", ".."] {
            assert!(row(&format!("{id},Movie,t,,,,,2017,,,,")).is_err(), "{id}");
        }
        insta::assert_snapshot!(row("recent,Movie,t,,,,,2017,,,,").unwrap_err(), @"show_id `recent` is reserved and can be no id");
        assert!(row("Recent,Movie,t,,,,,2017,,,,").is_ok());
    }

    #[test]
    fn a_row_with_more_values_than_columns_is_rejected() {
        let error = row("s1,Movie,Me, Myself,,,,,2017,,,,x").unwrap_err();
        insta::assert_snapshot!(error, @"13 fields where the header has 12; a field with the delimiter in it must be quoted");
        assert!(
            row("s1,Movie,t,,,,,2017,,,,, , ").is_ok(),
            "delimiters at the end are harmless"
        );
    }

    #[test]
    fn a_row_that_ends_early_is_read_when_nothing_required_is_missing() {
        assert_eq!(
            row("s1,Movie,t,,,,,2017,PG\n").unwrap().rating.as_deref(),
            Some("PG")
        );
        assert_eq!(
            row("s1,Movie,t\n").unwrap_err(),
            "3 fields where the header has 12"
        );
    }

    #[test]
    fn a_row_cut_off_by_the_end_of_the_file_is_rejected() {
        let mut record = RawRecord::default();
        let dialect = Dialect {
            delimiter: b',',
            newline: Newline::Lf,
        };
        let layout = Layout::from_header(HEADER).unwrap();
        scan(
            "s1,Movie,t,,,,,2017,PG,9",
            true,
            dialect,
            &mut record.fields,
        );
        let error = clean(&record, &layout, DateOrder::Unknown).unwrap_err();
        insta::assert_snapshot!(error, @"the file ends within this row, after 10 of 12 fields");
    }
}
