//! One page of a list.

use serde::{Deserialize, Serialize};

use super::Cursor;
use crate::error::Result;

/// One page of a list: `{"items": […], "next": "cursor"}`, with `"next": null` on the last page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What the page holds, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page of at most `limit` rows when one row more was asked for: the row too many says that there is a next
    /// page, and `cursor` is made of the last row that stays.
    ///
    /// # Errors
    /// What `cursor` answers.
    pub fn cut(
        mut rows: Vec<T>,
        limit: u16,
        cursor: impl FnOnce(&T) -> Result<Cursor>,
    ) -> Result<Page<T>> {
        let more = rows.len() > usize::from(limit);
        rows.truncate(usize::from(limit));
        let next = match rows.last() {
            Some(last) if more => Some(cursor(last)?),
            _ => None,
        };
        Ok(Page { items: rows, next })
    }

    /// The same page with each item turned into another.
    #[must_use]
    pub fn map<U>(self, item: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(item).collect(),
            next: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    fn cursor(last: &i32) -> Result<Cursor> {
        Cursor::encode("numbers", &[(*last).into()])
    }

    #[test]
    fn a_row_too_many_becomes_the_next_page() -> Result<()> {
        let page = Page::cut(vec![1, 2, 3], 2, cursor)?;
        assert_eq!(page.items, [1, 2]);
        assert_eq!(page.next, Some(cursor(&2)?));
        Ok(())
    }

    #[test]
    fn the_last_page_has_no_next_one_even_when_it_is_full() -> Result<()> {
        let never = |_: &i32| Err(Error::new(ErrorKind::Other));
        assert_eq!(Page::cut(vec![1, 2], 2, never)?.next, None);
        assert_eq!(Page::cut(vec![], 2, never)?.next, None);
        Ok(())
    }

    #[test]
    fn a_page_is_json_of_items_and_next() -> Result<(), Box<dyn std::error::Error>> {
        let next = cursor(&2)?;
        let page = Page::cut(vec![1, 2, 3], 2, cursor)?.map(|number| number.to_string());
        let json = serde_json::to_string(&page)?;
        assert_eq!(json, format!(r#"{{"items":["1","2"],"next":"{next}"}}"#));
        assert_eq!(serde_json::from_str::<Page<String>>(&json)?, page);
        let last = Page { next: None, ..page };
        assert_eq!(
            serde_json::to_string(&last)?,
            r#"{"items":["1","2"],"next":null}"#
        );
        Ok(())
    }
}
