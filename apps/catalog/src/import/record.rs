//! The records of a file, one after the other, with their line numbers and in bounded memory.
//!
//! A record is held whole, and at most [`MAX_RECORD_BYTES`] of it. Where the quotes are wrong only
//! the line is given up on which the record began, and reading goes on with the next line: a quote
//! that somebody forgot to close costs one row, not the rest of the file. (A broken record that was
//! really meant to have several lines is given up line by line in this way; nothing is lost, each
//! line is a reject.) The work stays linear: a record runs on over a line end only when the line
//! leaves a quote open, and the same line read from its own start then closes what it opens.

use std::io::{self, Read};

use super::dialect::Dialect;
use super::encoding::Decoded;
use super::scan::{Fields, Scan, Trouble, first_line, scan, split_loosely};
use super::text::shortened;

/// The longest record that is read, as UTF-8 with its delimiters and quotes.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// What is kept of a line that is longer than that: enough to recognise it.
const KEPT_BYTES: usize = 64 * 1024;

/// How much text is kept ready, when records are small.
const READY_BYTES: usize = 128 * 1024;

/// One record; used again for the next.
#[derive(Debug, Default)]
pub(super) struct RawRecord {
    /// The physical line on which it begins, counted from 1.
    pub(super) line: u64,
    pub(super) fields: Fields,
    /// Why the fields are only a guess.
    pub(super) trouble: Option<String>,
    /// Whether a line end follows: the last record of a file that was cut off has none.
    pub(super) terminated: bool,
}

/// The records of one source.
#[derive(Debug)]
pub(super) struct Records<R> {
    source: Decoded<R>,
    /// Text that has been read; what stands before `start` has been handed out.
    buffer: String,
    start: usize,
    ended: bool,
    /// The number of the line at `start`.
    line: u64,
    dialect: Dialect,
}

impl<R: Read> Records<R> {
    /// Reads ahead and tells the dialect from what there is.
    pub(super) fn new(source: Decoded<R>) -> io::Result<Self> {
        let dialect = Dialect::sniff("", true);
        let mut records = Self {
            source,
            buffer: String::new(),
            start: 0,
            ended: false,
            line: 1,
            dialect,
        };
        records.fill(READY_BYTES)?;
        records.dialect = Dialect::sniff(&records.buffer, records.ended);
        Ok(records)
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn source(&self) -> &Decoded<R> {
        &self.source
    }

    /// The line on which the next record begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The text read ahead and not handed out yet, and whether it is all that is left.
    pub(super) fn ahead(&self) -> (&str, bool) {
        (self.rest(), self.ended)
    }

    /// Passes over the first line.
    pub(super) fn skip_line(&mut self) -> io::Result<()> {
        self.give_up_line(&mut Fields::default())
    }

    /// Reads the next record that is not blank; `false` at the end.
    pub(super) fn read(&mut self, record: &mut RawRecord) -> io::Result<bool> {
        loop {
            let window = self.window();
            let is_last = self.ended && window.len() == self.rest().len();
            if window.is_empty() && is_last {
                return Ok(false);
            }
            let full = self.rest().len() > MAX_RECORD_BYTES;
            match scan(window, is_last, self.dialect, &mut record.fields) {
                Scan::Record {
                    used,
                    breaks,
                    terminated,
                } => {
                    record.line = self.line;
                    record.trouble = None;
                    record.terminated = terminated;
                    self.start += used;
                    self.line += breaks + u64::from(terminated);
                    if !record.fields.is_blank() {
                        return Ok(true);
                    }
                }
                Scan::More { .. } if !full => self.fill((2 * window.len()).max(READY_BYTES))?,
                broken => {
                    record.line = self.line;
                    record.terminated = true;
                    record.trouble = Some(self.explain(&broken));
                    self.give_up_line(&mut record.fields)?;
                    return Ok(true);
                }
            }
        }
    }

    fn explain(&self, scan: &Scan) -> String {
        let delimiter = shortened(&char::from(self.dialect.delimiter).to_string(), 1);
        match scan {
            Scan::Broken(Trouble::Unclosed { field })
            | Scan::More {
                open_quote: Some(field),
            } => {
                let far = match scan {
                    Scan::More { .. } => format!("in the next {MAX_RECORD_BYTES} bytes"),
                    _ => "before the end of the file".to_owned(),
                };
                format!(
                    "the quote that opens field {field} is not closed {far}; close it, or double it \
                     if it belongs to the text"
                )
            }
            Scan::Broken(Trouble::Inside { field }) => format!(
                "a quote in quoted field {field} is followed by neither `{delimiter}` nor the end \
                 of the line; double the quotes that belong to the text, close the field if its \
                 quote was forgotten"
            ),
            Scan::Broken(Trouble::Stray { field }) => format!(
                "field {field} has a quote in it but is not quoted, in a row that runs on over the \
                 end of the line; quote the whole field and double the quotes in it, or close the \
                 quote that was forgotten"
            ),
            Scan::More { open_quote: None } | Scan::Record { .. } => {
                format!(
                    "the row is longer than {MAX_RECORD_BYTES} bytes, of which the first {KEPT_BYTES} \
                     are kept; a quote may be missing in it"
                )
            }
        }
    }

    /// Moves past the line at `start`, and puts what can be made of it into `fields`.
    fn give_up_line(&mut self, fields: &mut Fields) -> io::Result<()> {
        let newline = self.dialect.newline;
        let window = self.window();
        let is_last = self.ended && window.len() == self.rest().len();
        if let Some(length) = first_line(window, is_last, newline) {
            let line = window.get(..length).unwrap_or_default();
            split_loosely(line, self.dialect, fields);
            self.start += length;
        } else {
            // A line longer than a record may be: its beginning is kept, the rest is dropped as it
            // is read.
            let kept = window.get(..window.floor_char_boundary(KEPT_BYTES));
            split_loosely(kept.unwrap_or(window), self.dialect, fields);
            self.start += window.len();
            loop {
                self.fill(READY_BYTES)?;
                let rest = self.rest();
                if let Some(length) = first_line(rest, self.ended, newline) {
                    self.start += length;
                    break;
                }
                // A carriage return at the very end may be half of a line end.
                self.start += rest.strip_suffix('\r').unwrap_or(rest).len();
            }
        }
        self.line += 1;
        Ok(())
    }

    fn rest(&self) -> &str {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// What a record may consist of. It does not depend on how much was read ahead.
    fn window(&self) -> &str {
        let rest = self.rest();
        rest.get(..rest.floor_char_boundary(MAX_RECORD_BYTES))
            .unwrap_or(rest)
    }

    /// Reads until `bytes` of text are ready, or until the source ends.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        // One more than a record may have tells that there is more.
        let wanted = bytes.min(MAX_RECORD_BYTES + 1);
        let before = self.buffer.len();
        while !self.ended && (self.buffer.len() < wanted || self.buffer.len() == before) {
            self.ended = !self.source.read_more(&mut self.buffer)?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn buffer_capacity(&self) -> usize {
        self.buffer.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line, fields, trouble of every record.
    type Read3 = (u64, Vec<String>, Option<String>);

    fn read_all(input: impl Read) -> Vec<Read3> {
        let mut records = Records::new(Decoded::new(input)).unwrap();
        let mut record = RawRecord::default();
        let mut all = Vec::new();
        while records.read(&mut record).unwrap() {
            all.push((record.line, record.fields.to_vec(), record.trouble.take()));
        }
        all
    }

    fn lines_and_first_fields(text: &str) -> Vec<(u64, String, bool)> {
        let all = read_all(text.as_bytes()).into_iter();
        all.map(|(line, fields, trouble)| (line, fields[0].clone(), trouble.is_none()))
            .collect()
    }

    fn expect(text: &str, expected: &[(u64, &str, bool)]) {
        let found = lines_and_first_fields(text);
        let found: Vec<_> = found
            .iter()
            .map(|(l, f, ok)| (*l, f.as_str(), *ok))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn line_numbers_are_those_of_an_editor() {
        let expected = [
            (1, "id", true),
            (2, "1", true),
            (4, "2", true),
            (7, "3", true),
        ];
        let unix = "id,t\n1,\"a\nb\"\n2,\"\n\nc\"\n3,d";
        expect(unix, &expected);
        expect(&unix.replace('\n', "\r\n"), &expected);
        expect(&unix.replace('\n', "\r"), &expected);
    }

    #[test]
    fn blank_lines_are_passed_over_and_counted() {
        expect(
            "\n\nid,t\n\n  \n,,,\n1,a\n\n",
            &[(3, "id", true), (7, "1", true)],
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_row() {
        let text = "id,t\n1,\"open\n2,b\n3,c\n";
        expect(
            text,
            &[
                (1, "id", true),
                (2, "1", false),
                (3, "2", true),
                (4, "3", true),
            ],
        );
        let all = read_all(text.as_bytes());
        assert_eq!(all[1].1, ["1", "\"open"]);
        insta::assert_snapshot!(all[1].2.as_ref().unwrap(), @"the quote that opens field 2 is not closed before the end of the file; close it, or double it if it belongs to the text");
    }

    #[test]
    fn a_forgotten_quote_before_quoted_rows_costs_one_row() {
        let text = "id,t,c\n1,\"open,x\n2,\"b, c\",y\n3,\", d, e\",z\n4,\"open,x\n5,\", d, e\",z\n";
        let good = |line, id| (line, id, true);
        expect(
            text,
            &[
                good(1, "id"),
                (2, "1", false),
                good(3, "2"),
                good(4, "3"),
                (5, "4", false),
                good(6, "5"),
            ],
        );
    }

    #[test]
    fn quotes_within_a_quoted_field_are_explained() {
        let all = read_all("id,t\n1,\"say \"hi\" now\"\n2,b\n".as_bytes());
        assert_eq!(all[1].1, ["1", "say \"hi\" now"]);
        insta::assert_snapshot!(all[1].2.as_ref().unwrap(), @"a quote in quoted field 2 is followed by neither `,` nor the end of the line; double the quotes that belong to the text, close the field if its quote was forgotten");
        assert_eq!(all[2].1, ["2", "b"]);
        let all = read_all("id,t\n1,6\" tall,\"two\nlines\"\n".as_bytes());
        insta::assert_snapshot!(all[1].2.as_ref().unwrap(), @"field 2 has a quote in it but is not quoted, in a row that runs on over the end of the line; quote the whole field and double the quotes in it, or close the quote that was forgotten");
    }

    /// `head`, then `line` again and again until `total` bytes have been made.
    struct Endless<'a> {
        head: &'a [u8],
        line: &'a [u8],
        at: usize,
        left: usize,
    }

    impl<'a> Endless<'a> {
        fn new(head: &'a [u8], line: &'a [u8], total: usize) -> Self {
            Self {
                head,
                line,
                at: 0,
                left: total,
            }
        }
    }

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if !self.head.is_empty() {
                return self.head.read(buffer);
            }
            let length = buffer.len().min(self.left);
            for byte in &mut buffer[..length] {
                *byte = self.line[self.at % self.line.len()];
                self.at += 1;
            }
            self.left -= length;
            Ok(length)
        }
    }

    /// Reads everything; the numbers of good and broken records, and the largest buffer.
    fn measure(input: Endless<'_>) -> (u64, u64, usize) {
        let mut records = Records::new(Decoded::new(input)).unwrap();
        let mut record = RawRecord::default();
        let (mut good, mut broken, mut largest) = (0, 0, 0);
        while records.read(&mut record).unwrap() {
            match record.trouble {
                None => good += 1,
                Some(_) => broken += 1,
            }
            largest = largest.max(records.buffer_capacity());
        }
        (good, broken, largest)
    }

    /// A record, one chunk more than that in three bytes for each byte read, and doubling.
    const BOUND: usize = 4 * MAX_RECORD_BYTES;
    const FIFTY_MB: usize = 50_000_000;

    #[test]
    fn memory_stays_flat_over_fifty_megabytes_of_rows() {
        let line = b"s1,Movie,\"A title, quoted\",1999,\"some words that make the row longer\"\n";
        let rows = FIFTY_MB / line.len();
        let (good, broken, largest) = measure(Endless::new(b"", line, rows * line.len()));
        assert_eq!((good, broken), (rows as u64, 0));
        assert!(largest < 512 * 1024, "{largest}");
    }

    #[test]
    fn an_open_quote_near_the_start_does_not_swallow_fifty_megabytes() {
        let line = b"s1,Movie,A title without any quote,1999,some words that make the row longer\n";
        let (good, broken, largest) = measure(Endless::new(b"id,t\ns0,\"open\n", line, FIFTY_MB));
        assert_eq!((good, broken), ((FIFTY_MB / line.len() + 2) as u64, 1));
        assert!(largest < BOUND, "{largest}");
    }

    #[test]
    fn a_line_without_end_is_one_reject_in_flat_memory() {
        for line in [b"x".as_slice(), b"x,", b"\"\"", b"\r", b"\"x\"", b"\xe9"] {
            let (good, broken, largest) = measure(Endless::new(b"id,t\nx,", line, 2_000_000));
            assert_eq!((good, broken), (1, 1), "{line:?}");
            assert!(largest < BOUND, "{largest}");
        }
    }

    #[test]
    fn after_a_line_that_is_too_long_reading_goes_on_with_the_next() {
        let long = "x".repeat(MAX_RECORD_BYTES + 200_000);
        let text = format!("id,t\n1,{long}\n2,\"b\"\n3,\"{long}\"\n4,d\n");
        expect(
            &text,
            &[
                (1, "id", true),
                (2, "1", false),
                (3, "2", true),
                (4, "3", false),
                (5, "4", true),
            ],
        );
        let all = read_all(text.as_bytes());
        insta::assert_snapshot!(all[1].2.as_ref().unwrap(), @"the row is longer than 1048576 bytes, of which the first 65536 are kept; a quote may be missing in it");
        assert_eq!(all[1].1[1].len(), KEPT_BYTES - 2);
        let text = text.replace('\n', "\r");
        assert_eq!(
            lines_and_first_fields(&text).last().unwrap(),
            &(5, "4".to_owned(), true)
        );
    }

    #[test]
    fn a_record_of_exactly_the_limit_is_read() {
        let head = "1,";
        let field = "x".repeat(MAX_RECORD_BYTES - head.len() - 1);
        let text = format!("id,t\n{head}{field}\n2,b\n");
        assert!(
            lines_and_first_fields(&text)
                .iter()
                .all(|(_, _, good)| *good)
        );
        let text = format!("id,t\n{head}{field}x\n2,b\n");
        assert!(!lines_and_first_fields(&text)[1].2);
    }

    #[test]
    fn rows_that_each_open_a_quote_do_not_make_the_work_grow_with_its_square() {
        for line in [
            b"x\",b,\"\n".as_slice(),
            b"\",b,\"\n",
            b"x,\"b\n",
            b"\"\"\"\n",
            b"x,\"\"\"\n",
        ] {
            let (good, broken, _) = measure(Endless::new(b"id,t\n", line, 1_500_000));
            assert!(
                good + broken >= (1_500_000 / line.len() / 2) as u64,
                "{line:?}"
            );
        }
    }

    #[test]
    fn many_blank_lines_do_not_make_the_work_grow_with_its_square() {
        for head in ["id,t\r1,a\r", "id,t\n1,a\n", "id,t\r\n1,a\r\n"] {
            let blank = head
                .trim_start_matches("id,t")
                .split('1')
                .next()
                .unwrap_or_default();
            let input = Endless::new(head.as_bytes(), blank.as_bytes(), 1_000_000);
            assert_eq!(measure(input).0, 2, "{head:?}");
        }
    }

    #[test]
    fn a_cut_off_last_line_is_told() {
        let mut records = Records::new(Decoded::new("id,t\n1,a".as_bytes())).unwrap();
        let mut record = RawRecord::default();
        assert!(records.read(&mut record).unwrap() && record.terminated);
        assert!(records.read(&mut record).unwrap() && !record.terminated);
    }
}
