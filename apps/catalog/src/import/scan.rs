//! One record at the front of a text: where its fields are, and where it ends.
//!
//! A pure function, so that it can be called again from the same place when more text has arrived.
//! It is stricter about quotes than most CSV readers, because a quote that is opened by mistake
//! otherwise swallows the rows that follow: see [`Trouble`].

use super::dialect::{Dialect, Newline};
use super::text::is_blank;

/// The fields of one record, in one allocation that is used again for the next.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    text: String,
    ends: Vec<usize>,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Whether no field has anything to see in it, as in a line of delimiters alone.
    pub(super) fn is_blank(&self) -> bool {
        self.iter().all(is_blank)
    }

    pub(super) fn to_vec(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }

    fn push_part(&mut self, part: &str) {
        self.text.push_str(part);
    }

    fn end_field(&mut self) {
        self.ends.push(self.text.len());
    }
}

/// What [`scan`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// The text ended before the record did; a quote may still be open, in this field (from 1).
    More { open_quote: Option<usize> },
    /// A whole record, `used` bytes long with its line end, containing `breaks` line breaks in
    /// quotes. It is not `terminated` when the text ended instead of the line.
    Record {
        used: usize,
        breaks: u64,
        terminated: bool,
    },
    /// The quotes are wrong.
    Broken(Trouble),
}

/// A quote that cannot be right; the field is counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No closing quote before the end of the file (or of what a record may be long).
    Unclosed { field: usize },
    /// After the quote that should close the field comes neither a delimiter nor a line end.
    Inside { field: usize },
    /// A quote within an unquoted field, in a record that has a line break in quotes. Alone on a
    /// line such a quote is text (`6" tall`), but with a line break the likelier story is that a
    /// quote was forgotten and this record has run into the next.
    Stray { field: usize },
}

/// Finds the record at the front of `text`, and puts its fields into `out`.
///
/// `is_last` says that nothing follows `text`.
pub(super) fn scan(text: &str, is_last: bool, dialect: Dialect, out: &mut Fields) -> Scan {
    out.clear();
    let mut scanner = Scanner {
        rest: text,
        is_last,
        dialect,
        out,
        line_breaks: 0,
        bare_quote: None,
    };
    loop {
        let end = match quoted_start(scanner.rest, dialect) {
            Some(inside) => scanner.quoted(inside),
            None => scanner.unquoted(),
        };
        match end {
            Err(decided) => return decided,
            Ok(End::More) => return Scan::More { open_quote: None },
            Ok(End::Delimiter) => {
                scanner.out.end_field();
                scanner.rest = scanner.rest.get(1..).unwrap_or_default();
            }
            Ok(End::Record { length, terminated }) => {
                scanner.out.end_field();
                let used = text.len() - scanner.rest.len() + length;
                return Scan::Record {
                    used,
                    breaks: scanner.line_breaks,
                    terminated,
                };
            }
        }
    }
}

struct Scanner<'t, 'o> {
    /// What has not been looked at yet.
    rest: &'t str,
    is_last: bool,
    dialect: Dialect,
    out: &'o mut Fields,
    line_breaks: u64,
    /// The first unquoted field with a quote in it.
    bare_quote: Option<usize>,
}

impl<'t> Scanner<'t, '_> {
    /// Takes the quoted field whose content begins at `inside`.
    fn quoted(&mut self, inside: &'t str) -> Result<End, Scan> {
        let field = self.out.len() + 1;
        self.rest = inside;
        loop {
            let Some(at) = self.rest.find('"') else {
                return Err(match self.is_last {
                    true => Scan::Broken(Trouble::Unclosed { field }),
                    false => Scan::More {
                        open_quote: Some(field),
                    },
                });
            };
            let part = self.take(at);
            self.line_breaks += self.dialect.newline.count(part);
            self.check_stray()?;
            self.rest = self.rest.strip_prefix('"').unwrap_or(self.rest);
            if !self.rest.starts_with('"') {
                break;
            }
            self.take(1);
        }
        self.rest = skip_blanks(self.rest, self.dialect);
        match field_end(self.rest, self.is_last, self.dialect) {
            Next::End(end) => Ok(end),
            Next::Text(_) => Err(Scan::Broken(Trouble::Inside { field })),
        }
    }

    /// Takes the field up to the next delimiter or line end.
    fn unquoted(&mut self) -> Result<End, Scan> {
        let field = self.out.len() + 1;
        let delimiter = self.dialect.delimiter;
        let special = |byte| byte == delimiter || matches!(byte, b'\n' | b'\r' | b'"');
        loop {
            let at = self.rest.bytes().position(special);
            self.take(at.unwrap_or(self.rest.len()));
            match field_end(self.rest, self.is_last, self.dialect) {
                Next::End(end) => return Ok(end),
                Next::Text(length) => {
                    if self.rest.starts_with('"') {
                        self.bare_quote.get_or_insert(field);
                        self.check_stray()?;
                    }
                    self.take(length);
                }
            }
        }
    }

    fn check_stray(&self) -> Result<(), Scan> {
        match self.bare_quote {
            Some(field) if self.line_breaks > 0 => Err(Scan::Broken(Trouble::Stray { field })),
            _ => Ok(()),
        }
    }

    /// Moves `length` bytes of the rest into the current field.
    fn take(&mut self, length: usize) -> &'t str {
        let (part, rest) = self.rest.split_at(length);
        self.out.push_part(part);
        self.rest = rest;
        part
    }
}

/// Splits one line whose quotes are wrong as a person would read it: a quote closes a field only
/// when a delimiter or the end of the line follows.
pub(super) fn split_loosely(line: &str, dialect: Dialect, out: &mut Fields) {
    out.clear();
    let delimiter = char::from(dialect.delimiter);
    let mut rest = line.trim_end_matches(['\r', '\n']);
    // After a quote that is never closed every other quote is text too, which also keeps this from
    // searching to the end of a long line again for each of them.
    let mut quotes_close = true;
    loop {
        let quoted = quoted_start(rest, dialect).filter(|_| quotes_close);
        let value = quoted.map(|inside| (inside, loose_close(inside, dialect)));
        rest = match value {
            Some((inside, Some(close))) => {
                let (value, after) = inside.split_at(close);
                out.push_part(&value.replace("\"\"", "\""));
                skip_blanks(after.strip_prefix('"').unwrap_or(after), dialect)
            }
            other => {
                quotes_close &= other.is_none();
                let (value, after) = rest.split_at(rest.find(delimiter).unwrap_or(rest.len()));
                out.push_part(value);
                after
            }
        };
        out.end_field();
        match rest.strip_prefix(delimiter) {
            Some(after) => rest = after,
            None => return,
        }
    }
}

/// Where the quote stands that closes a field for [`split_loosely`].
fn loose_close(inside: &str, dialect: Dialect) -> Option<usize> {
    let delimiter = char::from(dialect.delimiter);
    let mut from = 0;
    loop {
        let at = from + inside.get(from..)?.find('"')?;
        let after = inside.get(at + 1..)?;
        let blank = skip_blanks(after, dialect);
        if after.starts_with('"') {
            from = at + 2;
        } else if blank.is_empty() || blank.starts_with(delimiter) {
            return Some(at);
        } else {
            from = at + 1;
        }
    }
}

/// The length of the first line of `text` with its line end; `None` when the text ends before.
pub(super) fn first_line(text: &str, is_last: bool, newline: Newline) -> Option<usize> {
    let length = match newline {
        Newline::Lf => text.find('\n').map(|at| at + 1),
        Newline::Cr => text.find(['\r', '\n']).and_then(|at| {
            let after = text.get(at..).unwrap_or_default();
            match (after.starts_with("\r\n"), after == "\r" && !is_last) {
                (true, _) => Some(at + 2),
                (false, true) => None,
                (false, false) => Some(at + 1),
            }
        }),
    };
    length.or_else(|| is_last.then_some(text.len()))
}

/// How a field ends.
enum End {
    More,
    Delimiter,
    Record { length: usize, terminated: bool },
}

/// What stands at the front of the rest: the end of the field, or this many bytes of it.
enum Next {
    End(End),
    Text(usize),
}

fn field_end(rest: &str, is_last: bool, dialect: Dialect) -> Next {
    let line_end = |length| {
        Next::End(End::Record {
            length,
            terminated: true,
        })
    };
    match rest.bytes().next() {
        None if is_last => Next::End(End::Record {
            length: 0,
            terminated: false,
        }),
        None => Next::End(End::More),
        Some(byte) if byte == dialect.delimiter => Next::End(End::Delimiter),
        Some(b'\n') => line_end(1),
        Some(b'\r') if dialect.newline == Newline::Cr => match rest.as_bytes().get(1) {
            Some(b'\n') => line_end(2),
            None if !is_last => Next::End(End::More),
            _ => line_end(1),
        },
        Some(b'\r') => {
            let after = rest.trim_start_matches('\r');
            let run = rest.len() - after.len();
            match after.bytes().next() {
                Some(b'\n') => line_end(run + 1),
                Some(_) => Next::Text(run),
                None if is_last => line_end(run),
                None => Next::End(End::More),
            }
        }
        Some(_) => Next::Text(rest.chars().next().map_or(0, char::len_utf8)),
    }
}

/// What follows the opening quote, when the field begins with one (stray spaces before it or not).
fn quoted_start(rest: &str, dialect: Dialect) -> Option<&str> {
    skip_blanks(rest, dialect).strip_prefix('"')
}

fn skip_blanks(rest: &str, dialect: Dialect) -> &str {
    rest.trim_start_matches(|c| c == ' ' || (c == '\t' && dialect.delimiter != b'\t'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMA: Dialect = Dialect {
        delimiter: b',',
        newline: Newline::Lf,
    };
    const MAC: Dialect = Dialect {
        delimiter: b',',
        newline: Newline::Cr,
    };

    fn one(text: &str, dialect: Dialect) -> (Scan, Vec<String>) {
        let mut fields = Fields::default();
        let scan = scan(text, true, dialect, &mut fields);
        (scan, fields.to_vec())
    }

    fn fields(text: &str) -> Vec<String> {
        let (scan, fields) = one(text, COMMA);
        assert!(matches!(scan, Scan::Record { .. }), "{scan:?}");
        fields
    }

    fn trouble(text: &str) -> Trouble {
        match one(text, COMMA).0 {
            Scan::Broken(trouble) => trouble,
            other => panic!("{text:?} is {other:?}"),
        }
    }

    #[test]
    fn quoted_fields_hold_delimiters_quotes_and_line_breaks() {
        let text = "1,\"a, b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\nnext";
        let (scan, fields) = one(text, COMMA);
        assert_eq!(fields, ["1", "a, b", "say \"hi\"", "two\r\nlines"]);
        assert_eq!(
            scan,
            Scan::Record {
                used: text.len() - 4,
                breaks: 1,
                terminated: true
            }
        );
    }

    #[test]
    fn empty_fields_are_fields() {
        assert_eq!(fields(",,\n"), ["", "", ""]);
        assert_eq!(fields("a,\"\",\n"), ["a", "", ""]);
        assert_eq!(fields("\n"), [""]);
    }

    #[test]
    fn spaces_around_quotes_are_stray() {
        assert_eq!(fields("1, \"a, b\" ,2\n"), ["1", "a, b", "2"]);
    }

    #[test]
    fn a_quote_within_an_unquoted_field_is_text() {
        assert_eq!(fields("1,6\" tall,2\n"), ["1", "6\" tall", "2"]);
    }

    #[test]
    fn each_line_end_is_known_in_its_files() {
        for (text, dialect, used) in [
            ("a,b\nc", COMMA, 4),
            ("a,b\r\nc", COMMA, 5),
            ("a,b\r\r\nc", COMMA, 6),
            ("a,b\rc", MAC, 4),
            ("a,b\r\nc", MAC, 5),
            ("a,b\nc", MAC, 4),
            ("a,\"b\"\r\rc", MAC, 6),
        ] {
            let (scan, fields) = one(text, dialect);
            assert_eq!(fields, ["a", "b"], "{text:?}");
            assert_eq!(
                scan,
                Scan::Record {
                    used,
                    breaks: 0,
                    terminated: true
                },
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_lone_carriage_return_is_text_where_lines_end_in_line_feeds() {
        assert_eq!(fields("a\rb,c\r\n"), ["a\rb", "c"]);
        assert_eq!(fields("a,b\r"), ["a", "b"]);
    }

    #[test]
    fn the_last_record_needs_no_line_end() {
        let (scan, fields) = one("a,\"b\"", COMMA);
        assert_eq!(fields, ["a", "b"]);
        assert_eq!(
            scan,
            Scan::Record {
                used: 5,
                breaks: 0,
                terminated: false
            }
        );
    }

    #[test]
    fn a_quote_that_is_wrong_is_told_with_its_field() {
        assert_eq!(
            trouble("1,\"never closed\n2,b\n"),
            Trouble::Unclosed { field: 2 }
        );
        assert_eq!(
            trouble("1,\"say \"hi\" to\",2\n"),
            Trouble::Inside { field: 2 }
        );
        assert_eq!(
            trouble("1,\"open\n2,\"next, row\"\n"),
            Trouble::Inside { field: 2 }
        );
        assert_eq!(
            trouble("1,\"open\n2,\", a, b\"\n"),
            Trouble::Stray { field: 4 }
        );
        assert_eq!(
            trouble("1,6\" tall,\"a\nb\"\n"),
            Trouble::Stray { field: 2 }
        );
    }

    #[test]
    fn a_wrong_line_is_split_as_a_person_would() {
        let loosely = |line: &str| {
            let mut fields = Fields::default();
            split_loosely(line, COMMA, &mut fields);
            fields.to_vec()
        };
        assert_eq!(
            loosely("1,\"say \"hi\" to, you\",2\r\n"),
            ["1", "say \"hi\" to, you", "2"]
        );
        assert_eq!(
            loosely("1,\"open,\"\"a\"\" b,c"),
            ["1", "\"open", "\"\"a\"\" b", "c"]
        );
        assert_eq!(loosely("1,\"a \"\"b\"\", c\","), ["1", "a \"b\", c", ""]);
        assert_eq!(loosely(""), [""]);
    }

    proptest! {
        /// What the scanner makes of the whole text it also makes of it once it has all arrived,
        /// and it never decides earlier and differently.
        #[test]
        fn a_decision_on_a_part_is_the_decision_on_the_whole(
            text in "[ab,\"\r\n \t]{0,24}",
            cut in 0usize..24,
            mac in any::<bool>(),
        ) {
            let dialect = if mac { MAC } else { COMMA };
            let part = &text[..cut.min(text.len())];
            let mut early = Fields::default();
            let decided = scan(part, false, dialect, &mut early);
            if !matches!(decided, Scan::More { .. }) {
                let mut late = Fields::default();
                prop_assert_eq!(decided, scan(&text, true, dialect, &mut late));
                prop_assert_eq!(early, late);
            }
        }

        #[test]
        fn what_the_csv_crate_writes_is_read_back(
            record in proptest::collection::vec("[ab,;\"\r\n \té]{0,8}", 1..6),
            mac in any::<bool>(),
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(&record).unwrap();
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let (scan, fields) = one(&text, if mac { MAC } else { COMMA });
            prop_assert_eq!(fields, record);
            let whole = matches!(scan, Scan::Record { used, terminated: true, .. } if used == text.len());
            prop_assert!(whole, "{:?}", scan);
        }
    }
}
