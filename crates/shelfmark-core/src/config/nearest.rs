//! The name somebody probably meant.

/// The one of `candidates` that differs from `name` by a slip of the keyboard, if there is one.
pub(super) fn nearest(name: &str, candidates: &[&'static str]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    candidates
        .iter()
        .map(|candidate| (distance(&name, &candidate.to_ascii_lowercase()), *candidate))
        // A short word is soon another word: `post` is one letter away from `port` and from `host`.
        .filter(|(distance, candidate)| *distance <= if candidate.len() <= 4 { 1 } else { 2 })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, removed or replaced to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // The distances of the part of `a` read so far to every beginning of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (read, letter) in a.chars().enumerate() {
        let mut diagonal = read;
        let mut left = read + 1;
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (above, other) in cells.zip(&b) {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = *above;
            left = replaced.min(diagonal + 1).min(left + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_letters() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("sslmode", "sslmode", 0),
            ("ssl-mode", "sslmode", 1),
            ("slmode", "sslmode", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} to {b}");
        }
    }

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let names = &["sslmode", "host", "port"];
        assert_eq!(nearest("SslMod", names), Some("sslmode"));
        assert_eq!(nearest("prt", names), Some("port"));
        assert_eq!(nearest("pool", names), None);
        assert_eq!(nearest("timezone", names), None);
    }
}
