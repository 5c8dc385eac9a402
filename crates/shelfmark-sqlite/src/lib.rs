//! The embedded engine of Shelfmark, on rusqlite.
