//! Reading a catalogue file: from the bytes somebody exported to clean rows.
//!
//! The file is a CSV in the public "Netflix titles" layout as it is found in the wild. Each module
//! undoes one kind of wildness, and the next one does not see it any more:
//!
//! ```text
//! bytes ─ encoding ─► UTF-8 ─ record ─► fields ─ row ─► CleanShow
//!           (scan: one record,  dialect: which separators,  layout: which column is which)
//! ```
//!
//! [`ShowReader`] puts them together. Memory stays flat as the file grows: the reader holds at most
//! one record of [`MAX_RECORD_BYTES`], and [`import`], which alone knows of a database, a few
//! batches of about a megabyte at most.

mod batch;
mod dates;
mod dialect;
mod encoding;
mod error;
mod foreign;
mod layout;
mod load;
mod progress;
mod reader;
mod record;
mod rejects;
mod row;
mod scan;
mod text;

pub use dates::{DateOrder, parse_date};
pub use dialect::{Dialect, Newline};
pub use encoding::Decoded;
pub use error::{OpenError, ReadError};
pub use foreign::Foreign;
pub use layout::{Column, Layout, LayoutError};
pub use load::{ImportError, ImportOptions, ImportSummary, import, import_rows};
pub use progress::{Progress, ProgressStyle, Tally};
pub use reader::{Reject, Row, ShowReader};
pub use record::MAX_RECORD_BYTES;
pub use rejects::{RejectsError, RejectsFile};
pub use row::CleanShow;
