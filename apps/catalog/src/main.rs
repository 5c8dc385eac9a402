//! The film catalogue: import, HTTP API and page, on Shelfmark.
fn main() {}
