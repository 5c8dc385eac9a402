//! What a field of a file may say besides its value: nothing at all, or several names. (Spaces and invisible characters
//! are the domain's [`tidy`].)

use std::borrow::Cow;

use crate::domain::{is_direction_mark, is_invisible, same_name, tidy};

/// Whether there is nothing to see in a text. A NUL byte is something: it is complained of.
pub(super) fn is_blank(text: &str) -> bool {
    let is_nothing = |c: char| {
        c != '\0'
            && (c.is_whitespace() || c.is_control() || is_invisible(c) || is_direction_mark(c))
    };
    text.chars().all(is_nothing)
}

/// Whether a tidied value says that there is none.
///
/// `NA` counts in capitals only: `Na` is a name.
pub(super) fn is_empty_marker(value: &str) -> bool {
    const MARKERS: [&str; 10] = [
        "n/a",
        "#n/a",
        "n.a.",
        "null",
        "(null)",
        "none",
        "nan",
        "\\n",
        "not given",
        "not available",
    ];
    is_bare(value)
        || value == "NA"
        || MARKERS
            .iter()
            .any(|marker| value.eq_ignore_ascii_case(marker))
}

/// Whether nothing in it is a letter or a digit: a dash, a question mark, nothing at all.
fn is_bare(value: &str) -> bool {
    !value.chars().any(char::is_alphanumeric)
}

/// A tidied value, or `None` when it is empty or says so.
pub(super) fn optional(text: &str) -> Option<String> {
    Some(tidy(text)).filter(|value| !is_empty_marker(value))
}

/// The names in one field, separated by commas, semicolons or bars: tidied, in their order, without
/// empty ones, and each once. Names that differ in upper and lower case only are one name, spelled as
/// it came first. Between other names only `N/A` and bare punctuation are no name, since there are
/// people called Nan.
///
/// `None` when there are more than `most`.
pub(super) fn names(text: &str, most: usize) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    if is_empty_marker(text.trim()) {
        return Some(names);
    }
    for name in text.split([',', ';', '|']) {
        let name = tidy(name);
        let is_none = is_bare(&name) || name.eq_ignore_ascii_case("n/a");
        if is_none || names.iter().any(|known| same_name(known, &name)) {
            continue;
        }
        if names.len() == most {
            return None;
        }
        names.push(name);
    }
    Some(names)
}

/// At most `chars` characters of a text, with an ellipsis where something was left off, and control
/// characters shown by their escapes; for messages.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    let cut = text
        .char_indices()
        .nth(chars)
        .map(|(at, _)| text.get(..at).unwrap_or_default());
    let visible = match cut {
        Some(start) => Cow::Owned(format!("{start}…")),
        None => Cow::Borrowed(text),
    };
    if !visible.chars().any(char::is_control) {
        return visible.into_owned();
    }
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    visible.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_is_what_shows_nothing_except_a_nul() {
        assert!(is_blank(" \t\u{a0}\u{200b}\u{200e}\r"));
        assert!(!is_blank("\0") && !is_blank("-"));
    }

    #[test]
    fn empty_markers_are_no_value() {
        for text in [
            "",
            "  ",
            "N/A",
            "null",
            "None",
            "nan",
            "NaN",
            "-",
            "—",
            "NA",
            "Not Given",
        ] {
            assert_eq!(optional(text), None, "{text:?}");
        }
        assert_eq!(optional(" PG-13 ").as_deref(), Some("PG-13"));
        assert_eq!(optional("Na").as_deref(), Some("Na"));
    }

    #[test]
    fn several_names_in_one_field_are_told_apart() {
        let names = |text| names(text, 10).unwrap();
        assert_eq!(names(", France, Algeria"), ["France", "Algeria"]);
        assert_eq!(
            names("Ana  de Armas ;Tom Hardy,, "),
            ["Ana de Armas", "Tom Hardy"]
        );
        assert_eq!(names("Bong Joon-ho|-|N/A|Nan"), ["Bong Joon-ho", "Nan"]);
        assert_eq!(names(" N/A "), [""; 0]);
    }

    #[test]
    fn a_name_given_twice_counts_once_as_it_was_first_spelled() {
        let names = names("Émile, tom hardy, ÉMILE, Tom Hardy, E\u{301}mile", 10).unwrap();
        assert_eq!(names, ["Émile", "tom hardy"]);
    }

    #[test]
    fn more_names_than_allowed_are_refused() {
        assert!(names("a,b,c,A,B", 3).is_some());
        assert!(names("a,b,c,d", 3).is_none());
    }

    #[test]
    fn a_long_value_is_shortened_for_messages() {
        assert_eq!(shortened("ééééé", 3), "ééé…");
        assert_eq!(shortened("ééé", 3), "ééé");
        assert_eq!(shortened("a\0b\n", 9), "a\\u{0}b\\n");
    }
}
