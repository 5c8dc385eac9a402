//! What a key holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use shelfmark_core::Result;

use super::leases::Leases;
use crate::failure::wrong_type;
use crate::strings::parse_count;

/// What an entry takes beside its key and its values, by estimate.
pub(super) const ENTRY_BYTES: usize = 160;
/// What an item, field or member takes beside its text.
pub(super) const PART_BYTES: usize = 64;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    /// When it ends, in microseconds since 1970.
    pub(super) end_us: Option<u64>,
    /// Whether it may make way for others.
    pub(super) may_go: bool,
    /// What it takes, by estimate.
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) enum Value {
    Text(Bytes),
    /// The same as its decimal in `Text`.
    Count(i64),
    Hash(BTreeMap<String, Bytes>),
    List(VecDeque<Bytes>),
    Set(BTreeSet<String>),
    Leases(Leases),
}

impl Value {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Value::Text(_) | Value::Count(_) => false,
            Value::Hash(fields) => fields.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Set(members) => members.is_empty(),
            Value::Leases(leases) => leases.is_empty(),
        }
    }

    pub(super) fn text(&self) -> Result<Bytes> {
        match self {
            Value::Text(text) => Ok(text.clone()),
            Value::Count(count) => Ok(Bytes::from(count.to_string())),
            _ => Err(wrong_type()),
        }
    }

    pub(super) fn count(&self) -> Result<i64> {
        match self {
            Value::Count(count) => Ok(*count),
            Value::Text(text) => parse_count(text),
            _ => Err(wrong_type()),
        }
    }
}

impl Value {
    pub(super) fn leases_mut(&mut self) -> Result<&mut Leases> {
        match self {
            Value::Leases(leases) => Ok(leases),
            _ => Err(wrong_type()),
        }
    }
}

macro_rules! as_collection {
    ($name:ident, $name_mut:ident, $variant:ident, $type:ty) => {
        impl Value {
            pub(super) fn $name(&self) -> Result<&$type> {
                match self {
                    Value::$variant(value) => Ok(value),
                    _ => Err(wrong_type()),
                }
            }

            pub(super) fn $name_mut(&mut self) -> Result<&mut $type> {
                match self {
                    Value::$variant(value) => Ok(value),
                    _ => Err(wrong_type()),
                }
            }
        }
    };
}

as_collection!(hash, hash_mut, Hash, BTreeMap<String, Bytes>);
as_collection!(list, list_mut, List, VecDeque<Bytes>);
as_collection!(set, set_mut, Set, BTreeSet<String>);
