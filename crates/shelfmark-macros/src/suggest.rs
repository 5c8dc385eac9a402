//! Finds the name somebody meant when they mistyped one.

/// The candidate nearest to `name`, if one is near enough to be meant.
pub(crate) fn nearest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let allowed = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters were left out, added, exchanged or swapped with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (row, letter) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX);
            let exchanged = at(&last, column) + usize::from(letter != *other);
            let left_out = at(&last, column + 1) + 1;
            let added = at(&current, column) + 1;
            let mut best = exchanged.min(left_out).min(added);
            let swapped = column
                .checked_sub(1)
                .filter(|&before| right.get(before) == Some(&letter) && previous == Some(*other));
            if let Some(before) = swapped {
                best = best.min(at(&before_last, before) + 1);
            }
            current.push(best);
        }
        previous = Some(letter);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_letters_are_one_mistake() {
        assert_eq!(distance("emial", "email"), 1);
        assert_eq!(distance("email", "email"), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("limit", "limits"), 1);
        assert_eq!(distance("größe", "grösse"), 2);
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        assert_eq!(nearest("emial", ["name", "email"]), Some("email"));
        assert_eq!(nearest("yaer", ["rating", "year"]), Some("year"));
        assert_eq!(nearest("id", ["ids", "rating"]), Some("ids"));
    }

    #[test]
    fn a_name_that_is_far_from_all_is_not_guessed() {
        assert_eq!(nearest("rating", ["year", "limit"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
