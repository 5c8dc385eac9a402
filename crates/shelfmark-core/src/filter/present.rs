//! Which conditions a call brings, and their values.

use std::borrow::Cow;

use super::condition::{Comparison, Condition, Test};
use super::{Bounds, pattern};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};
use crate::value::{Param, ValueRef};

/// The conditions that are there, collected by [`Filters::present`](super::Filters::present).
#[derive(Debug)]
pub struct Present<'a> {
    dialect: Dialect,
    pub(crate) all: &'static [Condition],
    /// Each with its place among all, and the position of its first value.
    pub(crate) found: Vec<(u32, usize)>,
    pub(crate) values: Vec<ValueRef<'a>>,
    /// The first value that cannot be sent.
    pub(crate) refused: Option<Error>,
}

impl<'a> Present<'a> {
    pub(crate) fn new(dialect: Dialect, all: &'static [Condition]) -> Self {
        Present {
            dialect,
            all,
            found: Vec::new(),
            values: Vec::new(),
            refused: None,
        }
    }

    /// The same, borrowing nothing.
    pub(crate) fn into_owned(self) -> Present<'static> {
        Present {
            dialect: self.dialect,
            all: self.all,
            found: self.found,
            values: self.values.into_iter().map(ValueRef::into_owned).collect(),
            refused: self.refused,
        }
    }

    /// The condition at `nth` is there; the values that follow are its own.
    pub fn condition(&mut self, nth: usize) {
        let position = self.values.len();
        self.found
            .push((u32::try_from(nth).unwrap_or(u32::MAX), position));
    }

    /// The condition at `nth` is there, with one value: a comparison, a list, or a text to be looked for.
    pub fn compare<P: Param + ?Sized>(&mut self, nth: usize, value: &'a P) {
        self.condition(nth);
        let comparison = match self.all.get(nth).map(|condition| condition.test) {
            Some(Test::Column { comparison, .. }) => comparison,
            _ => Comparison::Eq,
        };
        self.value(value);
        let Some(ValueRef::Text(text)) = self.values.last_mut() else {
            return;
        };
        match comparison {
            Comparison::Contains => *text = Cow::Owned(pattern::anywhere(self.dialect, text)),
            Comparison::StartsWith if pattern::is_too_long(text) => self.refuse(
                ErrorKind::InvalidInput,
                &format!(
                    "a text of that length cannot be looked for at the beginning of a column; \
                     as a pattern it may have {} bytes",
                    pattern::LONGEST
                ),
            ),
            Comparison::StartsWith => *text = Cow::Owned(pattern::beginning(self.dialect, text)),
            _ => {}
        }
    }

    /// The condition at `nth` is there, with two bounds.
    pub fn between<B: Bounds>(&mut self, nth: usize, bounds: &'a B)
    where
        B::Bound: Param,
    {
        self.condition(nth);
        let (from, to) = bounds.bounds();
        self.value(from);
        self.value(to);
    }

    /// One more value of the condition that was told last.
    pub fn value<P: Param + ?Sized>(&mut self, value: &'a P) {
        let value = value.encode_param();
        self.take(value);
    }

    /// One more value of the condition that was told last, made for this call.
    pub fn made<P: Param>(&mut self, value: P) {
        let value = value.encode_param().map(ValueRef::into_owned);
        self.take(value);
    }

    fn take(&mut self, value: Result<ValueRef<'a>, crate::value::ValueError>) {
        let value = value.unwrap_or_else(|error| {
            self.refuse(ErrorKind::Encode, &error);
            ValueRef::Null
        });
        self.values.push(value);
    }

    /// Keeps the first refusal, which names the field.
    fn refuse(&mut self, kind: ErrorKind, why: &dyn std::fmt::Display) {
        let field = self
            .found
            .last()
            .and_then(|(nth, _)| self.all.get(*nth as usize))
            .map_or("", |condition| condition.field);
        self.refused.get_or_insert_with(|| {
            Error::new(kind).with_detail(format!("filter `{field}`: {why}"))
        });
    }
}
