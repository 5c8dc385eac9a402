//! Writing a backup: whole and durable under its name, or not there at all.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::{ArchiveError, END, End, HEAD, Head, TABLE, hex};

/// An archive that is being written, beside the place where it will stand. Dropped before [`finish`](Self::finish), it
/// leaves nothing behind; killed, a file `.catalog-backup-…` that nobody takes for a backup.
#[derive(Debug)]
#[must_use = "without `finish` nothing is kept"]
pub struct ArchiveWriter {
    to: PathBuf,
    replace: bool,
    out: GzEncoder<BufWriter<NamedTempFile>>,
    digest: Sha256,
    rows: u64,
}

impl ArchiveWriter {
    /// Begins an archive that will stand at `to`; only with `replace` in the place of a file that is there.
    ///
    /// # Errors
    /// `Exists`, `Folder`, `NoFolder`, and `Io` where nothing can be written.
    pub fn create(to: &Path, replace: bool, head: &Head) -> Result<Self, ArchiveError> {
        if to.is_dir() {
            return Err(ArchiveError::Folder(to.to_owned()));
        }
        if !replace && to.symlink_metadata().is_ok() {
            return Err(ArchiveError::Exists(to.to_owned()));
        }
        let file = tempfile::Builder::new()
            .prefix(".catalog-backup-")
            .tempfile_in(folder_of(to))
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => ArchiveError::NoFolder(folder_of(to).to_owned()),
                _ => failed("write beside", to, source),
            })?;
        let mut writer = ArchiveWriter {
            to: to.to_owned(),
            replace,
            out: GzEncoder::new(BufWriter::new(file), Compression::default()),
            digest: Sha256::new(),
            rows: 0,
        };
        writer.line(HEAD, head)?;
        Ok(writer)
    }

    /// Begins the rows of a table.
    ///
    /// # Errors
    /// `Io`.
    pub fn table(&mut self, name: &str) -> Result<(), ArchiveError> {
        self.write(format!("{TABLE}{name}\n").as_bytes())
    }

    /// Adds a row to the table that was begun last.
    ///
    /// # Errors
    /// `Io`.
    pub fn row(&mut self, row: &impl Serialize) -> Result<(), ArchiveError> {
        self.line("", row)?;
        self.rows += 1;
        Ok(())
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes the last line, brings all of it to the disk and gives it its name. Answers the number of bytes.
    ///
    /// # Errors
    /// `Io`, and `Exists` when a file of the name has come meanwhile.
    pub fn finish(mut self) -> Result<u64, ArchiveError> {
        let sha256 = hex(&self.digest.clone().finalize());
        let rows = self.rows;
        self.line(END, &End { rows, sha256 })?;
        let to = self.to;
        let refused = |source| failed("write", &to, source);
        let file = self.out.finish().map_err(refused)?;
        let file = file
            .into_inner()
            .map_err(|error| refused(error.into_error()))?;
        file.as_file().sync_all().map_err(refused)?;
        let bytes = file.as_file().metadata().map_err(refused)?.len();
        let named = if self.replace {
            file.persist(&to)
        } else {
            file.persist_noclobber(&to)
        };
        named.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => ArchiveError::Exists(to.clone()),
            _ => refused(error.error),
        })?;
        // The name has to be on the disk, too.
        let folder = File::open(folder_of(&to)).map_err(refused)?;
        folder.sync_all().map_err(refused)?;
        Ok(bytes)
    }

    fn line(&mut self, sign: &str, content: &impl Serialize) -> Result<(), ArchiveError> {
        let mut line = sign.as_bytes().to_vec();
        serde_json::to_writer(&mut line, content)
            .map_err(|error| failed("write", &self.to, error.into()))?;
        line.push(b'\n');
        self.write(&line)
    }

    fn write(&mut self, line: &[u8]) -> Result<(), ArchiveError> {
        self.digest.update(line);
        self.out
            .write_all(line)
            .map_err(|source| failed("write", &self.to, source))
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> ArchiveError {
    ArchiveError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
