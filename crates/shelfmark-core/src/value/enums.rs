//! What `#[derive(Value)]` needs for enums stored as text.

use super::{ValueError, ValueRef};

/// Finds the variant whose text is stored.
///
/// # Errors
/// Another type than text, or a text that names no variant; the text itself is not repeated.
pub fn decode_enum<T: Copy>(
    raw: &ValueRef<'_>,
    name: &str,
    variants: &[(&str, T)],
) -> Result<T, ValueError> {
    let ValueRef::Text(text) = raw else {
        return Err(ValueError::unexpected(name, raw));
    };
    variants
        .iter()
        .find(|(word, _)| *word == text.as_ref())
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<&str> = variants.iter().map(|(word, _)| *word).collect();
            ValueError::new(format!(
                "the text is none of {name}'s variants: {}",
                words.join(", ")
            ))
        })
}
