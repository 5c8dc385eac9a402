//! Texts as they are stored, whoever brings them: a name that two sources write with other spaces is one name.

use unicode_normalization::UnicodeNormalization as _;

/// A value on one line: runs of white space and control characters become one space, none stands at
/// either end, invisible characters are gone, and an accented letter is one character (NFC), so that
/// one name written in two ways is one name.
///
/// Zero-width spaces and byte order marks are removed wherever they stand (the published file has
/// titles that begin with them), direction marks at the ends only: within a text they matter.
#[must_use]
pub fn tidy(text: &str) -> String {
    let text = text.trim();
    if is_tidy(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let start = out.len();
        out.extend(word.chars().filter(|c| !is_invisible(*c)));
        // A word of nothing but invisible characters is none.
        if out.len() > start && start > 0 {
            out.insert(start, ' ');
        }
    }
    composed(trim_marks(out))
}

/// Whether a trimmed text is plain ASCII with single spaces, as most are.
fn is_tidy(text: &str) -> bool {
    let mut after_space = false;
    text.bytes().all(|byte| {
        let is_double = after_space && byte == b' ';
        after_space = byte == b' ';
        !is_double && matches!(byte, b' '..=b'~')
    })
}

/// A text of several lines: as [`tidy`], but its line breaks stay, as line feeds.
#[must_use]
pub fn tidy_lines(text: &str) -> String {
    if !text.contains(['\n', '\r']) {
        return tidy(text);
    }
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<String> = unified.split('\n').map(tidy).collect();
    lines.join("\n").trim().to_owned()
}

/// Whether nobody sees it and it means nothing: zero-width spaces and byte order marks.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// Whether it only says in which direction a text runs.
pub(crate) fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}')
}

fn trim_marks(text: String) -> String {
    match text.trim_matches(|c| is_direction_mark(c) || c == ' ') {
        trimmed if trimmed.len() == text.len() => text,
        trimmed => trimmed.to_owned(),
    }
}

fn composed(text: String) -> String {
    if text.is_ascii() || unicode_normalization::is_nfc(&text) {
        return text;
    }
    text.nfc().collect()
}

/// Whether two names differ in upper and lower case only, and so are one.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars()
        .flat_map(char::to_lowercase)
        .eq(b.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_collapsed_and_trimmed() {
        assert_eq!(tidy("  The \t Big\r\n  Sleep\u{a0} "), "The Big Sleep");
        assert_eq!(tidy(" \u{3000}\n"), "");
        assert_eq!(tidy("a\u{1}b"), "a b");
    }

    #[test]
    fn invisible_characters_do_not_make_another_title() {
        assert_eq!(
            tidy("\u{200b}\u{200b}Goli \u{200b} Soda\u{feff}"),
            "Goli Soda"
        );
        assert_eq!(tidy("\u{200e} Al-Hayba \u{200f}"), "Al-Hayba");
        assert_eq!(tidy("می\u{200c}خواهم"), "می\u{200c}خواهم");
    }

    #[test]
    fn a_letter_and_its_accent_become_one_character() {
        assert_eq!(tidy("Ame\u{301}lie"), "Amélie");
    }

    #[test]
    fn a_description_keeps_its_line_breaks() {
        assert_eq!(
            tidy_lines(" one  two \r\nthree\rfour \n\n"),
            "one two\nthree\nfour"
        );
    }
}
