//! From answers of the server to Rust values.

use bytes::Bytes;
use redis::Value;
use shelfmark_core::{Error, Result};

use super::link::unexpected;
use crate::strings::text;

pub(super) fn bytes(value: Value) -> Result<Option<Bytes>> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(Bytes::from(bytes))),
        Value::SimpleString(text) => Ok(Some(Bytes::from(text))),
        Value::Okay => Ok(Some(Bytes::from_static(b"OK"))),
        Value::Int(number) => Ok(Some(Bytes::from(number.to_string()))),
        Value::ServerError(error) => Err(super::error::refused(&error)),
        _ => Err(unexpected()),
    }
}

pub(super) fn int(value: Value) -> Result<i64> {
    match value {
        Value::Int(number) => Ok(number),
        Value::Boolean(flag) => Ok(i64::from(flag)),
        Value::ServerError(error) => Err(super::error::refused(&error)),
        _ => Err(unexpected()),
    }
}

pub(super) fn flag(value: Value) -> Result<bool> {
    Ok(int(value)? != 0)
}

pub(super) fn count(value: Value) -> Result<u64> {
    u64::try_from(int(value)?).map_err(|_| unexpected())
}

pub(super) fn all(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(values) | Value::Set(values) => Ok(values),
        Value::Map(pairs) => Ok(pairs.into_iter().flat_map(|(a, b)| [a, b]).collect()),
        Value::Nil => Ok(Vec::new()),
        Value::ServerError(error) => Err(super::error::refused(&error)),
        _ => Err(unexpected()),
    }
}

pub(super) fn present(value: Value) -> Result<Bytes> {
    bytes(value)?.ok_or_else(unexpected)
}

pub(super) fn name(value: Value) -> Result<String> {
    text(Vec::from(present(value)?))
}

/// Exactly `N` answers.
pub(super) fn parts<const N: usize>(value: Value) -> Result<[Value; N]> {
    <[Value; N]>::try_from(all(value)?).map_err(|_| unexpected())
}

/// `Ok` for `OK`.
pub(super) fn done(value: Value) -> Result<()> {
    match value {
        Value::Okay => Ok(()),
        Value::ServerError(error) => Err(Error::from(super::error::Failure::Server(error))),
        _ => Err(unexpected()),
    }
}
