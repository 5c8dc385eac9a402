//! How titles are compared: without case and accents, the same on every engine.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The text in lower case, without accents, with single spaces: `Amélie  II` becomes `amelie ii`.
#[must_use]
pub fn fold(text: &str) -> String {
    let plain: String = text
        .nfkd()
        .filter(|letter| !is_combining_mark(*letter))
        .collect();
    plain
        .to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_spaces_do_not_count() {
        assert_eq!(fold("  Amélie \t II "), "amelie ii");
        assert_eq!(fold("ŌKAMI"), fold("okami"));
        assert_eq!(fold("8½"), "81⁄2");
    }
}
