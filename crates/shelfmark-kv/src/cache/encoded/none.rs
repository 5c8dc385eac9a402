//! Whether a value is a `None`: serde is asked, which knows it of any type.

use std::fmt;

use serde::Serialize;
use serde::ser::{Error, Impossible, Serializer};

/// Whether serde writes the value as nothing at all.
pub(in crate::cache) fn is_none<T: Serialize + ?Sized>(value: &T) -> bool {
    value.serialize(OnlyNone).is_ok()
}

/// Takes a `None` and refuses all else, before any of it is looked at.
struct OnlyNone;

#[derive(Debug)]
struct Something;

impl fmt::Display for Something {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is not a None")
    }
}

impl std::error::Error for Something {}

impl Error for Something {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Something
    }
}

type No = Impossible<(), Something>;

macro_rules! refuse {
    ($($method:ident($($ty:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $ty),*) -> Result<$ok, Something> {
            Err(Something)
        }
    )*};
}

impl Serializer for OnlyNone {
    type Ok = ();
    type Error = Something;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    fn serialize_none(self) -> Result<(), Something> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Something> {
        Err(Something)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Something> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Something> {
        Err(Something)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Something> {
        Err(Something)
    }

    refuse! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_i128(i128) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_u128(u128) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_map(Option<usize>) -> No;
        serialize_struct(&'static str, usize) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shelfmark_core::cache::{Codec, Stored};

    use super::*;

    #[test]
    fn a_none_is_noticed_and_nothing_else_is() {
        assert!(is_none(&None::<String>));
        assert!(is_none(&Box::new(None::<i64>)));
        assert!(!is_none(&Some("x")));
        assert!(!is_none(&Some(None::<i64>)));
        assert!(!is_none(&()));
        assert!(!is_none(""));
        assert!(!is_none(&Vec::<i64>::new()));
        assert!(!is_none(&(None::<i64>, 1)));
        let codec = Codec::of::<Option<i64>>();
        for (value, expected) in [(None, true), (Some(1_i64), false)] {
            let stored: Stored = Arc::new(value);
            assert_eq!(is_none(codec.write(&stored).unwrap()), expected);
        }
    }
}
