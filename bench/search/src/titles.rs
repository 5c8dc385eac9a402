//! Titles whose words are as unevenly frequent as those of a language.
//!
//! The word of rank r occurs about 1/(r + 2) as often as all others together do in a corpus of that many words (Zipf). The
//! first words are real ones; the others are put together of syllables.

use std::collections::HashSet;

use catalog::domain::fold;

use crate::generate::Catalogue;

/// Any fixed number will do.
const SEED: u64 = 0x5e1f_a4c0_0000_0002;
/// Different words.
const VOCABULARY: usize = 150_000;

/// The most frequent words of titles, the most frequent first.
#[rustfmt::skip]
const FREQUENT: [&str; 60] = [
    "the", "of", "a", "love", "and", "in", "my", "night", "last", "man", "house", "life", "girl", "world", "day", "story", "king",
    "blood", "little", "dead", "home", "time", "black", "heart", "to", "on", "you", "city", "war", "secret", "family", "dark", "lost",
    "dream", "summer", "star", "red", "boy", "game", "white", "road", "fire", "moon", "midnight", "wild", "christmas", "queen",
    "river", "american", "street", "kingdom", "island", "winter", "train", "garden", "silent", "café", "señorita", "mystery", "détective",
];

#[rustfmt::skip]
const SYLLABLES: [&str; 40] = [
    "ka", "lo", "mi", "ren", "tor", "sha", "vel", "dun", "gri", "pol", "ta", "ne", "ish", "bra", "cor", "fi", "hul", "jan", "zo",
    "pre", "é", "est", "ow", "um", "lin", "ber", "sta", "qui", "ran", "to", "ma", "del", "ör", "wen", "ti", "ga", "sol", "par", "ny", "che",
];

/// Gives every show another title. A show has the same one in a catalogue of any size.
pub(crate) fn replace(catalogue: &mut Catalogue) {
    let mut random = fastrand::Rng::with_seed(SEED);
    let words = vocabulary(&mut random);
    let mut sum = 0.0;
    let sums: Vec<f64> = (0..words.len())
        .map(|rank| {
            sum += 1.0 / (rank as f64 + 2.0);
            sum
        })
        .collect();
    for show in &mut catalogue.shows {
        let length = random.usize(1..=6);
        let chosen = (0..length).filter_map(|_| {
            let place = random.f64() * sum;
            words.get(sums.partition_point(|until| *until < place))
        });
        let title: Vec<String> = chosen.map(|word| capital(word)).collect();
        show.title = match title.as_slice() {
            [first, rest @ ..] if length > 4 => format!("{first}: {}", rest.join(" ")),
            words => words.join(" "),
        };
        show.title_folded = fold(&show.title);
    }
}

fn vocabulary(random: &mut fastrand::Rng) -> Vec<String> {
    let mut words: Vec<String> = FREQUENT.map(str::to_owned).to_vec();
    let mut known: HashSet<String> = words.iter().cloned().collect();
    while words.len() < VOCABULARY {
        let length = random.usize(2..=4);
        let word: String = (0..length)
            .filter_map(|_| random.choice(SYLLABLES))
            .collect();
        if known.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}
