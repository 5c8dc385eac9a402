//! JSON columns: free-form, or typed through serde.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::scalar::param_from_value;
use super::{Param, Type, Value, ValueError, ValueRef};

/// A column of JSON that holds a `T`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

fn encode<T: Serialize>(value: &T) -> Result<ValueRef<'static>, ValueError> {
    let text = serde_json::to_string(value).map_err(|error| {
        ValueError::new(format!("cannot be written as JSON: {}", class(&error)))
    })?;
    if escapes_nul(&text) {
        return Err(ValueError::new(
            "JSON text must not contain \\u0000: PostgreSQL cannot store it",
        ));
    }
    Ok(ValueRef::Json(Cow::Owned(text)))
}

/// Whether JSON text has `\u0000` as an escape, and not after a backslash that is itself escaped.
fn escapes_nul(json: &str) -> bool {
    let mut rest = json;
    while let Some((_, escape)) = rest.split_once('\\') {
        if escape.starts_with("u0000") {
            return true;
        }
        // What is escaped begins no other escape.
        let mut after = escape.chars();
        after.next();
        rest = after.as_str();
    }
    false
}

fn decode<T: DeserializeOwned>(raw: ValueRef<'_>) -> Result<T, ValueError> {
    match raw {
        ValueRef::Json(text) | ValueRef::Text(text) => {
            serde_json::from_str(&text).map_err(|error| {
                ValueError::new(format!(
                    "the JSON does not fit the type: {} at line {} column {}",
                    class(&error),
                    error.line(),
                    error.column()
                ))
            })
        }
        other => Err(ValueError::unexpected("Json", &other)),
    }
}

/// serde's own message can quote the value, so only its class is told.
fn class(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Io => "input or output failed",
        serde_json::error::Category::Syntax => "syntax error",
        serde_json::error::Category::Data => "a field is missing or of another type",
        serde_json::error::Category::Eof => "it ends too early",
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Value for Json<T> {
    const TYPE: Type = Type::Json;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        encode(&self.0)
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        decode(raw).map(Json)
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Param for Json<T> {
    const TYPE: Type = Type::Json;
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
        encode(&self.0)
    }
}

impl Value for serde_json::Value {
    const TYPE: Type = Type::Json;
    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        encode(self)
    }
    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        decode(raw)
    }
}

param_from_value!(serde_json::Value);
