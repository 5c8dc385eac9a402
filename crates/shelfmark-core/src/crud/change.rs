//! What a patch says of one column: keep it, or set it.

use std::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Error as _, Serialize, Serializer};

/// What a patch does with one column.
///
/// Absent is not null. With `#[serde(default)]` a field that is absent from JSON is kept, and one that is `null` is set
/// to NULL where that is a value of the column, `Change<Option<T>>`, and refused where it is not, `Change<T>`. To write
/// JSON, add `#[serde(skip_serializing_if = "Change::is_keep")]`: what is kept has no value.
///
/// ```
/// use shelfmark_core::Change;
///
/// #[derive(serde::Deserialize)]
/// struct ShowPatch {
///     #[serde(default)]
///     title: Change<String>,
///     #[serde(default)]
///     rating: Change<Option<String>>,
/// }
///
/// let patch: ShowPatch = serde_json::from_str(r#"{"rating": null}"#)?;
/// assert_eq!(patch.title, Change::Keep);
/// assert_eq!(patch.rating, Change::Set(None));
/// assert!(serde_json::from_str::<ShowPatch>(r#"{"title": null}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Change<T> {
    /// The column stays as it is.
    #[default]
    Keep,
    /// The column gets this value.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the column stays as it is.
    #[must_use]
    pub const fn is_keep(&self) -> bool {
        matches!(self, Change::Keep)
    }

    /// The value to set, if there is one.
    #[must_use]
    pub fn set(self) -> Option<T> {
        match self {
            Change::Keep => None,
            Change::Set(value) => Some(value),
        }
    }
}

impl<T> From<T> for Change<T> {
    fn from(value: T) -> Self {
        Change::Set(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Keep => f.write_str("Keep"),
            Change::Set(value) => f.debug_tuple("Set").field(value).finish(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Change::Set)
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Change::Keep => Err(S::Error::custom(
                "a column that is kept has no value: add #[serde(skip_serializing_if = \"Change::is_keep\")]",
            )),
            Change::Set(value) => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, serde::Serialize, Debug, Default, PartialEq)]
    struct Patch {
        #[serde(default, skip_serializing_if = "Change::is_keep")]
        title: Change<String>,
        #[serde(default, skip_serializing_if = "Change::is_keep")]
        rating: Change<Option<String>>,
    }

    fn read(json: &str) -> Result<Patch, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn absent_is_not_null() {
        assert_eq!(read("{}").unwrap(), Patch::default());
        assert_eq!(
            read(r#"{"rating":null}"#).unwrap().rating,
            Change::Set(None)
        );
        assert_eq!(
            read(r#"{"rating":"R"}"#).unwrap().rating,
            Change::Set(Some("R".to_owned()))
        );
        assert!(read(r#"{"title":null}"#).is_err());
    }

    #[test]
    fn what_is_kept_is_left_out_of_json() {
        for json in ["{}", r#"{"rating":null}"#, r#"{"title":"T","rating":"R"}"#] {
            assert_eq!(serde_json::to_string(&read(json).unwrap()).unwrap(), json);
        }
        let kept = serde_json::to_string(&Change::<i64>::Keep).unwrap_err();
        assert!(kept.to_string().contains("skip_serializing_if"), "{kept}");
    }
}
