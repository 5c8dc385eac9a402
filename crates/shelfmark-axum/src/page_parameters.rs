//! The parameters that say which page of a list is wanted.

use std::fmt;
use std::str::FromStr;

use shelfmark_core::{Cursor, Error, OffsetRequest, PageRequest};

use crate::parameters::{Parameters, Refusal};

/// What [`ListQuery`](crate::ListQuery) reads a page into: [`PageRequest`] (`limit`, `after`, `before`), or
/// [`OffsetRequest`] (`limit`, and one of `page`, which counts from 1, `offset` and `at`).
#[diagnostic::on_unimplemented(
    message = "a list is not asked for pages by `{Self}`",
    note = "use `PageRequest`, or `OffsetRequest` where pages have numbers"
)]
pub trait PageParameters: Sized {
    #[doc(hidden)]
    fn read(given: &mut Given<'_, '_>) -> Self;
}

/// The parameters of a request, of which each is taken out as it is read; collects what was refused.
pub struct Given<'g, 'r> {
    pub(crate) parameters: &'g mut Parameters<'r>,
    pub(crate) refusals: &'g mut Vec<Refusal>,
}

impl fmt::Debug for Given<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").finish_non_exhaustive()
    }
}

impl Given<'_, '_> {
    /// The parameter `name` read by its type's own rules, whose errors are written for the one who sent it.
    pub(crate) fn parsed<T: FromStr<Err = Error>>(&mut self, name: &'static str) -> Option<T> {
        self.taken(name, |text| {
            text.parse().map_err(|error: Error| {
                let reason = error.detail().unwrap_or("the value is not accepted");
                format!(": {reason}")
            })
        })
    }

    /// A whole number in these bounds.
    fn number(&mut self, name: &'static str, least: u64, most: u64) -> Option<u64> {
        self.taken(name, |text| match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!(" must be a whole number from {least} to {most}")),
        })
    }

    fn limit(&mut self) -> Option<u16> {
        let limit = self.number("limit", 1, PageRequest::MAX_LIMIT.into())?;
        u16::try_from(limit).ok()
    }

    fn taken<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let refusal = match self.parameters.take(name) {
            Ok(None) => return None,
            Ok(Some(text)) => match read(&text) {
                Ok(value) => return Some(value),
                Err(reason) => Refusal::invalid(reason).named(name),
            },
            Err(refusal) => refusal,
        };
        self.refusals.push(refusal);
        None
    }

    /// Refuses `name` beside another parameter that says the same.
    fn refuse_beside(&mut self, name: &'static str, other: &'static str) {
        let reason = format!(" does not go with `{other}`; give one of them");
        self.refusals.push(Refusal::invalid(reason).named(name));
    }
}

impl PageParameters for PageRequest {
    fn read(given: &mut Given<'_, '_>) -> Self {
        let request = PageRequest {
            limit: given.limit(),
            after: given.parsed::<Cursor>("after"),
            before: given.parsed::<Cursor>("before"),
        };
        if request.after.is_some() && request.before.is_some() {
            given.refuse_beside("before", "after");
        }
        request
    }
}

impl PageParameters for OffsetRequest {
    fn read(given: &mut Given<'_, '_>) -> Self {
        let limit = given.limit();
        let size = u64::from(limit.unwrap_or(PageRequest::DEFAULT_LIMIT));
        let last = OffsetRequest::MAX_OFFSET / size + 1;
        let page = given.number("page", 1, last);
        let offset = given.number("offset", 0, OffsetRequest::MAX_OFFSET);
        let at = given.parsed::<Cursor>("at");
        match (page, offset, &at) {
            (Some(_), Some(_), _) => given.refuse_beside("offset", "page"),
            (Some(_), None, Some(_)) => given.refuse_beside("at", "page"),
            (None, Some(_), Some(_)) => given.refuse_beside("at", "offset"),
            _ => {}
        }
        let skipped = page.map(|page| page.saturating_sub(1).saturating_mul(size));
        OffsetRequest {
            limit,
            offset: skipped.or(offset).unwrap_or_default(),
            at,
        }
    }
}
