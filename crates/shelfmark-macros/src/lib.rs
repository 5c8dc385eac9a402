//! The derives and attributes of Shelfmark.
