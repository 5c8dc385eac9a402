//! Values whose type is known at run time only: to be kept beyond a row, and to travel in a cursor.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::civil;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Type, Value, ValueError, ValueRef};

impl ValueRef<'_> {
    /// The same value, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> ValueRef<'static> {
        match self {
            ValueRef::Null => ValueRef::Null,
            ValueRef::Bool(value) => ValueRef::Bool(value),
            ValueRef::I16(value) => ValueRef::I16(value),
            ValueRef::I32(value) => ValueRef::I32(value),
            ValueRef::I64(value) => ValueRef::I64(value),
            ValueRef::F32(value) => ValueRef::F32(value),
            ValueRef::F64(value) => ValueRef::F64(value),
            ValueRef::Text(value) => ValueRef::Text(Cow::Owned(value.into_owned())),
            ValueRef::Bytes(value) => ValueRef::Bytes(Cow::Owned(value.into_owned())),
            ValueRef::Uuid(value) => ValueRef::Uuid(value),
            ValueRef::Timestamp(value) => ValueRef::Timestamp(value),
            ValueRef::Date(value) => ValueRef::Date(value),
            ValueRef::Time(value) => ValueRef::Time(value),
            ValueRef::Decimal(value) => ValueRef::Decimal(value),
            ValueRef::Json(value) => ValueRef::Json(Cow::Owned(value.into_owned())),
            ValueRef::List(ty, values) => {
                ValueRef::List(ty, values.into_iter().map(ValueRef::into_owned).collect())
            }
        }
    }
}

/// Reads a value of the type `ty` in whatever form an engine hands it over.
///
/// # Errors
/// As [`Value::decode`].
pub(crate) fn decode(ty: Type, raw: ValueRef<'_>) -> Result<ValueRef<'static>, ValueError> {
    if raw == ValueRef::Null {
        return Ok(ValueRef::Null);
    }
    Ok(match ty {
        Type::Bool => ValueRef::Bool(bool::decode(raw)?),
        Type::I16 => ValueRef::I16(i16::decode(raw)?),
        Type::I32 => ValueRef::I32(i32::decode(raw)?),
        Type::I64 => ValueRef::I64(i64::decode(raw)?),
        Type::F32 => ValueRef::F32(f32::decode(raw)?),
        Type::F64 => ValueRef::F64(f64::decode(raw)?),
        Type::Text => ValueRef::Text(Cow::Owned(String::decode(raw)?)),
        Type::Bytes => ValueRef::Bytes(Cow::Owned(Vec::<u8>::decode(raw)?)),
        Type::Uuid => ValueRef::Uuid(Uuid::decode(raw)?),
        Type::Timestamp => ValueRef::Timestamp(jiff::Timestamp::decode(raw)?),
        Type::Date => ValueRef::Date(civil::Date::decode(raw)?),
        Type::Time => ValueRef::Time(civil::Time::decode(raw)?),
        Type::Decimal => ValueRef::Decimal(Decimal::decode(raw)?),
        Type::Json => ValueRef::Json(Cow::Owned(Json::decode(raw)?.to_string())),
    })
}

/// The value as JSON, always written the same way; infinite numbers as text, lists as arrays.
pub(crate) fn to_json(value: &ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null => Json::Null,
        ValueRef::Bool(value) => (*value).into(),
        ValueRef::I16(value) => (*value).into(),
        ValueRef::I32(value) => (*value).into(),
        ValueRef::I64(value) => (*value).into(),
        ValueRef::F32(value) => float(f64::from(*value)),
        ValueRef::F64(value) => float(*value),
        ValueRef::Text(value) | ValueRef::Json(value) => value.as_ref().into(),
        ValueRef::Bytes(value) => URL_SAFE_NO_PAD.encode(value).into(),
        ValueRef::Uuid(value) => value.to_string().into(),
        ValueRef::Timestamp(value) => value.to_string().into(),
        ValueRef::Date(value) => value.to_string().into(),
        ValueRef::Time(value) => value.to_string().into(),
        ValueRef::Decimal(value) => value.to_string().into(),
        ValueRef::List(_, values) => values.iter().map(to_json).collect(),
    }
}

fn float(value: f64) -> Json {
    if value.is_finite() {
        value.into()
    } else {
        value.to_string().into()
    }
}

/// Reads what [`to_json`] wrote of a scalar of the type `ty`; `None` for anything else.
pub(crate) fn from_json(ty: Type, json: &Json) -> Option<ValueRef<'static>> {
    let text = || json.as_str();
    Some(match ty {
        Type::Bool => ValueRef::Bool(json.as_bool()?),
        Type::I16 => ValueRef::I16(json.as_i64()?.try_into().ok()?),
        Type::I32 => ValueRef::I32(json.as_i64()?.try_into().ok()?),
        Type::I64 => ValueRef::I64(json.as_i64()?),
        // The number went out as an f64, so nothing is lost.
        Type::F32 => ValueRef::F32(number(json)? as f32),
        Type::F64 => ValueRef::F64(number(json)?),
        // Those of which not every value can be sent go the way of an argument: whoever writes a cursor of his own must
        // not get past what is refused of one.
        Type::Text => text()?.to_owned().encode().ok()?.into_owned(),
        Type::Bytes => ValueRef::Bytes(Cow::Owned(URL_SAFE_NO_PAD.decode(text()?).ok()?)),
        Type::Uuid => ValueRef::Uuid(text()?.parse().ok()?),
        Type::Timestamp => text()?
            .parse::<jiff::Timestamp>()
            .ok()?
            .encode()
            .ok()?
            .into_owned(),
        Type::Date => text()?
            .parse::<civil::Date>()
            .ok()?
            .encode()
            .ok()?
            .into_owned(),
        Type::Time => ValueRef::Time(text()?.parse().ok()?),
        Type::Decimal => ValueRef::Decimal(text()?.parse().ok()?),
        Type::Json => return None,
    })
}

fn number(json: &Json) -> Option<f64> {
    match json {
        Json::String(text) => text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_infinite()),
        other => other.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scalar_survives_json() -> Result<(), Box<dyn std::error::Error>> {
        for (ty, value) in [
            (Type::Bool, ValueRef::Bool(true)),
            (Type::I16, ValueRef::I16(i16::MIN)),
            (Type::I32, ValueRef::I32(i32::MAX)),
            (Type::I64, ValueRef::I64(i64::MIN)),
            (Type::F32, ValueRef::F32(0.1)),
            (Type::F64, ValueRef::F64(f64::MIN_POSITIVE)),
            (Type::F64, ValueRef::F64(f64::NEG_INFINITY)),
            (Type::F32, ValueRef::F32(f32::INFINITY)),
            (Type::Text, ValueRef::Text("é\"\u{1f}".into())),
            (Type::Bytes, ValueRef::Bytes(vec![0, 255].into())),
            (Type::Uuid, ValueRef::Uuid(Uuid::from_u128(7))),
            (
                Type::Timestamp,
                ValueRef::Timestamp("0001-01-01T00:00:00.000001Z".parse()?),
            ),
            (Type::Date, ValueRef::Date("9999-12-31".parse()?)),
            (Type::Time, ValueRef::Time("23:59:59.999999".parse()?)),
            (Type::Decimal, ValueRef::Decimal("-1.50".parse()?)),
        ] {
            assert_eq!(from_json(ty, &to_json(&value)), Some(value.clone()));
            assert_eq!(decode(ty, value.clone())?, value);
        }
        Ok(())
    }

    #[test]
    fn json_of_another_type_is_refused() {
        for (ty, json) in [
            (Type::I16, Json::from(70_000)),
            (Type::I64, Json::from(1.5)),
            (Type::Text, Json::Null),
            (Type::Uuid, Json::from("x")),
            (Type::F64, Json::from("1")),
            (Type::Bytes, Json::from("=")),
            (Type::Json, Json::from("{}")),
            (Type::Text, Json::from("a\0b")),
            (Type::Timestamp, Json::from("-000044-03-15T00:00:00Z")),
            (Type::Date, Json::from("-000044-03-15")),
        ] {
            assert_eq!(from_json(ty, &json), None, "{ty:?}");
        }
    }

    #[test]
    fn what_an_engine_stores_in_another_form_is_read() -> Result<(), ValueError> {
        assert_eq!(decode(Type::Bool, ValueRef::I64(1))?, ValueRef::Bool(true));
        assert_eq!(
            decode(Type::Date, ValueRef::Text("2024-02-29".into()))?,
            ValueRef::Date(civil::date(2024, 2, 29))
        );
        assert!(decode(Type::I16, ValueRef::I64(70_000)).is_err());
        Ok(())
    }
}
