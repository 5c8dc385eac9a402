//! How names, types and texts from outside are written into a problem's detail.

/// How much of a text from outside a problem repeats.
const MOST_SHOWN: usize = 200;

/// A text from outside without control characters, cut to a length that fits a sentence.
pub(crate) fn cut(text: &str) -> String {
    let mut letters = text.chars().filter(|letter| !letter.is_control());
    let mut shown: String = letters.by_ref().take(MOST_SHOWN).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Names with commas between them.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// What serde says it expected, for somebody who does not write Rust.
pub(crate) fn in_words(expected: &str) -> String {
    let range = |least: i128, most: u128| format!("a whole number from {least} to {most}");
    match expected {
        "i8" => range(i8::MIN.into(), 0x7f),
        "i16" => range(i16::MIN.into(), 0x7fff),
        "i32" => range(i32::MIN.into(), 0x7fff_ffff),
        "i64" | "isize" => range(i64::MIN.into(), 0x7fff_ffff_ffff_ffff),
        "u8" => range(0, u8::MAX.into()),
        "u16" => range(0, u16::MAX.into()),
        "u32" => range(0, u32::MAX.into()),
        "u64" | "usize" => range(0, u64::MAX.into()),
        "i128" | "u128" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" | "a borrowed string" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a character" => "one character".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "unit" => "null".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        other if other.starts_with("enum ") => "one of the accepted names".to_owned(),
        other => cut(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_from_outside_is_cut_and_holds_no_control_characters() {
        assert_eq!(cut("a\u{1b}[2J\r\nb"), "a[2Jb");
        assert_eq!(cut(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(cut(&"é".repeat(201)), format!("{}…", "é".repeat(200)));
    }

    #[test]
    fn the_bounds_of_whole_numbers_are_those_of_their_types() {
        assert_eq!(
            in_words("i16"),
            format!("a whole number from {} to {}", i16::MIN, i16::MAX)
        );
        assert_eq!(
            in_words("i64"),
            format!("a whole number from {} to {}", i64::MIN, i64::MAX)
        );
        assert_eq!(
            in_words("u64"),
            format!("a whole number from 0 to {}", u64::MAX)
        );
    }
}
