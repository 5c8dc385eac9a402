//! The values that travel between Rust and a database, and the traits that convert them.
//!
//! [`Value`] is for what a column can hold and hand back; [`Param`] is for what a method can take as an
//! argument, which is a little more (`&str`, slices). Engines see only [`ValueRef`] and [`Type`].
//!
//! On PostgreSQL each type maps to its namesake. SQLite stores: booleans and integers as INTEGER, floats as
//! REAL, text as TEXT, bytes as BLOB, and as TEXT: uuid (hyphenated, lower case), timestamps
//! (`2021-09-25 14:03:00.000000Z`), dates, times, decimals (declare the column `TEXT COLLATE DECIMAL` to sort
//! and compare by value) and JSON.

pub(crate) mod any;
mod enums;
mod json;
pub(crate) mod key;
mod list;
mod scalar;
mod time;

use std::borrow::Cow;
use std::fmt;

use jiff::civil;
use rust_decimal::Decimal;
use uuid::Uuid;

pub use enums::decode_enum;
pub use json::Json;
pub use time::{parse_date, parse_time, parse_timestamp, timestamp_micros, timestamp_text};

/// The logical type of a column or parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Type {
    /// `bool`
    Bool,
    /// `i16`
    I16,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `String`, `&str`, and enums stored as text
    Text,
    /// `Vec<u8>`, `&[u8]`
    Bytes,
    /// `uuid::Uuid`
    Uuid,
    /// `jiff::Timestamp`
    Timestamp,
    /// `jiff::civil::Date`
    Date,
    /// `jiff::civil::Time`
    Time,
    /// `rust_decimal::Decimal`
    Decimal,
    /// `serde_json::Value`, `Json<T>`
    Json,
}

impl Type {
    /// Every type.
    pub const ALL: [Type; 14] = [
        Type::Bool,
        Type::I16,
        Type::I32,
        Type::I64,
        Type::F32,
        Type::F64,
        Type::Text,
        Type::Bytes,
        Type::Uuid,
        Type::Timestamp,
        Type::Date,
        Type::Time,
        Type::Decimal,
        Type::Json,
    ];

    /// Whether both are the same, for checks while compiling.
    #[must_use]
    pub const fn is(self, other: Type) -> bool {
        self as u8 == other as u8
    }

    /// The Rust type most people would name.
    #[must_use]
    pub const fn rust_name(self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::I16 => "i16",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Text => "String",
            Type::Bytes => "Vec<u8>",
            Type::Uuid => "Uuid",
            Type::Timestamp => "Timestamp",
            Type::Date => "civil::Date",
            Type::Time => "civil::Time",
            Type::Decimal => "Decimal",
            Type::Json => "Json",
        }
    }
}

/// One value, borrowed from an argument or from a driver's row.
///
/// An engine may hand a value to [`Value::decode`] in the form in which it stores it: SQLite gives `I64`,
/// `F64`, `Text`, `Bytes` and `Null` only.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// SQL NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// A 16-bit integer.
    I16(i16),
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
    /// Text without NUL bytes.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A UUID.
    Uuid(Uuid),
    /// A point in time, to the microsecond.
    Timestamp(jiff::Timestamp),
    /// A date.
    Date(civil::Date),
    /// A time of day, to the microsecond.
    Time(civil::Time),
    /// A decimal number.
    Decimal(Decimal),
    /// JSON text.
    Json(Cow<'a, str>),
    /// A list of scalars of one type; only ever a parameter.
    List(Type, Vec<ValueRef<'a>>),
}

impl ValueRef<'_> {
    /// What the value is, for error messages; never the value itself.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            ValueRef::Null => "NULL",
            ValueRef::Bool(_) => "a boolean",
            ValueRef::I16(_) | ValueRef::I32(_) | ValueRef::I64(_) => "an integer",
            ValueRef::F32(_) | ValueRef::F64(_) => "a float",
            ValueRef::Text(_) => "text",
            ValueRef::Bytes(_) => "bytes",
            ValueRef::Uuid(_) => "a uuid",
            ValueRef::Timestamp(_) => "a timestamp",
            ValueRef::Date(_) => "a date",
            ValueRef::Time(_) => "a time",
            ValueRef::Decimal(_) => "a decimal",
            ValueRef::Json(_) => "JSON",
            ValueRef::List(..) => "a list",
        }
    }
}

/// Why a value could not be converted. Never contains the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError(Cow<'static, str>);

impl ValueError {
    /// Makes the error; `message` must not contain the value.
    #[must_use]
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        ValueError(message.into())
    }

    /// A value of the wrong type.
    #[must_use]
    pub fn unexpected(expected: &str, found: &ValueRef<'_>) -> Self {
        match found {
            ValueRef::Null => ValueError(Cow::Owned(format!(
                "NULL found, but {expected} cannot hold it; use Option<{expected}>"
            ))),
            found => ValueError(Cow::Owned(format!(
                "expected {expected}, found {}",
                found.type_name()
            ))),
        }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ValueError {}

/// A type that a column can hold.
///
/// Derive it for newtypes (`struct Email(String)`) and for enums without fields, which are stored as text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that a column can hold",
    note = "columns hold bool, i16, i32, i64, f32, f64, String, Vec<u8>, Uuid, Timestamp, civil::Date, civil::Time, Decimal, serde_json::Value, Json<T>, Option of each, and #[derive(Value)] types"
)]
pub trait Value: Sized + Send + Sync + 'static {
    /// The logical type.
    const TYPE: Type;
    /// Whether NULL is a value of the type.
    const NULLABLE: bool = false;

    /// Gives the value to the engine.
    ///
    /// # Errors
    /// A value that cannot be the same on every engine: NUL in text, NaN, a year outside 1–9999.
    fn encode(&self) -> Result<ValueRef<'_>, ValueError>;

    /// Takes the value from the engine.
    ///
    /// # Errors
    /// NULL, another type, or a number out of range.
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError>;
}

/// A type that a method can take as the argument of a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the argument of a parameter",
    note = "parameters take every column type, &str, &[u8], Option of each, references, and slices or Vecs of column types for `IN (:list)`"
)]
pub trait Param: Sync {
    /// The logical type, of the elements when it is a list.
    const TYPE: Type;
    /// Whether it is a list of scalars.
    const LIST: bool = false;

    /// Gives the value to the engine.
    ///
    /// # Errors
    /// As [`Value::encode`].
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError>;
}

/// Name and type of one parameter of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamSpec {
    /// The argument's name.
    pub name: &'static str,
    /// The logical type, of the elements when it is a list.
    pub ty: Type,
    /// Whether it is a list.
    pub list: bool,
}

impl ParamSpec {
    /// The specification of a parameter of type `P`.
    #[must_use]
    pub const fn of<P: Param + ?Sized>(name: &'static str) -> Self {
        ParamSpec {
            name,
            ty: P::TYPE,
            list: P::LIST,
        }
    }
}
