//! Values that rows are told apart by: equal where the databases take them for equal.

use std::borrow::Cow;

use jiff::civil;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::ValueRef;

/// A value other than NULL that can be looked up.
///
/// Integers of all widths are the same, as are decimals of different scale, and -0.0 is 0.0.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Key<'v> {
    Bool(bool),
    Integer(i64),
    Float(u64),
    Text(Cow<'v, str>),
    Bytes(Cow<'v, [u8]>),
    Uuid(Uuid),
    Timestamp(jiff::Timestamp),
    Date(civil::Date),
    Time(civil::Time),
    Decimal(Decimal),
}

impl<'v> Key<'v> {
    /// The key that `value` is; `None` for NULL, which is never the same as another.
    pub(crate) fn of(value: &'v ValueRef<'_>) -> Option<Key<'v>> {
        Some(match value {
            ValueRef::Null | ValueRef::List(..) => return None,
            ValueRef::Bool(value) => Key::Bool(*value),
            ValueRef::I16(value) => Key::Integer((*value).into()),
            ValueRef::I32(value) => Key::Integer((*value).into()),
            ValueRef::I64(value) => Key::Integer(*value),
            ValueRef::F32(value) => float((*value).into()),
            ValueRef::F64(value) => float(*value),
            ValueRef::Text(value) | ValueRef::Json(value) => Key::Text(Cow::Borrowed(value)),
            ValueRef::Bytes(value) => Key::Bytes(Cow::Borrowed(value)),
            ValueRef::Uuid(value) => Key::Uuid(*value),
            ValueRef::Timestamp(value) => Key::Timestamp(*value),
            ValueRef::Date(value) => Key::Date(*value),
            ValueRef::Time(value) => Key::Time(*value),
            ValueRef::Decimal(value) => Key::Decimal(*value),
        })
    }

    /// The same key, borrowing nothing.
    pub(crate) fn into_owned(self) -> Key<'static> {
        match self {
            Key::Bool(value) => Key::Bool(value),
            Key::Integer(value) => Key::Integer(value),
            Key::Float(value) => Key::Float(value),
            Key::Text(value) => Key::Text(Cow::Owned(value.into_owned())),
            Key::Bytes(value) => Key::Bytes(Cow::Owned(value.into_owned())),
            Key::Uuid(value) => Key::Uuid(value),
            Key::Timestamp(value) => Key::Timestamp(value),
            Key::Date(value) => Key::Date(value),
            Key::Time(value) => Key::Time(value),
            Key::Decimal(value) => Key::Decimal(value),
        }
    }
}

fn float(value: f64) -> Key<'static> {
    // Adding zero makes -0.0 the same as 0.0.
    Key::Float((value + 0.0).to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: &ValueRef<'_>, right: &ValueRef<'_>) -> bool {
        match (Key::of(left), Key::of(right)) {
            (Some(left), Some(right)) => left == right,
            _ => false,
        }
    }

    #[test]
    fn numbers_are_the_same_whatever_their_form() {
        assert!(same(&ValueRef::I16(7), &ValueRef::I64(7)));
        assert!(same(&ValueRef::I32(7), &ValueRef::I64(7)));
        assert!(same(&ValueRef::F64(0.0), &ValueRef::F64(-0.0)));
        assert!(same(&ValueRef::F32(0.5), &ValueRef::F64(0.5)));
        let decimal = |number, scale| ValueRef::Decimal(Decimal::new(number, scale));
        assert!(same(&decimal(10, 1), &decimal(100, 2)));
        assert!(!same(&decimal(10, 1), &decimal(10, 2)));
    }

    #[test]
    fn null_is_no_key() {
        assert!(Key::of(&ValueRef::Null).is_none());
    }

    #[test]
    fn an_owned_key_is_the_same_key() {
        for value in [
            ValueRef::Text("é".into()),
            ValueRef::Bytes(vec![0, 1].into()),
            ValueRef::Uuid(Uuid::from_u128(1)),
            ValueRef::Bool(true),
        ] {
            let key = Key::of(&value).map(Key::into_owned);
            assert!(key == Key::of(&value));
        }
    }
}
