//! The film catalogue: import, HTTP API and page, on Shelfmark.

pub mod import;
