//! What a call brings for the slots of its statement.

use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::filter::{Filters, Present};
use crate::page::keyset::{Term, with_tie_breaker};
use crate::page::{Direction, Paged, Paging, SortBy, SortKey as _, Sorted};

/// The filters, the order and the page of one call.
#[derive(Debug, Default)]
pub(crate) struct Brought<'a> {
    pub(super) present: Option<Present<'a>>,
    pub(super) order: Option<Order>,
    pub(super) page: Option<Paged>,
    refused: Option<Error>,
}

/// An order with its tie-breaker.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) terms: Vec<Term>,
    /// What tells it from other orders of the same keys.
    pub(super) shape: Vec<u32>,
}

impl<'a> Brought<'a> {
    pub(crate) fn filters<F: Filters>(&mut self, dialect: Dialect, filters: &'a F) {
        let mut present = Present::new(dialect, F::CONDITIONS);
        filters.present(&mut present);
        self.present = Some(present);
    }

    pub(crate) fn sort<S: Sorted>(&mut self, sort: &S) {
        let keys = sort.keys();
        let terms = keys.iter().map(|(key, direction)| Term {
            name: key.name(),
            column: key.column(),
            direction: *direction,
        });
        let names = S::Key::names();
        let shape = keys.iter().map(|(key, direction)| {
            let place = names.iter().position(|name| *name == key.name());
            let place = place.and_then(|place| u32::try_from(place).ok());
            let descending = u32::from(*direction == Direction::Descending);
            place.unwrap_or(u32::MAX / 4) * 2 + descending
        });
        self.order = Some(Order {
            shape: shape.collect(),
            terms: with_tie_breaker(terms.collect(), &S::Key::tie_breaker()),
        });
    }

    pub(crate) fn page<P: Paging>(&mut self, page: &P) {
        match page.paged() {
            Ok(page) => self.page = Some(page),
            Err(error) => {
                self.refused.get_or_insert(error);
            }
        }
    }

    /// The first thing that was refused.
    pub(super) fn check(&mut self) -> Result<()> {
        let refused = self
            .refused
            .take()
            .or_else(|| self.present.as_mut()?.refused.take());
        refused.map_or(Ok(()), Err)
    }

    /// The same, borrowing nothing.
    pub(crate) fn into_owned(self) -> Brought<'static> {
        Brought {
            present: self.present.map(Present::into_owned),
            order: self.order,
            page: self.page,
            refused: self.refused,
        }
    }
}
