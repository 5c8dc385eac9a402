//! Patterns of channels, as Redis reads them: `*` any text, `?` one byte, `[a-z]`, `[^a]`, and `\` before a character
//! that stands for itself.

/// Whether `text` matches `pattern`, byte by byte.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on when the text behind the last `*` did not match: one byte later.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match step(pattern, text) {
            Step::Done => return true,
            Step::One(rest, behind) => (pattern, text) = (rest, behind),
            Step::Star(rest) => {
                retry = Some((rest, text));
                pattern = rest;
            }
            Step::No => match retry {
                Some((rest, [_, later @ ..])) => {
                    retry = Some((rest, later));
                    (pattern, text) = (rest, later);
                }
                _ => return false,
            },
        }
    }
}

enum Step<'p, 't> {
    Done,
    One(&'p [u8], &'t [u8]),
    Star(&'p [u8]),
    No,
}

fn step<'p, 't>(pattern: &'p [u8], text: &'t [u8]) -> Step<'p, 't> {
    match (pattern, text) {
        ([], []) => Step::Done,
        ([b'*', rest @ ..], _) => Step::Star(rest),
        (_, []) | ([], _) => Step::No,
        ([b'?', rest @ ..], [_, behind @ ..]) => Step::One(rest, behind),
        ([b'[', rest @ ..], [byte, behind @ ..]) => match class(rest, *byte) {
            (true, rest) => Step::One(rest, behind),
            (false, _) => Step::No,
        },
        ([b'\\', literal, rest @ ..], [byte, behind @ ..]) if literal == byte => {
            Step::One(rest, behind)
        }
        ([b'\\', _, ..], _) => Step::No,
        ([literal, rest @ ..], [byte, behind @ ..]) if literal == byte => Step::One(rest, behind),
        _ => Step::No,
    }
}

/// Reads a class behind its `[`: whether `byte` is in it, and what follows its `]`. One without `]` ends with the
/// pattern.
fn class(pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    let (negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    };
    let mut found = false;
    loop {
        match rest {
            [b'\\', literal, behind @ ..] => {
                found |= *literal == byte;
                rest = behind;
            }
            [b']', behind @ ..] => return (found != negated, behind),
            [] => return (found != negated, rest),
            [low, b'-', high, behind @ ..] => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                rest = behind;
            }
            [literal, behind @ ..] => {
                found |= *literal == byte;
                rest = behind;
            }
        }
    }
}

/// `text` as a pattern that matches it alone.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_on_redis() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            ("h\\*llo", "h*llo", true),
            ("h\\*llo", "hxllo", false),
            ("[\\]]", "]", true),
            ("[a", "a", true),
            ("shows:*:new", "shows:1:new", true),
        ] {
            let matched = matches(pattern.as_bytes(), text.as_bytes());
            assert_eq!(matched, expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_text_matches_itself_alone(a in "[a*?\\[\\]\\\\^-]{0,6}", b in "[a*?\\[\\]\\\\^-]{0,6}") {
            let pattern = escaped(&a);
            prop_assert!(matches(pattern.as_bytes(), a.as_bytes()));
            prop_assert_eq!(matches(pattern.as_bytes(), b.as_bytes()), a == b);
        }

        #[test]
        fn any_pattern_is_answered(pattern in "\\PC{0,12}", text in "\\PC{0,12}") {
            let _ = matches(pattern.as_bytes(), text.as_bytes());
        }
    }
}
