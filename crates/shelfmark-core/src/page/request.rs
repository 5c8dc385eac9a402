//! Which page of a list is wanted.

use serde::{Deserialize, Deserializer, Serialize};

use super::Cursor;
use crate::error::{Error, ErrorKind, Result};

/// Which page of a list is wanted: how many items at most, and after or before which place.
///
/// A list never comes without a limit: [`DEFAULT_LIMIT`](PageRequest::DEFAULT_LIMIT) holds when none is given, and more
/// than [`MAX_LIMIT`](PageRequest::MAX_LIMIT) is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageRequest {
    /// How many items the page may hold; read it with [`limit`](PageRequest::limit).
    #[serde(deserialize_with = "deserialize_limit")]
    pub limit: Option<u16>,
    /// `next` of the page before this one; the list's first page without it.
    pub after: Option<Cursor>,
    /// `prev` of the page after this one, to go back. Not together with `after`.
    pub before: Option<Cursor>,
}

impl PageRequest {
    /// How many items a page holds when nobody says.
    pub const DEFAULT_LIMIT: u16 = 50;
    /// How many items a page holds at most.
    pub const MAX_LIMIT: u16 = 200;

    /// The list's first page, of at most `limit` items.
    #[must_use]
    pub fn first(limit: u16) -> Self {
        PageRequest {
            limit: Some(limit),
            after: None,
            before: None,
        }
    }

    /// The page before `cursor`; `page.prev` can be passed as it is.
    #[must_use]
    pub fn before(mut self, cursor: impl Into<Option<Cursor>>) -> Self {
        self.before = cursor.into();
        self
    }

    /// The page after `cursor`; `page.next` can be passed as it is.
    #[must_use]
    pub fn after(mut self, cursor: impl Into<Option<Cursor>>) -> Self {
        self.after = cursor.into();
        self
    }

    /// How many items the page may hold.
    ///
    /// # Errors
    /// `InvalidInput` when the limit is zero or larger than [`MAX_LIMIT`](PageRequest::MAX_LIMIT).
    pub fn limit(&self) -> Result<u16> {
        let limit = self.limit.unwrap_or(PageRequest::DEFAULT_LIMIT);
        if (1..=PageRequest::MAX_LIMIT).contains(&limit) {
            Ok(limit)
        } else {
            Err(Error::new(ErrorKind::InvalidInput).with_detail(format!(
                "the limit of a page must be a whole number from 1 to {}",
                PageRequest::MAX_LIMIT
            )))
        }
    }
}

fn deserialize_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let request = PageRequest {
        limit: Option::deserialize(deserializer)?,
        ..PageRequest::default()
    };
    request.limit().map_err(serde::de::Error::custom)?;
    Ok(request.limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_limit_even_when_nobody_gave_one() -> Result<()> {
        assert_eq!(PageRequest::default().limit()?, 50);
        assert_eq!(PageRequest::first(200).limit()?, 200);
        Ok(())
    }

    #[test]
    fn a_limit_of_zero_or_above_the_maximum_is_refused() {
        for limit in [0, 201, u16::MAX] {
            let error = PageRequest::first(limit).limit().expect_err("out of range");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            insta::allow_duplicates! {
                insta::assert_snapshot!(error, @"the limit of a page must be a whole number from 1 to 200");
            }
            let json = format!(r#"{{"limit": {limit}}}"#);
            assert!(serde_json::from_str::<PageRequest>(&json).is_err());
        }
    }

    #[test]
    fn the_next_page_is_asked_for_with_the_cursor_of_this_one() -> Result<()> {
        let cursor = Cursor::encode("", &[1.into()])?;
        let request = PageRequest::first(10).after(Some(cursor.clone()));
        assert_eq!(request, PageRequest::first(10).after(cursor.clone()));
        assert_eq!(request.after, Some(cursor));
        assert_eq!(request.after(None), PageRequest::first(10));
        Ok(())
    }

    #[test]
    fn a_request_is_read_from_json() -> Result<(), Box<dyn std::error::Error>> {
        assert_eq!(
            serde_json::from_str::<PageRequest>("{}")?,
            PageRequest::default()
        );
        let request = PageRequest::first(3).after(Cursor::encode("", &[])?);
        let json = serde_json::to_string(&request)?;
        assert_eq!(serde_json::from_str::<PageRequest>(&json)?, request);
        assert!(serde_json::from_str::<PageRequest>(r#"{"page": 2}"#).is_err());
        Ok(())
    }
}
