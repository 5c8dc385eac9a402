//! Values on their way to the server, in the form of the type that the server inferred for each parameter.
//!
//! A value that cannot be sent is refused before anything leaves the process; the refusal names the parameter and
//! never the value.

use std::error::Error as StdError;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use shelfmark_core::{Call, Error, ErrorKind, Result, ValueError, ValueRef};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type as PgType, to_sql_checked};

use crate::{numeric, row, types};

/// The protocol counts parameters in 16 bits.
const MAX_PARAMS: usize = 65_535;
/// The server refuses messages of a gigabyte by closing the connection; so much is left for all else in one.
const MAX_BYTES: usize = (1 << 30) - (1 << 20);

/// Refuses what the protocol cannot carry.
pub(crate) fn check(call: &Call<'_>, expected: usize) -> Result<()> {
    let given = call.params.len();
    if given > MAX_PARAMS {
        return Err(refused(format!(
            "a statement takes at most {MAX_PARAMS} values, but {given} were given; send a list as one value"
        )));
    }
    if given != expected {
        return Err(refused(format!(
            "the statement takes {expected} values, but {given} were given"
        )));
    }
    let total = call
        .params
        .iter()
        .try_fold(0usize, |sum, value| sum.checked_add(size(value)?));
    match total {
        Some(total) if total <= MAX_BYTES => Ok(()),
        _ => Err(refused(
            "the values of a statement may have 1 GiB together, and these have more; send them in parts"
                .to_owned(),
        )),
    }
}

fn refused(detail: String) -> Error {
    Error::new(ErrorKind::Encode).with_detail(detail)
}

/// The bytes a value takes at most, or at least nearly.
fn size(value: &ValueRef<'_>) -> Option<usize> {
    match value {
        ValueRef::Text(text) | ValueRef::Json(text) => text.len().checked_add(8),
        ValueRef::Bytes(bytes) => bytes.len().checked_add(8),
        ValueRef::List(_, values) => values
            .iter()
            .try_fold(20usize, |sum, value| sum.checked_add(size(value)?)),
        _ => Some(32),
    }
}

/// One value with its position, for the driver.
pub(crate) struct Bound<'a> {
    pub(crate) value: &'a ValueRef<'a>,
    pub(crate) index: usize,
}

/// The driver logs parameters by their `Debug`, so it must not tell.
impl fmt::Debug for Bound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value.type_name())
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(
        &self,
        ty: &PgType,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        encode(self.value, ty, out).map_err(|(element, error)| {
            Refusal {
                index: self.index,
                element,
                error,
            }
            .into()
        })
    }

    fn accepts(_: &PgType) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value in the form it has on the wire, for a call that may outlive its caller.
pub(crate) struct Encoded(Option<Bytes>);

/// It says nothing of the value, since the driver logs parameters.
impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("value")
    }
}

impl ToSql for Encoded {
    fn to_sql(
        &self,
        _: &PgType,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        Ok(match &self.0 {
            Some(bytes) => {
                out.put_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_: &PgType) -> bool {
        true
    }

    to_sql_checked!();
}

/// The values of `call` as the types `expected`, with the bytes they take.
pub(crate) fn encoded(call: &Call<'_>, expected: &[PgType]) -> Result<(Vec<Encoded>, usize)> {
    check(call, expected.len())?;
    let mut out = BytesMut::new();
    let mut values = Vec::with_capacity(call.params.len());
    let mut bytes = 0;
    for (index, (value, ty)) in call.params.iter().zip(expected).enumerate() {
        let is_null = encode(value, ty, &mut out).map_err(|(element, error)| {
            let refusal = Refusal {
                index,
                element,
                error,
            };
            refusal.into_error(call, false)
        })?;
        bytes += out.len();
        values.push(Encoded(match is_null {
            IsNull::Yes => None,
            IsNull::No => Some(out.split().freeze()),
        }));
    }
    Ok((values, bytes))
}

/// Why a value was not sent; travels through the driver's error.
#[derive(Debug)]
pub(crate) struct Refusal {
    index: usize,
    /// The element of a list.
    element: Option<usize>,
    error: ValueError,
}

impl Refusal {
    /// The refusal in the words of the call.
    pub(crate) fn into_error(self: &Refusal, call: &Call<'_>, by_row: bool) -> Error {
        let name = call.param_name(self.index);
        let error = &self.error;
        refused(match self.element {
            Some(row) if by_row => format!("row {row}, column {name}: {error}"),
            Some(element) => format!("argument {name}, element {element}: {error}"),
            None => format!("argument {name}: {error}"),
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for Refusal {}

/// Writes `value` as a `ty`; an error comes with the element of the list it is about.
fn encode(
    value: &ValueRef<'_>,
    ty: &PgType,
    out: &mut BytesMut,
) -> Result<IsNull, (Option<usize>, ValueError)> {
    let ty = types::base(ty);
    match value {
        ValueRef::Null => Ok(IsNull::Yes),
        ValueRef::List(_, values) => match ty.kind() {
            Kind::Array(element) => list(values, element, out)
                .map(|()| IsNull::No)
                .map_err(|(index, error)| (Some(index), error)),
            _ => Err((None, mismatch(value, ty))),
        },
        value => scalar(value, ty, out)
            .map(|()| IsNull::No)
            .map_err(|error| (None, error)),
    }
}

#[cold]
fn mismatch(value: &ValueRef<'_>, ty: &PgType) -> ValueError {
    ValueError::new(format!(
        "{} cannot be sent as {}",
        value.type_name(),
        types::name(ty)
    ))
}

#[cold]
fn out_of_range(ty: &PgType) -> ValueError {
    ValueError::new(format!(
        "the number is out of range for {}",
        types::name(ty)
    ))
}

fn scalar(value: &ValueRef<'_>, ty: &PgType, out: &mut BytesMut) -> Result<(), ValueError> {
    match value {
        ValueRef::Bool(value) if *ty == PgType::BOOL => out.put_u8(u8::from(*value)),
        ValueRef::I16(number) => integer(value, i64::from(*number), ty, out)?,
        ValueRef::I32(number) => integer(value, i64::from(*number), ty, out)?,
        ValueRef::I64(number) => integer(value, *number, ty, out)?,
        ValueRef::F32(number) => match *ty {
            PgType::FLOAT4 => out.put_f32(*number),
            PgType::FLOAT8 => out.put_f64(f64::from(*number)),
            // Through its text, so that 0.1 stays 0.1.
            PgType::NUMERIC => {
                numeric::encode_float(number.to_string().parse().unwrap_or(f64::NAN), out)?;
            }
            _ => return Err(mismatch(value, ty)),
        },
        ValueRef::F64(number) => match *ty {
            PgType::FLOAT8 => out.put_f64(*number),
            PgType::FLOAT4 => {
                let narrow = *number as f32;
                if narrow.is_infinite() && number.is_finite() {
                    return Err(out_of_range(ty));
                }
                out.put_f32(narrow);
            }
            PgType::NUMERIC => numeric::encode_float(*number, out)?,
            _ => return Err(mismatch(value, ty)),
        },
        ValueRef::Text(text) if types::is_textual(ty) => out.put_slice(text.as_bytes()),
        ValueRef::Bytes(bytes) if *ty == PgType::BYTEA => out.put_slice(bytes),
        ValueRef::Uuid(uuid) if *ty == PgType::UUID => out.put_slice(uuid.as_bytes()),
        ValueRef::Timestamp(at) if matches!(*ty, PgType::TIMESTAMPTZ | PgType::TIMESTAMP) => {
            let micros = row::timestamp_to_wire(*at)
                .ok_or_else(|| ValueError::new("the timestamp is out of range"))?;
            out.put_i64(micros);
        }
        ValueRef::Date(date) if *ty == PgType::DATE => out.put_i32(row::date_to_wire(*date)),
        ValueRef::Time(time) if *ty == PgType::TIME => out.put_i64(row::time_to_wire(*time)),
        ValueRef::Decimal(number) if *ty == PgType::NUMERIC => {
            numeric::encode_decimal(*number, out);
        }
        ValueRef::Json(json) if *ty == PgType::JSON => out.put_slice(json.as_bytes()),
        ValueRef::Json(json) if *ty == PgType::JSONB => {
            out.put_u8(1);
            out.put_slice(json.as_bytes());
        }
        ValueRef::Text(_) if types::column_fits(ty).is_empty() => {
            let name = types::name(ty);
            return Err(ValueError::new(format!(
                "text cannot be sent as {name}; write CAST(CAST(… AS text) AS {name})"
            )));
        }
        _ => return Err(mismatch(value, ty)),
    }
    Ok(())
}

fn integer(
    value: &ValueRef<'_>,
    number: i64,
    ty: &PgType,
    out: &mut BytesMut,
) -> Result<(), ValueError> {
    let refused = |_| out_of_range(ty);
    match *ty {
        PgType::INT2 => out.put_i16(i16::try_from(number).map_err(refused)?),
        PgType::INT4 => out.put_i32(i32::try_from(number).map_err(refused)?),
        PgType::INT8 => out.put_i64(number),
        PgType::OID => out.put_u32(u32::try_from(number).map_err(refused)?),
        PgType::NUMERIC => numeric::encode_integer(number, out),
        PgType::FLOAT8 if number.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS => {
            out.put_f64(number as f64);
        }
        PgType::FLOAT4 if number.unsigned_abs() <= 1 << f32::MANTISSA_DIGITS => {
            out.put_f32(number as f32);
        }
        PgType::FLOAT4 | PgType::FLOAT8 => return Err(out_of_range(ty)),
        _ => return Err(mismatch(value, ty)),
    }
    Ok(())
}

/// Writes an array of one dimension.
fn list(
    values: &[ValueRef<'_>],
    element: &PgType,
    out: &mut BytesMut,
) -> Result<(), (usize, ValueError)> {
    let too_long = |index| (index, ValueError::new("the list is too long"));
    let count = i32::try_from(values.len()).map_err(|_| too_long(values.len()))?;
    let has_null = values.contains(&ValueRef::Null);
    out.put_i32(i32::from(count > 0));
    out.put_i32(i32::from(has_null));
    out.put_u32(element.oid());
    if count > 0 {
        out.put_i32(count);
        // PostgreSQL counts from one.
        out.put_i32(1);
    }
    for (index, value) in values.iter().enumerate() {
        let at = out.len();
        out.put_i32(-1);
        match encode(value, element, out).map_err(|(_, error)| (index, error))? {
            IsNull::Yes => {}
            IsNull::No => {
                let length = i32::try_from(out.len() - at - 4).map_err(|_| too_long(index))?;
                if let Some(place) = out.get_mut(at..at + 4) {
                    place.copy_from_slice(&length.to_be_bytes());
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::sync::Arc;

    use super::*;
    use proptest::prelude::*;
    use shelfmark_core::{Access, Type};

    fn sent<'a>(
        value: &ValueRef<'_>,
        ty: &PgType,
        out: &'a mut BytesMut,
    ) -> Result<ValueRef<'a>, ValueError> {
        out.clear();
        encode(value, ty, out).map_err(|(_, error)| error)?;
        row::decode(ty, out)
    }

    #[test]
    fn integers_are_sent_by_the_type_the_server_expects() {
        let mut out = BytesMut::new();
        let mut send = |number, ty| {
            sent(&ValueRef::I64(number), &ty, &mut out).map(|value| format!("{value:?}"))
        };
        assert_eq!(send(7, PgType::INT2).unwrap(), "I16(7)");
        assert_eq!(send(7, PgType::NUMERIC).unwrap(), "Decimal(7)");
        assert_eq!(send(7, PgType::FLOAT8).unwrap(), "F64(7.0)");
        for (number, ty) in [
            (1 << 15, PgType::INT2),
            (1 << 31, PgType::INT4),
            ((1 << 53) + 1, PgType::FLOAT8),
            (-1, PgType::OID),
        ] {
            let refusal = send(number, ty.clone()).unwrap_err();
            assert_eq!(
                refusal.to_string(),
                format!("the number is out of range for {ty}")
            );
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_by_the_name_of_its_argument() {
        let call = Call {
            sql: Arc::from("SELECT"),
            params: vec![ValueRef::I32(77)],
            specs: vec![shelfmark_core::ParamSpec::of::<i32>("id")],
            method: "Shows::find",
            access: Access::Read,
            demand: None,
        };
        let (element, error) = encode(&call.params[0], &PgType::UUID, &mut BytesMut::new())
            .err()
            .unwrap();
        let refusal = Refusal {
            index: 0,
            element,
            error,
        };
        assert_eq!(
            refusal.into_error(&call, false).to_string(),
            "argument `id`: an integer cannot be sent as uuid"
        );
    }

    #[test]
    fn the_element_of_a_list_that_does_not_fit_is_named() {
        let values = ValueRef::List(Type::I64, vec![ValueRef::I64(1), ValueRef::I64(1 << 40)]);
        let (element, error) = encode(&values, &PgType::INT4_ARRAY, &mut BytesMut::new())
            .err()
            .unwrap();
        assert_eq!(element, Some(1));
        assert_eq!(error.to_string(), "the number is out of range for int4");
    }

    #[test]
    fn the_debug_form_that_the_driver_logs_does_not_tell_the_value() {
        let value = ValueRef::Text(Cow::Borrowed("secret"));
        let bound = Bound {
            value: &value,
            index: 0,
        };
        assert_eq!(format!("{bound:?}"), "text");
    }

    proptest! {
        #[test]
        fn microseconds_read_back(micros in -60_000_000_000_000_000i64..200_000_000_000_000_000) {
            let value = ValueRef::Timestamp(jiff::Timestamp::from_microsecond(micros).unwrap());
            let mut out = BytesMut::new();
            prop_assert_eq!(sent(&value, &PgType::TIMESTAMPTZ, &mut out).unwrap(), value);
        }

        #[test]
        fn times_of_day_read_back(micros in 0i64..86_400_000_000) {
            let mut out = BytesMut::new();
            out.put_i64(micros);
            let value = row::decode(&PgType::TIME, &out.clone()).map(|value| format!("{value:?}")).unwrap();
            let ValueRef::Time(time) = row::decode(&PgType::TIME, &out).unwrap() else { panic!("{value}") };
            prop_assert_eq!(row::time_to_wire(time), micros);
        }
    }
}
