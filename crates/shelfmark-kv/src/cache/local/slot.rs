//! The values of one key: one each of every type that it is asked for as.

use std::sync::Arc;

use super::Entry;

/// Nearly always there is one, which costs a look no more than the value itself.
#[derive(Clone)]
pub(super) enum Slot {
    One(Entry),
    Several(Arc<[Entry]>),
}

impl Slot {
    /// `None` where there is nothing to hold.
    pub(super) fn of(mut entries: Vec<Entry>) -> Option<Slot> {
        if entries.len() > 1 {
            return Some(Slot::Several(entries.into()));
        }
        entries.pop().map(Slot::One)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        match self {
            Slot::One(entry) => std::slice::from_ref(entry),
            Slot::Several(entries) => entries,
        }
    }

    pub(super) fn find(self, is: impl Fn(&Entry) -> bool) -> Option<Entry> {
        match self {
            Slot::One(entry) => is(&entry).then_some(entry),
            Slot::Several(entries) => entries.iter().find(|entry| is(entry)).cloned(),
        }
    }
}
