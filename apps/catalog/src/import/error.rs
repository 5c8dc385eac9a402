//! Why a file cannot be read at all, or not to its end. A row that cannot be read is a `Reject`.

use std::io;

use super::foreign::Foreign;
use super::layout::LayoutError;

/// The file cannot be read as a catalogue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The operating system says no.
    #[error("cannot read {name}")]
    Io {
        /// The file.
        name: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is a folder.
    #[error("{name} is a folder; name the CSV file in it")]
    Folder {
        /// The folder.
        name: String,
    },
    /// There is nothing in it.
    #[error("{name} is empty; a header and rows were expected")]
    Empty {
        /// The file.
        name: String,
    },
    /// It is something other than a CSV.
    #[error("{name} is {what}")]
    Foreign {
        /// The file.
        name: String,
        /// What it is, and what to do.
        what: Foreign,
    },
    /// The header cannot be read.
    #[error("the header of {name} (line {line}) cannot be read: {reason}")]
    Header {
        /// The file.
        name: String,
        /// Where the header begins.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The header is not that of the layout.
    #[error("{name} (header on line {line}) is not in the layout of the catalogue: {problem}")]
    Layout {
        /// The file.
        name: String,
        /// Where the header begins.
        line: u64,
        /// Which columns are missing or doubled.
        problem: LayoutError,
    },
}

/// The file could be opened and then not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {name} beyond line {line}, after {bytes} bytes")]
#[non_exhaustive]
pub struct ReadError {
    /// The file.
    pub name: String,
    /// The last row that was read began before this line.
    pub line: u64,
    /// How many bytes had been read.
    pub bytes: u64,
    /// What the system says.
    #[source]
    pub source: io::Error,
}
