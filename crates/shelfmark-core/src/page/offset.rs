//! Pages that begin at a number of rows, for those who must have page numbers.

use serde::{Deserialize, Serialize};

use super::{Cursor, PageRequest};
use crate::error::{Error, ErrorKind, Result};

/// Which page of a list is wanted, by the number of rows before it.
///
/// The database reads and drops all rows before the page, so a late page costs as much as all pages before it, and rows
/// that are added or removed in between shift what follows. [`PageRequest`] has neither fault. The limit is as there; at
/// most [`MAX_OFFSET`](OffsetRequest::MAX_OFFSET) rows can be skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OffsetRequest {
    /// How many items the page may hold; as in [`PageRequest`].
    pub limit: Option<u16>,
    /// How many rows stand before the page.
    pub offset: u64,
    /// `next` or `prev` of a page before, instead of `offset`.
    pub at: Option<Cursor>,
}

impl OffsetRequest {
    /// How many rows can be skipped at most.
    pub const MAX_OFFSET: u64 = 1_000_000;

    /// The page of at most `limit` items after the first `offset`.
    #[must_use]
    pub fn new(limit: u16, offset: u64) -> Self {
        OffsetRequest {
            limit: Some(limit),
            offset,
            at: None,
        }
    }

    /// The page of at most `limit` items with this number, from 1; 0 is taken for 1.
    #[must_use]
    pub fn page(number: u64, limit: u16) -> Self {
        OffsetRequest::new(limit, number.saturating_sub(1).saturating_mul(limit.into()))
    }

    /// The page at `next` or `prev` of a page before.
    #[must_use]
    pub fn at(mut self, cursor: impl Into<Option<Cursor>>) -> Self {
        self.at = cursor.into();
        self
    }

    /// How many items the page may hold.
    ///
    /// # Errors
    /// As [`PageRequest::limit`].
    pub fn limit(&self) -> Result<u16> {
        let request = PageRequest {
            limit: self.limit,
            ..PageRequest::default()
        };
        request.limit()
    }

    /// Refuses to skip too many rows.
    pub(crate) fn checked(offset: u64) -> Result<u64> {
        if offset <= OffsetRequest::MAX_OFFSET {
            return Ok(offset);
        }
        Err(Error::new(ErrorKind::InvalidInput).with_detail(format!(
            "an offset of {offset} is beyond {}; use filters, or pages by cursor",
            OffsetRequest::MAX_OFFSET
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_numbers_from_one() {
        assert_eq!(OffsetRequest::page(1, 20), OffsetRequest::new(20, 0));
        assert_eq!(OffsetRequest::page(3, 20), OffsetRequest::new(20, 40));
        assert_eq!(OffsetRequest::page(0, 20).offset, 0);
        assert_eq!(OffsetRequest::page(u64::MAX, 20).offset, u64::MAX);
    }

    #[test]
    fn an_offset_beyond_the_bound_is_refused() {
        assert!(OffsetRequest::checked(1_000_000).is_ok());
        let error = OffsetRequest::checked(1_000_001).expect_err("too many");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        insta::assert_snapshot!(error, @"an offset of 1000001 is beyond 1000000; use filters, or pages by cursor");
    }
}
