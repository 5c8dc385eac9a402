//! Reading a backup, which is believed when its last line has been reached and agrees with all that came before.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{ArchiveError, END, End, HEAD, Head, LONGEST_LINE, TABLE, VERSION, hex};

/// An archive that is being read, a line at a time.
#[derive(Debug)]
pub struct ArchiveReader {
    path: PathBuf,
    head: Head,
    lines: BufReader<GzDecoder<BufReader<File>>>,
    digest: Sha256,
    /// The line that comes next, without its end.
    next: Vec<u8>,
    rows: u64,
}

impl ArchiveReader {
    /// Opens the archive at `path`, whose tables have at most the schema `known`.
    ///
    /// # Errors
    /// `Io`, `Foreign`, `Unpacked`, `NewerFormat`, `NewerSchema`; `CutOff` or `Damaged` when that shows already.
    pub fn open(path: &Path, known: i64) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(|source| read_failed(path, source))?;
        let lines = BufReader::new(GzDecoder::new(BufReader::new(file)));
        let mut reader = ArchiveReader {
            path: path.to_owned(),
            head: Head {
                version: 0,
                schema: 0,
                engine: String::new(),
                made_at: jiff::Timestamp::UNIX_EPOCH,
            },
            lines,
            digest: Sha256::new(),
            next: Vec::new(),
            rows: 0,
        };
        let foreign = || ArchiveError::Foreign(path.to_owned());
        match reader.advance() {
            Ok(()) => {}
            // Something that is not even compressed, or nothing at all.
            Err(ArchiveError::Damaged { .. } | ArchiveError::CutOff { .. }) => {
                return Err(match begins_unpacked(path) {
                    true => ArchiveError::Unpacked(path.to_owned()),
                    false => foreign(),
                });
            }
            Err(other) => return Err(other),
        }
        let head = reader.after(HEAD).ok_or_else(foreign)?;
        // The version first: what else a newer head holds is not known.
        let Some(version) = serde_json::from_slice::<serde_json::Value>(head)
            .ok()
            .and_then(|head| u32::try_from(head.get("version")?.as_u64()?).ok())
        else {
            return Err(foreign());
        };
        if version > VERSION {
            let path = path.to_owned();
            return Err(ArchiveError::NewerFormat { path, version });
        }
        let head: Head = serde_json::from_slice(head).map_err(|_| foreign())?;
        if head.schema > known {
            return Err(ArchiveError::NewerSchema {
                path: path.to_owned(),
                schema: head.schema,
                known,
            });
        }
        reader.head = head;
        reader.take()?;
        Ok(reader)
    }

    /// What the archive says of itself.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Rows so far.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        self.rows
    }

    /// The name of the next table; `None` at the end, when all of the archive is as it was written.
    ///
    /// # Errors
    /// `Io`, `CutOff`, `Damaged`.
    pub fn table(&mut self) -> Result<Option<String>, ArchiveError> {
        if let Some(name) = self.after(TABLE) {
            let name = String::from_utf8_lossy(name).into_owned();
            self.take()?;
            return Ok(Some(name));
        }
        let Some(end) = self.after(END) else {
            return Err(self.damaged("a line is no row of its table"));
        };
        let Ok(end) = serde_json::from_slice::<End>(end) else {
            return Err(self.damaged("its last line cannot be read"));
        };
        if end.rows != self.rows || end.sha256 != hex(&self.digest.clone().finalize()) {
            return Err(self.damaged("its last line does not agree with the others"));
        }
        let mut rest = [0; 1];
        match self.lines.read(&mut rest) {
            Ok(0) => {}
            Ok(_) => return Err(self.damaged("it goes on after its last line")),
            Err(error) => return Err(self.failed(error)),
        }
        // What stands behind the compressed data is not ours either.
        match self.lines.get_mut().get_mut().fill_buf() {
            Ok([]) => Ok(None),
            Ok(_) => Err(self.damaged("it goes on after its last line")),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The next rows of the table, at most `limit`; none when it has no more.
    ///
    /// # Errors
    /// `Io`, `CutOff`, `Damaged`.
    pub fn rows<T: DeserializeOwned>(&mut self, limit: usize) -> Result<Vec<T>, ArchiveError> {
        let mut rows = Vec::new();
        while rows.len() < limit && self.next.first() == Some(&b'{') {
            // What the reader of rows says would show their content.
            let Ok(row) = serde_json::from_slice(&self.next) else {
                return Err(self.damaged(&format!("row {} cannot be read", self.rows + 1)));
            };
            rows.push(row);
            self.rows += 1;
            self.take()?;
        }
        Ok(rows)
    }

    /// The next line without `sign`, when it begins with that.
    fn after(&self, sign: &str) -> Option<&[u8]> {
        self.next.strip_prefix(sign.as_bytes())
    }

    /// Counts the line in, and goes on to the one after it.
    fn take(&mut self) -> Result<(), ArchiveError> {
        self.digest.update(&self.next);
        self.digest.update(b"\n");
        self.advance()
    }

    fn advance(&mut self) -> Result<(), ArchiveError> {
        self.next.clear();
        let mut bounded = self.lines.by_ref().take(LONGEST_LINE);
        if let Err(error) = bounded.read_until(b'\n', &mut self.next) {
            return Err(self.failed(error));
        }
        match self.next.pop() {
            Some(b'\n') => Ok(()),
            _ if self.next.len() as u64 + 1 >= LONGEST_LINE => {
                Err(self.damaged("a line of it is too long"))
            }
            _ => Err(self.cut_off()),
        }
    }

    fn failed(&self, error: io::Error) -> ArchiveError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.cut_off(),
            // The decoder's words for bytes that it did not write.
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                self.damaged("it cannot be decompressed")
            }
            _ => read_failed(&self.path, error),
        }
    }

    fn cut_off(&self) -> ArchiveError {
        ArchiveError::CutOff {
            path: self.path.clone(),
            rows: self.rows,
        }
    }

    fn damaged(&self, reason: &str) -> ArchiveError {
        ArchiveError::Damaged {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Whether the file begins as the text of a backup does.
fn begins_unpacked(path: &Path) -> bool {
    let mut begin = [0; HEAD.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == *HEAD.as_bytes()
}

fn read_failed(path: &Path, source: io::Error) -> ArchiveError {
    ArchiveError::Io {
        doing: "read",
        path: path.to_owned(),
        source,
    }
}
