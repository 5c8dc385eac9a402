//! Rows of the driver as [`RawRow`]s: each value is decoded from the bytes of the server's buffer, by the column's
//! type, and text and bytes are borrowed from there.

use std::borrow::Cow;
use std::error::Error as StdError;

use jiff::civil;
use jiff::{Span, Timestamp};
use shelfmark_core::{RawRow, ValueError, ValueRef};
use tokio_postgres::types::{FromSql, Type as PgType};
use uuid::Uuid;

use crate::numeric;
use crate::types;

/// Seconds from the Unix epoch to PostgreSQL's, the first of January 2000.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const EPOCH_DATE: civil::Date = civil::date(2000, 1, 1);
const JSONB_VERSION: u8 = 1;

/// One row, as long as the driver keeps its buffer.
pub(crate) struct PgRow<'r>(pub(crate) &'r tokio_postgres::Row);

impl RawRow for PgRow<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        self.0
            .try_get::<_, Decoded<'_>>(index)
            .map_err(|_| ValueError::new("the row has no such column"))?
            .0
    }
}

/// A column of any type; a refusal is kept inside, since the driver would box it.
struct Decoded<'a>(Result<ValueRef<'a>, ValueError>);

impl<'a> FromSql<'a> for Decoded<'a> {
    fn from_sql(ty: &PgType, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Decoded(decode(ty, raw)))
    }

    fn from_sql_null(_: &PgType) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Decoded(Ok(ValueRef::Null)))
    }

    fn accepts(_: &PgType) -> bool {
        true
    }
}

/// Decodes the binary form of a value.
pub(crate) fn decode<'a>(ty: &PgType, raw: &'a [u8]) -> Result<ValueRef<'a>, ValueError> {
    let ty = types::base(ty);
    Ok(match *ty {
        PgType::BOOL => ValueRef::Bool(fixed::<1>(ty, raw)? != [0]),
        PgType::INT2 => ValueRef::I16(i16::from_be_bytes(fixed(ty, raw)?)),
        PgType::INT4 => ValueRef::I32(i32::from_be_bytes(fixed(ty, raw)?)),
        PgType::INT8 => ValueRef::I64(i64::from_be_bytes(fixed(ty, raw)?)),
        PgType::OID => ValueRef::I64(u32::from_be_bytes(fixed(ty, raw)?).into()),
        PgType::FLOAT4 => ValueRef::F32(f32::from_be_bytes(fixed(ty, raw)?)),
        PgType::FLOAT8 => ValueRef::F64(f64::from_be_bytes(fixed(ty, raw)?)),
        PgType::BYTEA => ValueRef::Bytes(Cow::Borrowed(raw)),
        PgType::UUID => ValueRef::Uuid(Uuid::from_bytes(fixed(ty, raw)?)),
        PgType::TIMESTAMPTZ | PgType::TIMESTAMP => timestamp(i64::from_be_bytes(fixed(ty, raw)?))?,
        PgType::DATE => date(i32::from_be_bytes(fixed(ty, raw)?))?,
        PgType::TIME => time(i64::from_be_bytes(fixed(ty, raw)?))?,
        PgType::NUMERIC => ValueRef::Decimal(numeric::decode(raw)?),
        PgType::JSON => ValueRef::Json(Cow::Borrowed(text(ty, raw)?)),
        PgType::JSONB => match raw.split_first() {
            Some((&JSONB_VERSION, json)) => ValueRef::Json(Cow::Borrowed(text(ty, json)?)),
            _ => return Err(malformed(ty)),
        },
        // What a function without a result gives.
        PgType::VOID => ValueRef::Null,
        _ if types::is_textual(ty) => ValueRef::Text(Cow::Borrowed(text(ty, raw)?)),
        _ => {
            return Err(ValueError::new(format!(
                "values of type {} cannot be read; cast it in the SQL, for example to text",
                types::name(ty)
            )));
        }
    })
}

#[cold]
fn malformed(ty: &PgType) -> ValueError {
    ValueError::new(format!("the server sent a malformed {}", types::name(ty)))
}

fn fixed<const N: usize>(ty: &PgType, raw: &[u8]) -> Result<[u8; N], ValueError> {
    raw.try_into().map_err(|_| malformed(ty))
}

fn text<'a>(ty: &PgType, raw: &'a [u8]) -> Result<&'a str, ValueError> {
    std::str::from_utf8(raw).map_err(|_| malformed(ty))
}

fn timestamp(micros: i64) -> Result<ValueRef<'static>, ValueError> {
    if micros == i64::MAX || micros == i64::MIN {
        return Err(ValueError::new(
            "an infinite timestamp found, but Timestamp cannot hold it",
        ));
    }
    micros
        .checked_add(EPOCH_MICROS)
        .and_then(|micros| Timestamp::from_nanosecond(i128::from(micros) * 1_000).ok())
        .map(ValueRef::Timestamp)
        .ok_or_else(|| ValueError::new("the timestamp is out of range for Timestamp"))
}

fn date(days: i32) -> Result<ValueRef<'static>, ValueError> {
    if days == i32::MAX || days == i32::MIN {
        return Err(ValueError::new(
            "an infinite date found, but civil::Date cannot hold it",
        ));
    }
    Span::new()
        .try_days(days)
        .and_then(|span| EPOCH_DATE.checked_add(span))
        .map(ValueRef::Date)
        .map_err(|_| ValueError::new("the date is out of range for civil::Date"))
}

fn time(micros: i64) -> Result<ValueRef<'static>, ValueError> {
    let part = |unit: i64, count: i64| i8::try_from(micros / unit % count).ok();
    let nanos = i32::try_from(micros % 1_000_000 * 1_000).ok();
    let hour = i8::try_from(micros / 3_600_000_000).ok();
    match (hour, part(60_000_000, 60), part(1_000_000, 60), nanos) {
        (Some(hour), Some(minute), Some(second), Some(nanos)) => {
            civil::Time::new(hour, minute, second, nanos).ok()
        }
        _ => None,
    }
    .map(ValueRef::Time)
    .ok_or_else(|| {
        ValueError::new("the time of day is out of range for civil::Time, which ends before 24:00")
    })
}

/// Microseconds since PostgreSQL's epoch.
pub(crate) fn timestamp_to_wire(value: Timestamp) -> Option<i64> {
    shelfmark_core::value::timestamp_micros(value).checked_sub(EPOCH_MICROS)
}

/// Days since PostgreSQL's epoch.
pub(crate) fn date_to_wire(value: civil::Date) -> i32 {
    // Days are the largest unit of a difference of dates unless asked otherwise.
    (value - EPOCH_DATE).get_days()
}

/// Microseconds since midnight.
pub(crate) fn time_to_wire(value: civil::Time) -> i64 {
    let seconds =
        (i64::from(value.hour()) * 60 + i64::from(value.minute())) * 60 + i64::from(value.second());
    seconds * 1_000_000 + i64::from(value.subsec_nanosecond()) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known_types() -> Vec<PgType> {
        vec![
            PgType::BOOL,
            PgType::INT2,
            PgType::INT4,
            PgType::INT8,
            PgType::OID,
            PgType::FLOAT4,
            PgType::FLOAT8,
            PgType::TEXT,
            PgType::BYTEA,
            PgType::UUID,
            PgType::TIMESTAMPTZ,
            PgType::TIMESTAMP,
            PgType::DATE,
            PgType::TIME,
            PgType::NUMERIC,
            PgType::JSON,
            PgType::JSONB,
            PgType::INTERVAL,
            PgType::INT4_ARRAY,
        ]
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(
            ty in prop::sample::select(known_types()),
            raw in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let _ = decode(&ty, &raw);
        }

        #[test]
        fn no_number_makes_the_calendar_panic(wide in any::<i64>(), narrow in any::<i32>()) {
            let _ = decode(&PgType::TIMESTAMPTZ, &wide.to_be_bytes());
            let _ = decode(&PgType::TIME, &wide.to_be_bytes());
            let _ = decode(&PgType::DATE, &narrow.to_be_bytes());
        }

        #[test]
        fn every_date_of_the_calendar_reads_back(days in -4_371_587i32..=2_921_939) {
            let ValueRef::Date(value) = date(days).unwrap() else { panic!("a date") };
            prop_assert_eq!(date_to_wire(value), days);
        }
    }

    #[test]
    fn infinities_and_unknown_types_are_refused_by_name() {
        let message = |ty: PgType, raw: &[u8]| decode(&ty, raw).unwrap_err().to_string();
        assert_eq!(
            message(PgType::TIMESTAMPTZ, &i64::MAX.to_be_bytes()),
            "an infinite timestamp found, but Timestamp cannot hold it"
        );
        assert_eq!(
            message(PgType::DATE, &i32::MIN.to_be_bytes()),
            "an infinite date found, but civil::Date cannot hold it"
        );
        assert_eq!(
            message(PgType::INTERVAL, &[0; 16]),
            "values of type interval cannot be read; cast it in the SQL, for example to text"
        );
        assert_eq!(
            message(PgType::INT4, &[0; 3]),
            "the server sent a malformed int4"
        );
        assert_eq!(
            message(PgType::TIME, &86_400_000_000i64.to_be_bytes()),
            "the time of day is out of range for civil::Time, which ends before 24:00"
        );
    }
}
