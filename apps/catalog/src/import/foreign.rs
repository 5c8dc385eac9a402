//! Files that are no CSV at all, told by their first bytes.
//!
//! They would otherwise be refused for a missing column, which is true and helps nobody.

use std::fmt::{self, Display, Formatter};

use super::layout::Column;

/// How many of the first bytes are looked at.
pub(super) const HEAD_BYTES: usize = 8 * 1024;

/// What a file is instead of a CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// A web page or another XML document.
    Markup,
    /// JSON.
    Json,
    /// A zip archive; a new Excel workbook is one too.
    Zip,
    /// An old Excel workbook.
    Excel,
    /// Compressed by gzip.
    Gzip,
    /// A PDF document.
    Pdf,
    /// A Parquet file.
    Parquet,
    /// A SQLite database.
    Sqlite,
    /// UTF-16 without the mark that would say so.
    UnmarkedUtf16,
    /// Other bytes that are no text.
    Binary,
}

impl Foreign {
    /// Tells what the file is by its first bytes; `None` when it may be a CSV.
    #[must_use]
    pub fn recognise(head: &[u8]) -> Option<Self> {
        const MAGIC: [(&[u8], Foreign); 7] = [
            (b"PK\x03\x04", Foreign::Zip),
            (b"PK\x05\x06", Foreign::Zip),
            (b"\xd0\xcf\x11\xe0", Foreign::Excel),
            (b"\x1f\x8b", Foreign::Gzip),
            (b"%PDF", Foreign::Pdf),
            (b"PAR1", Foreign::Parquet),
            (b"SQLite format 3\0", Foreign::Sqlite),
        ];
        let magic = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
        if let Some((_, foreign)) = magic {
            return Some(*foreign);
        }
        let is_utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
        if !is_utf16 && let Some(foreign) = Self::by_control_characters(head) {
            return Some(foreign);
        }
        // Of UTF-16 every other byte; these beginnings are ASCII.
        let start = head
            .iter()
            .copied()
            .filter(|byte| *byte != 0 && *byte < 0x80);
        let mut start = start.skip_while(u8::is_ascii_whitespace);
        match start.next() {
            Some(b'<') => Some(Self::Markup),
            Some(b'{' | b'[') => Some(Self::Json),
            _ => None,
        }
    }

    /// A stray control character is the matter of one row; more of them than one in twenty bytes are
    /// not, unless the first line says what the file is.
    fn by_control_characters(head: &[u8]) -> Option<Self> {
        let is_control = |byte: &u8| *byte < 0x20 && !b"\t\n\r\x0b\x0c\x1a".contains(byte);
        let controls = head.iter().filter(|byte| is_control(byte)).count();
        if controls * 20 <= head.len() || has_header(head) {
            return None;
        }
        let nul_at = |odd: usize| {
            head.iter()
                .skip(odd)
                .step_by(2)
                .filter(|byte| **byte == 0)
                .count()
                * 5
                > head.len() * 2
        };
        Some(if nul_at(0) != nul_at(1) {
            Self::UnmarkedUtf16
        } else {
            Self::Binary
        })
    }
}

/// Whether the first line names columns of ours.
fn has_header(head: &[u8]) -> bool {
    let line = head
        .split(|byte| b"\r\n".contains(byte))
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let names = line.split([',', ';', '\t']);
    let known = names.filter(|name| Column::named(name).is_some()).count();
    known >= 2 && !line.contains('\0')
}

impl Display for Foreign {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Markup => {
                "an HTML or XML page, perhaps a sign-in page saved in place of the file; download \
                 the CSV itself"
            }
            Self::Json => "JSON; convert it to CSV",
            Self::Zip => {
                "a zip archive or an Excel workbook; unpack it, or save the sheet as CSV UTF-8"
            }
            Self::Excel => "an Excel workbook; save the sheet as CSV UTF-8",
            Self::Gzip => "compressed by gzip; unpack it first",
            Self::Pdf => "a PDF document; export the table as CSV",
            Self::Parquet => "a Parquet file; export it as CSV",
            Self::Sqlite => "a SQLite database; export the table as CSV",
            Self::UnmarkedUtf16 => "UTF-16 without a byte order mark; save it as CSV UTF-8",
            Self::Binary => "a binary file; export the table as CSV UTF-8",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_json_saved_by_mistake_are_told() {
        for page in [
            "<!DOCTYPE html><html>",
            "\u{feff}\r\n  <html lang=en>",
            "<?xml version=\"1.0\"?>",
        ] {
            assert_eq!(
                Foreign::recognise(page.as_bytes()),
                Some(Foreign::Markup),
                "{page}"
            );
        }
        assert_eq!(
            Foreign::recognise(b"[{\"show_id\": 1}]"),
            Some(Foreign::Json)
        );
        let page: Vec<u8> = "\u{feff}<html>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(Foreign::recognise(&page), Some(Foreign::Markup));
    }

    #[test]
    fn known_binary_files_are_told_by_name() {
        assert_eq!(
            Foreign::recognise(b"PK\x03\x04\x14\0\x06\0"),
            Some(Foreign::Zip)
        );
        assert_eq!(Foreign::recognise(b"\x1f\x8b\x08\0"), Some(Foreign::Gzip));
        assert_eq!(
            Foreign::recognise(b"SQLite format 3\0\x10\0"),
            Some(Foreign::Sqlite)
        );
        assert_eq!(
            Foreign::recognise(b"\x7fELF\x02\x01\x01\0\0\0"),
            Some(Foreign::Binary)
        );
    }

    #[test]
    fn utf16_needs_its_mark() {
        let text = "show_id,title\n1,x\n";
        let unmarked: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(Foreign::recognise(&unmarked), Some(Foreign::UnmarkedUtf16));
        let marked = [b"\xfe\xff".as_slice(), &unmarked].concat();
        assert_eq!(Foreign::recognise(&marked), None);
    }

    #[test]
    fn a_csv_with_nul_bytes_in_its_rows_is_a_csv() {
        assert_eq!(
            Foreign::recognise(b"show_id,type,title,release_year\n1,Mo\0vie,x,1999\n"),
            None
        );
        assert_eq!(
            Foreign::recognise(b"\"show_id\",\"title\"\n\0\0\0\0\0\0\0\0"),
            None
        );
        assert_eq!(Foreign::recognise(b""), None);
        assert_eq!(
            Foreign::recognise("\"show_id\";\"Amélie\"".as_bytes()),
            None
        );
    }
}
