//! What a `page` argument asks for, whichever kind it is.

use super::{Cursor, OffsetRequest, PageRequest};
use crate::error::{Error, ErrorKind, Result};

/// A type that `{page}` is filled from: [`PageRequest`] or [`OffsetRequest`], also behind a reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot fill `{{page}}`",
    note = "take `page: PageRequest`, or `page: OffsetRequest` where page numbers are needed"
)]
pub trait Paging: Send + Sync {
    /// Whether pages are cut by key, which needs `{sort}`.
    const KEYSET: bool;

    #[doc(hidden)]
    fn paged(&self) -> Result<Paged>;
}

/// A request, checked.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum Paged {
    /// By key.
    Keyset {
        /// How many rows at most.
        limit: u16,
        /// The place, and whether the page is the one before it.
        from: Option<(Cursor, bool)>,
    },
    /// By number.
    Offset {
        /// How many rows at most.
        limit: u16,
        /// How many rows are skipped.
        offset: u64,
        /// The place instead of `offset`.
        at: Option<Cursor>,
    },
}

impl Paging for PageRequest {
    const KEYSET: bool = true;

    fn paged(&self) -> Result<Paged> {
        let from = match (&self.after, &self.before) {
            (None, None) => None,
            (Some(after), None) => Some((after.clone(), false)),
            (None, Some(before)) => Some((before.clone(), true)),
            (Some(_), Some(_)) => {
                return Err(Error::new(ErrorKind::InvalidInput)
                    .with_detail("a page is either `after` a cursor or `before` one, not both"));
            }
        };
        Ok(Paged::Keyset {
            limit: self.limit()?,
            from,
        })
    }
}

impl Paging for OffsetRequest {
    const KEYSET: bool = false;

    fn paged(&self) -> Result<Paged> {
        if self.at.is_some() && self.offset > 0 {
            return Err(Error::new(ErrorKind::InvalidInput)
                .with_detail("a page begins either at an `offset` or `at` a cursor, not both"));
        }
        Ok(Paged::Offset {
            limit: self.limit()?,
            offset: OffsetRequest::checked(self.offset)?,
            at: self.at.clone(),
        })
    }
}

impl<P: Paging> Paging for &P {
    const KEYSET: bool = P::KEYSET;

    fn paged(&self) -> Result<Paged> {
        (**self).paged()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_one_way() -> Result<()> {
        let cursor = Cursor::encode("", &[])?;
        let both = PageRequest::first(5)
            .after(cursor.clone())
            .before(cursor.clone());
        let error = both.paged().expect_err("two ways");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let both = OffsetRequest::new(5, 10).at(cursor);
        let error = both.paged().expect_err("two places");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Ok(())
    }
}
