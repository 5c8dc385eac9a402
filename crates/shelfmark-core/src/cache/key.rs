//! Keys that are put together of a template and a call's arguments, so that no two calls share one by accident.

use std::fmt::{self, Write as _};

use crate::error::{Error, ErrorKind, Result};
use crate::value::any::to_json;
use crate::value::{Param, ValueRef};

/// A key as it grows: literal text of a template, and arguments.
///
/// What an argument is written as holds none of the characters that a template can separate arguments with, so `a:b` in
/// one argument is not `a` and `b` in two.
#[derive(Default)]
pub struct Key {
    text: String,
    refused: Option<Error>,
}

impl Key {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Key::default()
    }

    /// Adds a piece of the template.
    #[must_use]
    pub fn literal(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Adds the argument `name`.
    #[must_use]
    pub fn argument<P: KeyPart + ?Sized>(mut self, name: &'static str, part: &P) -> Self {
        if let Err(error) = part.write_to(&mut self) {
            self.refused.get_or_insert_with(|| {
                Error::new(ErrorKind::Encode).with_detail(format!(
                    "argument `{name}` cannot be part of a key: {error}"
                ))
            });
        }
        self
    }

    /// Adds a part that says itself why it is refused.
    pub(super) fn part(mut self, write: impl FnOnce(&mut Key) -> Result<()>) -> Self {
        if let Err(error) = write(&mut self) {
            self.refused.get_or_insert(error);
        }
        self
    }

    /// Adds a value as an argument is written.
    pub fn value(&mut self, value: &ValueRef<'_>) {
        match value {
            // No text is written like this, also not the empty one.
            ValueRef::Null => self.text.push('~'),
            ValueRef::Text(text) => self.escaped(text),
            ValueRef::List(_, values) => {
                self.text.push('[');
                for value in values {
                    self.value(value);
                    self.text.push(',');
                }
                self.text.push(']');
            }
            other => match to_json(other) {
                serde_json::Value::String(text) => self.escaped(&text),
                other => {
                    // Writing to a String never fails.
                    let _ = write!(self.text, "{other}");
                }
            },
        }
    }

    /// Adds a text, with all that is not a letter, a digit, `-`, `_` or `.` escaped as in URLs.
    pub fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            if character.is_alphanumeric() || matches!(character, '-' | '_' | '.') {
                self.text.push(character);
            } else {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(self.text, "%{byte:02X}");
                }
            }
        }
    }

    /// Adds a mark between parts of one argument, which no part is written with.
    pub fn mark(&mut self, mark: char) {
        self.text.push(mark);
    }

    /// The key.
    ///
    /// # Errors
    /// `Encode` when an argument cannot be part of a key.
    pub fn finish(self) -> Result<String> {
        match self.refused {
            None => Ok(self.text),
            Some(error) => Err(error),
        }
    }
}

/// Says nothing of the arguments.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// What can be an argument of a key: whatever can be a parameter of a statement. Filters, sorts and pages are added by
/// functions of their own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache's key",
    note = "name a field of it (`{{show.show_id}}`), or an argument that is a parameter of a statement"
)]
pub trait KeyPart {
    /// Adds it to `key`, differently for different values.
    ///
    /// # Errors
    /// `Encode` when it cannot be sent to a database either.
    fn write_to(&self, key: &mut Key) -> Result<()>;
}

impl<P: Param + ?Sized> KeyPart for P {
    fn write_to(&self, key: &mut Key) -> Result<()> {
        let value = self
            .encode_param()
            .map_err(|error| Error::new(ErrorKind::Encode).with_detail(error.to_string()))?;
        key.value(&value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn different_arguments_make_different_keys() -> Result<()> {
        let key = |a: Option<&str>, b: &[i64]| {
            Key::new()
                .literal("show:")
                .argument("a", &a)
                .literal(":")
                .argument("b", b)
                .finish()
        };
        assert_eq!(key(Some("s1"), &[1, 2])?, "show:s1:[1,2,]");
        assert_eq!(key(Some("a:é%~"), &[])?, "show:a%3Aé%25%7E:[]");
        let keys = [
            key(None, &[])?,
            key(Some(""), &[])?,
            key(Some("~"), &[])?,
            key(Some("a"), &[12])?,
            key(Some("a"), &[1, 2])?,
            key(Some("a:[1,2,]"), &[])?,
        ];
        let count = keys.len();
        assert_eq!(keys.into_iter().collect::<HashSet<_>>().len(), count);
        Ok(())
    }
}
