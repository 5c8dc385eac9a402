//! Which separators a file uses, told from its first records.
//!
//! Delimiters within quotes do not count. The delimiter is the one that makes the most known column
//! names of the header; when no name is known (the file will be refused then, and should be refused
//! for the right reason) the one under which the first records are equally long.

use super::layout::Column;
use super::scan::{Fields, Scan, scan, split_loosely};

/// How many records are compared.
const RECORDS: usize = 20;

/// What separates the fields and the records of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between two fields: `,`, `;` or a tab.
    pub delimiter: u8,
    /// What stands between two records.
    pub newline: Newline,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newline {
    /// A line feed, with or without carriage returns before it. A carriage return elsewhere is text.
    Lf,
    /// A carriage return, as old Macs wrote it. A line feed ends a line there too.
    Cr,
}

impl Dialect {
    /// Tells the dialect from the first part of a file; `whole` says that the sample is all of it.
    #[must_use]
    pub fn sniff(sample: &str, whole: bool) -> Self {
        let newline = Newline::sniff(sample);
        let candidate = |delimiter| Self { delimiter, newline };
        if let Some(delimiter) = declared_delimiter(sample) {
            return candidate(delimiter);
        }
        let mut best = candidate(b',');
        let mut best_score = best.score(sample, whole);
        for delimiter in [b';', b'\t'] {
            let score = candidate(delimiter).score(sample, whole);
            if score > best_score {
                best = candidate(delimiter);
                best_score = score;
            }
        }
        best
    }

    /// Known column names, then records as long as the header, then columns.
    fn score(self, sample: &str, whole: bool) -> (usize, usize, usize) {
        let mut records = self.records(sample, whole);
        // A header with wrong quotes still tells the delimiter, so that the quotes are complained of.
        let header = records.next().unwrap_or_else(|| self.first_line(sample));
        let known = header
            .iter()
            .filter(|name| Column::named(name).is_some())
            .count();
        let columns = header.len();
        let is_alike = |record: &Fields| columns > 1 && record.len() == columns;
        (
            known,
            records.take(RECORDS).filter(is_alike).count(),
            columns,
        )
    }

    fn first_line(self, sample: &str) -> Fields {
        let mut fields = Fields::default();
        let line = sample
            .trim_start()
            .split(['\r', '\n'])
            .next()
            .unwrap_or_default();
        split_loosely(line, self, &mut fields);
        fields
    }

    /// The records of a sample that are not blank, up to the first that is not whole.
    pub(super) fn records(self, sample: &str, whole: bool) -> impl Iterator<Item = Fields> {
        let mut rest = sample;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let mut fields = Fields::default();
                let Scan::Record { used, .. } = scan(rest, whole, self, &mut fields) else {
                    return None;
                };
                rest = rest.get(used..).unwrap_or_default();
                if !fields.is_blank() {
                    return Some(fields);
                }
            }
            None
        })
    }
}

/// The delimiter that spreadsheets announce in a line of its own before the header: `sep=;`.
pub(super) fn declared_delimiter(sample: &str) -> Option<u8> {
    let line = sample.split(['\r', '\n']).next().unwrap_or_default();
    // Saved again with quotes and empty fields by another program.
    let line = line.trim_start_matches('"');
    let declared = line
        .get(..4)
        .filter(|start| start.eq_ignore_ascii_case("sep="));
    declared
        .and_then(|_| line.as_bytes().get(4).copied())
        .filter(|byte| b",;\t".contains(byte))
}

impl Newline {
    /// The first line end outside of quotes decides.
    fn sniff(sample: &str) -> Self {
        let mut in_quotes = false;
        let mut after_return = false;
        for byte in sample.bytes() {
            match byte {
                b'"' => in_quotes = !in_quotes,
                b'\n' if !in_quotes => return Self::Lf,
                b'\r' if !in_quotes => {
                    after_return = true;
                    continue;
                }
                _ => {}
            }
            if after_return {
                return Self::Cr;
            }
        }
        if after_return { Self::Cr } else { Self::Lf }
    }

    /// How many line breaks a text holds.
    pub(super) fn count(self, text: &str) -> u64 {
        let feeds = || text.bytes().filter(|byte| *byte == b'\n').count();
        let count = match self {
            Self::Lf => feeds(),
            Self::Cr => {
                let returns = text.bytes().filter(|byte| *byte == b'\r').count();
                returns + feeds() - text.matches("\r\n").count()
            }
        };
        count as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff(sample: &str) -> (char, Newline) {
        let dialect = Dialect::sniff(sample, true);
        (char::from(dialect.delimiter), dialect.newline)
    }

    #[test]
    fn the_header_tells_the_delimiter() {
        assert_eq!(sniff("show_id,type,title\n1,a;b;c;d,e\n").0, ',');
        assert_eq!(sniff("show_id;type;title\n1;a,b,c,d;e\n").0, ';');
        assert_eq!(sniff("show_id\ttype\ttitle\n1\ta,b\tc;d\n").0, '\t');
    }

    #[test]
    fn delimiters_in_quotes_do_not_count() {
        assert_eq!(
            sniff("\"id\";\"title, or name, or both\";\"type\"\n1;\"a,b,c\";x\n").0,
            ';'
        );
    }

    #[test]
    fn a_header_of_unknown_names_is_told_by_the_records() {
        assert_eq!(sniff("Name of it, if any;Wert\nx;1\ny;2\n").0, ';');
    }

    #[test]
    fn a_header_alone_is_enough() {
        assert_eq!(sniff("show_id;title").0, ';');
        assert_eq!(sniff(""), (',', Newline::Lf));
    }

    #[test]
    fn a_declared_delimiter_is_believed() {
        assert_eq!(sniff("sep=;\r\nshow_id;title\r\n"), (';', Newline::Lf));
        assert_eq!(sniff("SEP=\t\nx\n").0, '\t');
        assert_eq!(sniff("separate;title\n").0, ';');
    }

    #[test]
    fn line_ends_are_told_outside_of_quotes() {
        assert_eq!(sniff("id,title\r\n1,x\r\n").1, Newline::Lf);
        assert_eq!(sniff("id,title\r\r\n1,x\r\r\n").1, Newline::Lf);
        assert_eq!(sniff("id,title\r1,\"two\nlines\"\r").1, Newline::Cr);
        assert_eq!(sniff("id,\"ti\ntle\"\r1,x\r").1, Newline::Cr);
        assert_eq!(sniff("id,title\r").1, Newline::Cr);
        assert_eq!(sniff("id,\"ti\rtle\"\n1,x\n").1, Newline::Lf);
    }

    #[test]
    fn line_breaks_are_counted_as_an_editor_shows_them() {
        assert_eq!(Newline::Lf.count("a\nb\r\nc\rd"), 2);
        assert_eq!(Newline::Cr.count("a\nb\r\nc\rd"), 3);
    }
}
