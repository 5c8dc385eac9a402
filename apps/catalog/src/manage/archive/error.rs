//! Why a backup cannot be written or read.

use std::io;
use std::path::PathBuf;

use super::VERSION;

/// Why an archive cannot be written or read. Whatever it is, the file that was there before, and the database, are as they
/// were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// There is a file of the name already.
    #[error("{} is there already; choose another name, or replace it with --force", .0.display())]
    Exists(PathBuf),
    /// There is a folder of the name.
    #[error("{} is a folder; name a file in it", .0.display())]
    Folder(PathBuf),
    /// The file would stand in a folder that is not there.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// The file system refuses.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is some other file.
    #[error("{} is no backup of a catalogue", .0.display())]
    Foreign(PathBuf),
    /// It was a backup once.
    #[error("{} is a backup that somebody has unpacked; pack it again with gzip", .0.display())]
    Unpacked(PathBuf),
    /// It was made by a program that knows more.
    #[error(
        "{} is a backup of format {version}, and this program reads up to {VERSION}; use the program that made it, or a newer one",
        .path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It has tables that this program does not know.
    #[error(
        "{} holds tables of schema {schema}, and this program knows up to {known}; use the program that made it, or a newer one",
        .path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: i64,
        /// Ours.
        known: i64,
    },
    /// It ends before its last line.
    #[error("{} was cut off: it ends after {rows} rows, without its last line", .path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// Rows before the end.
        rows: u64,
    },
    /// Its bytes are not those that were written.
    #[error("{} is damaged: {reason}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How one can tell.
        reason: String,
    },
}
