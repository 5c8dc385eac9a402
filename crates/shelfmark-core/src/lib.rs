//! What every part of Shelfmark agrees on; names no driver.
