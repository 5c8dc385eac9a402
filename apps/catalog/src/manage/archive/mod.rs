//! The file that a backup is: every row of every table, the same whichever engine it came from.
//!
//! It is gzip of lines, so that people can look into it with `zcat`:
//!
//! ```text
//! #catalog-backup {"version":1,"schema":3,"engine":"sqlite","made_at":"2026-11-21T19:00:00Z"}
//! #table directors
//! {"id":1,"name":"Ana Lily Amirpour","name_words":"ana lily amirpour"}
//! #table shows
//! …
//! #end {"rows":4711,"sha256":"of all lines above"}
//! ```
//!
//! Tables stand in an order in which none refers to a later one. A file without its last line was cut off.

mod error;
mod reader;
mod writer;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use error::ArchiveError;
pub use reader::ArchiveReader;
pub use writer::ArchiveWriter;

/// The version of the format that this program writes, and the last one that it reads.
pub const VERSION: u32 = 1;

/// What the first line begins with.
const HEAD: &str = "#catalog-backup ";
/// What the first line of a table begins with.
const TABLE: &str = "#table ";
/// What the last line begins with.
const END: &str = "#end ";
/// The longest line, in bytes: far more than any row has, and little enough to be held.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// What an archive says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the format.
    pub version: u32,
    /// The last migration that the tables had.
    pub schema: i64,
    /// The engine that the rows came from; any other one takes them as well.
    pub engine: String,
    /// When the rows were read.
    pub made_at: Timestamp,
}

/// What the last line holds against all others.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    rows: u64,
    sha256: String,
}

/// The digest as people write it.
fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
