//! Scalars: numbers, text, bytes, uuid, decimal, and `Option` of each.

use std::borrow::Cow;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Param, Type, Value, ValueError, ValueRef};

/// A column type is a parameter by value, behind a reference and as an option.
macro_rules! param_from_value {
    ($($ty:ty),* $(,)?) => {$(
        impl Param for $ty {
            const TYPE: Type = <$ty as Value>::TYPE;
            fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
                self.encode()
            }
        }
    )*};
}
pub(super) use param_from_value;

impl Value for bool {
    const TYPE: Type = Type::Bool;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        Ok(ValueRef::Bool(*self))
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::Bool(value) => Ok(value),
            ValueRef::I64(0) => Ok(false),
            ValueRef::I64(1) => Ok(true),
            other => Err(ValueError::unexpected("bool", &other)),
        }
    }
}

macro_rules! integer {
    ($ty:ident, $variant:ident) => {
        impl Value for $ty {
            const TYPE: Type = Type::$variant;
            fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
                Ok(ValueRef::$variant(*self))
            }
            fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
                let wide = match raw {
                    ValueRef::I16(value) => i64::from(value),
                    ValueRef::I32(value) => i64::from(value),
                    ValueRef::I64(value) => value,
                    other => return Err(ValueError::unexpected(stringify!($ty), &other)),
                };
                $ty::try_from(wide).map_err(|_| {
                    ValueError::new(concat!("the number is out of range for ", stringify!($ty)))
                })
            }
        }
    };
}
integer!(i16, I16);
integer!(i32, I32);
integer!(i64, I64);

fn number(value: f64) -> Result<f64, ValueError> {
    if value.is_nan() {
        return Err(ValueError::new(
            "NaN cannot be stored the same way on every engine",
        ));
    }
    Ok(value)
}

impl Value for f32 {
    const TYPE: Type = Type::F32;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        number(f64::from(*self))?;
        Ok(ValueRef::F32(*self))
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::F32(value) => Ok(value),
            ValueRef::F64(value) => Ok(value as f32),
            other => Err(ValueError::unexpected("f32", &other)),
        }
    }
}

impl Value for f64 {
    const TYPE: Type = Type::F64;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        number(*self).map(ValueRef::F64)
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::F64(value) => Ok(value),
            ValueRef::F32(value) => Ok(f64::from(value)),
            other => Err(ValueError::unexpected("f64", &other)),
        }
    }
}

fn text(value: &str) -> Result<ValueRef<'_>, ValueError> {
    if value.as_bytes().contains(&0) {
        return Err(ValueError::new(
            "text must not contain a NUL byte: PostgreSQL cannot store it; use bytes",
        ));
    }
    Ok(ValueRef::Text(Cow::Borrowed(value)))
}

impl Value for String {
    const TYPE: Type = Type::Text;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        text(self)
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::Text(value) => Ok(value.into_owned()),
            other => Err(ValueError::unexpected("String", &other)),
        }
    }
}

impl Param for str {
    const TYPE: Type = Type::Text;
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
        text(self)
    }
}

impl Value for Vec<u8> {
    const TYPE: Type = Type::Bytes;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        Ok(ValueRef::Bytes(Cow::Borrowed(self)))
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::Bytes(value) => Ok(value.into_owned()),
            other => Err(ValueError::unexpected("Vec<u8>", &other)),
        }
    }
}

impl Param for [u8] {
    const TYPE: Type = Type::Bytes;
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
        Ok(ValueRef::Bytes(Cow::Borrowed(self)))
    }
}

impl Value for Uuid {
    const TYPE: Type = Type::Uuid;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        Ok(ValueRef::Uuid(*self))
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::Uuid(value) => Ok(value),
            ValueRef::Text(value) => Uuid::parse_str(&value)
                .map_err(|_| ValueError::new("expected a uuid, found other text")),
            other => Err(ValueError::unexpected("Uuid", &other)),
        }
    }
}

impl Value for Decimal {
    const TYPE: Type = Type::Decimal;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        Ok(ValueRef::Decimal(*self))
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::Decimal(value) => Ok(value),
            ValueRef::Text(value) => Decimal::from_str_exact(&value)
                .map_err(|_| ValueError::new("expected a decimal, found other text")),
            ValueRef::I64(value) => Ok(Decimal::from(value)),
            other => Err(ValueError::unexpected("Decimal", &other)),
        }
    }
}

impl<T: Value> Value for Option<T> {
    const TYPE: Type = T::TYPE;
    const NULLABLE: bool = true;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        self.as_ref().map_or(Ok(ValueRef::Null), Value::encode)
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        match raw {
            ValueRef::Null => Ok(None),
            raw => T::decode(raw).map(Some),
        }
    }
}

param_from_value!(
    bool,
    i16,
    i32,
    i64,
    f32,
    f64,
    String,
    Vec<u8>,
    Uuid,
    Decimal
);

impl<P: Param> Param for Option<P> {
    const TYPE: Type = P::TYPE;
    const LIST: bool = P::LIST;
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
        self.as_ref()
            .map_or(Ok(ValueRef::Null), Param::encode_param)
    }
}

impl<P: Param + ?Sized> Param for &P {
    const TYPE: Type = P::TYPE;
    const LIST: bool = P::LIST;
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
        (**self).encode_param()
    }
}
