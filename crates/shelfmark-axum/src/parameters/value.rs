//! What one parameter holds as a source for serde: one text, or several for a list.

use std::borrow::Cow;
use std::str::FromStr;

use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};

use super::refusal::Refusal;
use crate::wording::in_words;

/// The values that stand under one name; at least one.
pub(super) struct Values<'r>(pub(super) Vec<Cow<'r, str>>);

impl<'r> Values<'r> {
    /// The value of a parameter that is no list.
    fn only(mut self) -> Result<Cow<'r, str>, Refusal> {
        match (self.0.pop(), self.0.is_empty()) {
            (Some(value), true) => Ok(value),
            _ => Err(Refusal::repeated()),
        }
    }

    /// The only value as a `T`, whose name in Rust is `rust`.
    fn parse<T: FromStr>(self, rust: &str) -> Result<T, Refusal> {
        self.only()?
            .parse()
            .map_err(|_| Refusal::invalid(format!(" must be {}", in_words(rust))))
    }
}

impl<'de> IntoDeserializer<'de, Refusal> for Values<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn unreadable<T>(asked: &'static str) -> Result<T, Refusal> {
    Err(Refusal::Unreadable { asked })
}

macro_rules! parsed {
    ($($method:ident $visit:ident $rust:literal)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
                visitor.$visit(self.parse($rust)?)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Values<'_> {
    type Error = Refusal;

    parsed! {
        deserialize_bool visit_bool "a boolean"
        deserialize_i8 visit_i8 "i8"
        deserialize_i16 visit_i16 "i16"
        deserialize_i32 visit_i32 "i32"
        deserialize_i64 visit_i64 "i64"
        deserialize_i128 visit_i128 "i128"
        deserialize_u8 visit_u8 "u8"
        deserialize_u16 visit_u16 "u16"
        deserialize_u32 visit_u32 "u32"
        deserialize_u64 visit_u64 "u64"
        deserialize_u128 visit_u128 "u128"
        deserialize_char visit_char "a character"
    }

    /// A number; what Rust reads besides (`NaN`, `inf`) compares with nothing, so it is refused.
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let number: f64 = self.parse("f64")?;
        if number.is_finite() {
            visitor.visit_f64(number)
        } else {
            Err(Refusal::invalid(" must be a finite number"))
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let number: f32 = self.parse("f32")?;
        if number.is_finite() {
            visitor.visit_f32(number)
        } else {
            Err(Refusal::invalid(" must be a finite number"))
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_str(&self.only()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_string(self.only()?.into_owned())
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let name = self.only()?;
        visitor.visit_enum((*name).into_deserializer())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let each = self.0.into_iter().map(|value| Values(vec![value]));
        visitor.visit_seq(SeqDeserializer::new(each))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_unit()
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refusal> {
        unreadable("bytes of one parameter")
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refusal> {
        unreadable("bytes of one parameter")
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refusal> {
        unreadable("nothing of one parameter")
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _visitor: V,
    ) -> Result<V::Value, Refusal> {
        unreadable("nothing of one parameter")
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        _visitor: V,
    ) -> Result<V::Value, Refusal> {
        unreadable("a tuple of one parameter")
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        _visitor: V,
    ) -> Result<V::Value, Refusal> {
        unreadable("a tuple of one parameter")
    }

    fn deserialize_map<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refusal> {
        unreadable("a struct of one parameter")
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Refusal> {
        unreadable("a struct of one parameter")
    }
}
