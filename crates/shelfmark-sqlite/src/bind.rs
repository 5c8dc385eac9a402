//! The values of a call: owned for the way to the blocking thread, then bound to the statement.

use std::rc::Rc;

use rusqlite::types::Value;
use shelfmark_core::value::timestamp_text;
use shelfmark_core::{Call, Error, ErrorKind, Result, ValueError, ValueRef};

/// A value that can move to another thread.
#[derive(Clone, Debug)]
pub(crate) enum Owned {
    One(Value),
    List(Vec<Value>),
}

/// A value on the thread where it is bound, which can be bound again.
#[derive(Clone, Debug)]
pub(crate) enum Ready {
    One(Value),
    /// `rarray` takes its list by reference count.
    List(Rc<Vec<Value>>),
}

impl From<Owned> for Ready {
    fn from(owned: Owned) -> Self {
        match owned {
            Owned::One(value) => Ready::One(value),
            Owned::List(values) => Ready::List(Rc::new(values)),
        }
    }
}

/// Copies `values`, those of `call` or of one of its rows, in the form in which SQLite stores them.
pub(crate) fn own(call: &Call<'_>, values: &[ValueRef<'_>]) -> Result<Vec<Owned>> {
    values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            owned(value).map_err(|error| {
                Error::new(ErrorKind::Encode)
                    .with_detail(format!("argument {}: {error}", call.param_name(index)))
            })
        })
        .collect()
}

fn owned(value: &ValueRef<'_>) -> Result<Owned, ValueError> {
    match value {
        ValueRef::List(_, values) => values
            .iter()
            .map(stored)
            .collect::<Result<_, _>>()
            .map(Owned::List),
        value => stored(value).map(Owned::One),
    }
}

/// The mapping that the documentation of `shelfmark_core::value` promises.
fn stored(value: &ValueRef<'_>) -> Result<Value, ValueError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Bool(value) => Value::Integer(i64::from(*value)),
        ValueRef::I16(value) => Value::Integer(i64::from(*value)),
        ValueRef::I32(value) => Value::Integer(i64::from(*value)),
        ValueRef::I64(value) => Value::Integer(*value),
        ValueRef::F32(value) => Value::Real(f64::from(*value)),
        ValueRef::F64(value) => Value::Real(*value),
        ValueRef::Text(text) | ValueRef::Json(text) => Value::Text(text.clone().into_owned()),
        ValueRef::Bytes(bytes) => Value::Blob(bytes.clone().into_owned()),
        ValueRef::Uuid(uuid) => Value::Text(uuid.to_string()),
        ValueRef::Timestamp(at) => Value::Text(timestamp_text(*at)),
        ValueRef::Date(date) => Value::Text(format!(
            "{:04}-{:02}-{:02}",
            date.year(),
            date.month(),
            date.day()
        )),
        ValueRef::Time(time) => Value::Text(format!(
            "{:02}:{:02}:{:02}.{:06}",
            time.hour(),
            time.minute(),
            time.second(),
            time.subsec_nanosecond() / 1_000
        )),
        ValueRef::Decimal(number) => Value::Text(number.to_string()),
        other => {
            return Err(ValueError::new(format!(
                "SQLite has no place for {}",
                other.type_name()
            )));
        }
    })
}

fn check_number(statement: &rusqlite::Statement<'_>, given: usize) -> Result<()> {
    let expected = statement.parameter_count();
    if expected == given {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Encode).with_detail(format!(
        "the statement has {expected} parameters, but {given} values were given"
    )))
}

/// Binds `values` to `statement` on the thread of the caller, where they need not be copied first.
///
/// # Errors
/// Only that it could not be done; the reason is found by [`own`] and [`bind`].
pub(crate) fn bind_in_place(
    statement: &mut rusqlite::Statement<'_>,
    values: &[ValueRef<'_>],
) -> Result<(), NotBound> {
    if statement.parameter_count() != values.len() {
        return Err(NotBound);
    }
    for (index, value) in values.iter().enumerate() {
        let place = index + 1;
        let bound = match value {
            ValueRef::I64(value) => statement.raw_bind_parameter(place, value),
            ValueRef::Text(text) | ValueRef::Json(text) => {
                statement.raw_bind_parameter(place, text.as_ref())
            }
            ValueRef::Bytes(bytes) => statement.raw_bind_parameter(place, bytes.as_ref()),
            value => match owned(value).map(Ready::from).map_err(|_| NotBound)? {
                Ready::One(value) => statement.raw_bind_parameter(place, value),
                Ready::List(values) => statement.raw_bind_parameter(place, values),
            },
        };
        bound.map_err(|_| NotBound)?;
    }
    Ok(())
}

/// The values could not be bound.
#[derive(Debug)]
pub(crate) struct NotBound;

/// Binds `values` to `statement`, all of its parameters and no more.
pub(crate) fn bind(
    statement: &mut rusqlite::Statement<'_>,
    values: &[Ready],
) -> Result<rusqlite::Result<()>> {
    check_number(statement, values.len())?;
    for (index, value) in values.iter().enumerate() {
        let bound = match value {
            Ready::One(value) => statement.raw_bind_parameter(index + 1, value),
            Ready::List(values) => statement.raw_bind_parameter(index + 1, values),
        };
        if bound.is_err() {
            return Ok(bound);
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: ValueRef<'_>) -> String {
        match stored(&value).unwrap() {
            Value::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_without_a_storage_class_become_sortable_text() {
        let uuid = "67E55044-10B1-426F-9247-BB680E5FE0C8".parse().unwrap();
        assert_eq!(
            text(ValueRef::Uuid(uuid)),
            "67e55044-10b1-426f-9247-bb680e5fe0c8"
        );
        assert_eq!(
            text(ValueRef::Time(jiff::civil::time(1, 2, 3, 4_000))),
            "01:02:03.000004"
        );
        assert_eq!(
            text(ValueRef::Date(jiff::civil::date(33, 4, 5))),
            "0033-04-05"
        );
        assert_eq!(
            text(ValueRef::Timestamp(
                "2021-09-25T01:02:03.000004Z".parse().unwrap()
            )),
            "2021-09-25 01:02:03.000004Z"
        );
        assert_eq!(
            text(ValueRef::Decimal(rust_decimal::Decimal::new(-1050, 2))),
            "-10.50"
        );
    }

    #[test]
    fn numbers_keep_their_value() {
        assert_eq!(stored(&ValueRef::Bool(true)), Ok(Value::Integer(1)));
        assert_eq!(stored(&ValueRef::I16(-3)), Ok(Value::Integer(-3)));
        assert_eq!(
            stored(&ValueRef::F32(0.1)),
            Ok(Value::Real(f64::from(0.1_f32)))
        );
    }
}
