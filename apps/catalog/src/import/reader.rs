//! A catalogue file from its first byte to its last row.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::path::Path;

use super::dates::DateOrder;
use super::dialect::{Dialect, declared_delimiter};
use super::encoding::Decoded;
use super::error::{OpenError, ReadError};
use super::foreign::{Foreign, HEAD_BYTES};
use super::layout::{Column, Layout};
use super::record::{RawRecord, Records};
use super::row::{CleanShow, clean};

/// What became of one record of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A show to store.
    Show(CleanShow),
    /// A row to set aside.
    Reject(Reject),
}

/// A row that is no show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The line of the file on which it begins, counted from 1 (the header's, mostly).
    pub line: u64,
    /// Everything that is wrong with it.
    pub reason: String,
    /// Its fields as they were found; of a row longer than can be read, its beginning.
    pub fields: Vec<String>,
}

/// Reads the rows of a catalogue file, one after the other.
///
/// Every record of the file comes out once, as a show or as a reject; blank lines, and lines of
/// delimiters alone, are passed over. An id that occurs twice comes out twice: whoever stores the
/// rows lets the later one win. After an error of the source the iterator ends.
///
/// # Examples
///
/// ```
/// use catalog::import::{Row, ShowReader};
///
/// let file = "show_id;type;title;release_year\n1;Film;Am\u{e9}lie;2001\n2;Film;;2002\n";
/// let mut rows = ShowReader::from_reader("films.csv", file.as_bytes())?;
/// assert!(matches!(rows.next(), Some(Ok(Row::Show(show))) if show.title == "Am\u{e9}lie"));
/// assert!(matches!(rows.next(), Some(Ok(Row::Reject(row))) if row.reason == "title is empty"));
/// assert!(rows.next().is_none());
/// # Ok::<(), catalog::import::OpenError>(())
/// ```
#[derive(Debug)]
#[must_use = "rows are read as the iterator is advanced"]
pub struct ShowReader<R> {
    name: String,
    records: Records<Chain<Cursor<Vec<u8>>, R>>,
    record: RawRecord,
    header: Vec<String>,
    layout: Layout,
    order: DateOrder,
    length: Option<u64>,
    failed: bool,
}

impl ShowReader<File> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the file cannot be read, is empty, is not a CSV or not of this layout.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = match opened {
            Ok(opened) => opened,
            Err(source) => return Err(OpenError::Io { name, source }),
        };
        if metadata.is_dir() {
            return Err(OpenError::Folder { name });
        }
        let mut reader = Self::from_reader(name, file)?;
        // Of a pipe there is no telling.
        reader.length = metadata.is_file().then_some(metadata.len());
        Ok(reader)
    }
}

impl<R: Read> ShowReader<R> {
    /// Reads the header of `input`, which messages call `name`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] as [`ShowReader::open`].
    pub fn from_reader(name: impl Into<String>, input: R) -> Result<Self, OpenError> {
        let name = name.into();
        let io = |source| OpenError::Io {
            name: name.clone(),
            source,
        };
        let (head, input) = peek(input).map_err(io)?;
        if let Some(what) = Foreign::recognise(&head) {
            return Err(OpenError::Foreign { name, what });
        }
        let mut records = Records::new(Decoded::new(Cursor::new(head).chain(input))).map_err(io)?;
        if declared_delimiter(records.ahead().0).is_some() {
            records.skip_line().map_err(io)?;
        }
        let mut record = RawRecord::default();
        if !records.read(&mut record).map_err(io)? {
            return Err(OpenError::Empty { name });
        }
        let line = record.line;
        if let Some(reason) = record.trouble {
            return Err(OpenError::Header { name, line, reason });
        }
        let layout = match Layout::from_header(record.fields.iter()) {
            Ok(layout) => layout,
            Err(problem) => {
                return Err(OpenError::Layout {
                    name,
                    line,
                    problem,
                });
            }
        };
        let order = date_order(&records, &layout);
        let header = record.fields.to_vec();
        let record = RawRecord::default();
        Ok(Self {
            name,
            records,
            record,
            header,
            layout,
            order,
            length: None,
            failed: false,
        })
    }
}

impl<R> ShowReader<R> {
    /// What messages call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The column names as the file has them.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Which column is which, and which are ignored.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many bytes the file has, when that can be known; it may grow while it is read.
    #[must_use]
    pub fn len_hint(&self) -> Option<u64> {
        self.length
    }
}

impl<R: Read> ShowReader<R> {
    /// How many bytes of the source have been read; somewhat more than the rows handed out so far
    /// take, since reading is done ahead.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.records.source().bytes_read()
    }

    /// How many characters were not valid and have been read as Windows-1252.
    #[must_use]
    pub fn replaced_chars(&self) -> u64 {
        self.records.source().replaced_chars()
    }

    /// What separates fields and records.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.records.dialect()
    }
}

impl<R: Read> Iterator for ShowReader<R> {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.records.read(&mut self.record) {
            Ok(false) => None,
            Ok(true) => Some(Ok(match clean(&self.record, &self.layout, self.order) {
                Ok(show) => Row::Show(show),
                Err(reason) => Row::Reject(Reject {
                    line: self.record.line,
                    reason,
                    fields: self.record.fields.to_vec(),
                }),
            })),
            Err(source) => {
                self.failed = true;
                let (name, line) = (self.name.clone(), self.records.line());
                Some(Err(ReadError {
                    name,
                    line,
                    bytes: self.bytes_read(),
                    source,
                }))
            }
        }
    }
}

/// The first bytes of a source, and what follows them.
fn peek<R: Read>(mut input: R) -> io::Result<(Vec<u8>, R)> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    input
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    Ok((head, input))
}

/// Which of day and month comes first, by the dates of the rows read ahead.
fn date_order<R: Read>(records: &Records<R>, layout: &Layout) -> DateOrder {
    let Some(place) = layout.place(Column::DateAdded) else {
        return DateOrder::Unknown;
    };
    let (ahead, whole) = records.ahead();
    let rows: Vec<_> = records.dialect().records(ahead, whole).collect();
    DateOrder::sniff(rows.iter().filter_map(|row| row.get(place)))
}

#[cfg(test)]
mod tests;
