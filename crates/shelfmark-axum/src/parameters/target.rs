//! All parameters of a request as a source for serde: a struct with a field for each, or, for a path, its variables in
//! their order.

use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::refusal::Refusal;
use super::value::Values;
use super::{Parameter, Parameters, Place};
use crate::wording::cut;

/// The parameters, while serde reads them.
pub(super) struct Target<'r>(pub(super) Parameters<'r>);

impl<'r> Target<'r> {
    /// Refuses a query parameter that `fields` does not name. A path's variables are the program's own.
    fn refuse_unknown(&self, fields: &[&'static str]) -> Result<(), Refusal> {
        let Target(parameters) = self;
        let mut names = parameters.given.iter().map(|given| &*given.name);
        match names.find(|name| !fields.contains(name)) {
            Some(name) if parameters.place == Place::Query => Err(Refusal::Unknown {
                name: cut(name),
                accepted: [fields, &parameters.taken].concat(),
            }),
            _ => Ok(()),
        }
    }

    /// The path's only variable.
    fn only(mut self, asked: &'static str) -> Result<Parameter<'r>, Refusal> {
        match (self.0.place, self.0.given.pop()) {
            (Place::Path, Some(parameter)) if self.0.given.is_empty() => Ok(parameter),
            _ => Err(Refusal::Unreadable { asked }),
        }
    }
}

/// Each of these is read from the path's only variable.
macro_rules! one_value {
    ($($method:ident $asked:literal)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
                let Parameter { name, values } = self.only($asked)?;
                Values(values)
                    .$method(visitor)
                    .map_err(|refusal| refusal.named(&name))
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Target<'_> {
    type Error = Refusal;

    one_value! {
        deserialize_bool "a boolean"
        deserialize_i8 "a number"
        deserialize_i16 "a number"
        deserialize_i32 "a number"
        deserialize_i64 "a number"
        deserialize_i128 "a number"
        deserialize_u8 "a number"
        deserialize_u16 "a number"
        deserialize_u32 "a number"
        deserialize_u64 "a number"
        deserialize_u128 "a number"
        deserialize_f32 "a number"
        deserialize_f64 "a number"
        deserialize_char "a character"
        deserialize_str "a text"
        deserialize_string "a text"
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0.place {
            Place::Path if self.0.given.len() == 1 => self.deserialize_str(visitor),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let only = self.only("an enum")?;
        Values(only.values)
            .deserialize_enum(name, variants, visitor)
            .map_err(|refusal| refusal.named(&only.name))
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

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.refuse_unknown(fields)?;
        self.deserialize_map(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.refuse_unknown(&[])?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_unit(visitor)
    }

    /// A type that takes all that comes, such as a map, or a struct with `#[serde(flatten)]`: what it accepts is not
    /// known here.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let taken = self.0.taken.clone();
        let read = visitor.visit_map(InOrder::of(self.0));
        read.map_err(|refusal| match refusal {
            Refusal::Unknown { name, accepted } => Refusal::Unknown {
                name,
                accepted: [accepted, taken].concat(),
            },
            other => other,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        if self.0.place == Place::Path && self.0.given.len() == length {
            visitor.visit_seq(InOrder::of(self.0))
        } else {
            Err(Refusal::Unreadable { asked: "a tuple" })
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refusal> {
        Err(Refusal::Unreadable { asked: "a list" })
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refusal> {
        Err(Refusal::Unreadable { asked: "bytes" })
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_unit()
    }
}

/// Hands the parameters to serde one by one.
struct InOrder<'r> {
    parameters: std::vec::IntoIter<Parameter<'r>>,
    /// The parameter whose name was read and whose value is next.
    current: Option<Parameter<'r>>,
}

impl<'r> InOrder<'r> {
    fn of(parameters: Parameters<'r>) -> Self {
        InOrder {
            parameters: parameters.given.into_iter(),
            current: None,
        }
    }
}

fn read<'de, S: DeserializeSeed<'de>>(
    parameter: Parameter<'_>,
    seed: S,
) -> Result<S::Value, Refusal> {
    seed.deserialize(Values(parameter.values))
        .map_err(|refusal| refusal.named(&parameter.name))
}

impl<'de> MapAccess<'de> for InOrder<'_> {
    type Error = Refusal;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        self.current = self.parameters.next();
        match &self.current {
            Some(parameter) => seed
                .deserialize((*parameter.name).into_deserializer())
                .map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        match self.current.take() {
            Some(parameter) => read(parameter, seed),
            None => Err(Refusal::Unreadable {
                asked: "a value before its name",
            }),
        }
    }
}

impl<'de> SeqAccess<'de> for InOrder<'_> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        self.parameters
            .next()
            .map(|parameter| read(parameter, seed))
            .transpose()
    }
}
