//! One page of a list, without the number of all items.

use serde::{Deserialize, Serialize};

use super::Cursor;
use crate::error::Result;

/// One page of a list, without the number of all items, which is expensive to know: [`Page`](super::Page) has it.
///
/// As JSON `{"items": […], "next": "cursor", "prev": "cursor"}`, with null where there is no such page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice<T> {
    /// What the page holds, in the list's order.
    pub items: Vec<T>,
    /// What [`PageRequest::after`](super::PageRequest::after) takes for the next page, if there is one.
    pub next: Option<Cursor>,
    /// What [`PageRequest::before`](super::PageRequest::before) takes for the page before, if there is one.
    #[serde(default)]
    pub prev: Option<Cursor>,
}

impl<T> Slice<T> {
    /// A list that is one page.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Slice<T> {
        Slice {
            items,
            next: None,
            prev: None,
        }
    }

    /// Makes a page of at most `limit` rows, for lists that are read without `{page}`. One row more was asked for: the row
    /// too many says that there is a next page, and `cursor` is made of the last row that stays.
    ///
    /// # Errors
    /// What `cursor` answers.
    pub fn cut(
        mut rows: Vec<T>,
        limit: u16,
        cursor: impl FnOnce(&T) -> Result<Cursor>,
    ) -> Result<Slice<T>> {
        let more = rows.len() > usize::from(limit);
        rows.truncate(usize::from(limit));
        let next = match rows.last() {
            Some(last) if more => Some(cursor(last)?),
            _ => None,
        };
        Ok(Slice {
            items: rows,
            next,
            prev: None,
        })
    }

    /// The same page with each item turned into another.
    #[must_use]
    pub fn map<U>(self, item: impl FnMut(T) -> U) -> Slice<U> {
        Slice {
            items: self.items.into_iter().map(item).collect(),
            next: self.next,
            prev: self.prev,
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
        let page = Slice::cut(vec![1, 2, 3], 2, cursor)?;
        assert_eq!(page.items, [1, 2]);
        assert_eq!(page.next, Some(cursor(&2)?));
        Ok(())
    }

    #[test]
    fn the_last_page_has_no_next_one_even_when_it_is_full() -> Result<()> {
        let never = |_: &i32| Err(Error::new(ErrorKind::Other));
        assert_eq!(Slice::cut(vec![1, 2], 2, never)?.next, None);
        assert_eq!(Slice::cut(vec![], 2, never)?.next, None);
        Ok(())
    }

    #[test]
    fn a_page_is_json_of_items_next_and_prev() -> Result<(), Box<dyn std::error::Error>> {
        let next = cursor(&2)?;
        let page = Slice::cut(vec![1, 2, 3], 2, cursor)?.map(|number| number.to_string());
        let json = serde_json::to_string(&page)?;
        assert_eq!(
            json,
            format!(r#"{{"items":["1","2"],"next":"{next}","prev":null}}"#)
        );
        assert_eq!(serde_json::from_str::<Slice<String>>(&json)?, page);
        let last = Slice { next: None, ..page };
        assert_eq!(
            serde_json::to_string(&last)?,
            r#"{"items":["1","2"],"next":null,"prev":null}"#
        );
        Ok(())
    }
}
