//! The words that a search compares: taken out of titles, of names and of what is typed by one rule, on every engine.

use super::fold::fold;

/// Letters of one word that count. No index of either engine takes words of any length, and nobody types so many.
const WORD_CHARS: usize = 64;

/// The words of a text, folded, each once, with one space between them: `Spider-Man: España` gives `spider man espana`.
///
/// A word is a run of letters and digits; everything else parts words and is gone, so no text that comes out of here can
/// mean anything in the query language of an index. A sign of Chinese or Japanese is a word of its own, because these are
/// written without spaces.
#[must_use]
pub fn words_of(text: &str) -> String {
    let folded = fold(text);
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for letter in folded.chars() {
        if !letter.is_alphanumeric() || is_a_word_by_itself(letter) {
            close(&mut word, &mut words);
        }
        if letter.is_alphanumeric() {
            word.push(letter);
        }
        if is_a_word_by_itself(letter) {
            close(&mut word, &mut words);
        }
    }
    close(&mut word, &mut words);
    words.join(" ")
}

fn close(word: &mut String, words: &mut Vec<String>) {
    let whole: String = std::mem::take(word).chars().take(WORD_CHARS).collect();
    if !whole.is_empty() && !words.contains(&whole) {
        words.push(whole);
    }
}

/// Hiragana, katakana and the Chinese characters of the basic planes.
fn is_a_word_by_itself(letter: char) -> bool {
    matches!(letter, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
        && letter.is_alphanumeric()
}

/// What somebody searches for, as words. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchWords(String);

impl SearchWords {
    /// The words of what was typed; none when it has no letter and no digit.
    ///
    /// Unlike the words of a title, the last one stays the last also when it was typed before: it is the one that may
    /// not be finished.
    #[must_use]
    pub fn typed(text: &str) -> Option<SearchWords> {
        let words = words_of(text);
        let folded = fold(text);
        // What stands behind the last break is the word that is being typed.
        let last = words_of(folded.rsplit(' ').next().unwrap_or_default());
        let last = last.rsplit(' ').next().unwrap_or_default();
        if words.is_empty() {
            return None;
        }
        if last.is_empty() || words.rsplit(' ').next() == Some(last) {
            return Some(SearchWords(words));
        }
        let others = words.split(' ').filter(|word| *word != last);
        let mut ordered: Vec<&str> = others.collect();
        ordered.push(last);
        Some(SearchWords(ordered.join(" ")))
    }

    /// The words with one space between them: what the statements of the search are given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether all words stand among `words`, the last one at least as the beginning of one.
    #[must_use]
    pub fn are_in(&self, words: &str) -> bool {
        let mut typed = self.0.rsplit(' ');
        let last = typed.next().unwrap_or_default();
        words.split(' ').any(|word| word.starts_with(last))
            && typed.all(|whole| words.split(' ').any(|word| word == whole))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn punctuation_parts_words_and_case_and_accents_do_not_count() {
        assert_eq!(words_of("Spider-Man: España"), "spider man espana");
        assert_eq!(words_of("  \"O'Brien\"  & Söhne… "), "o brien sohne");
        assert_eq!(words_of("New York, New York"), "new york");
        assert_eq!(words_of("🎬 !?"), "");
        assert_eq!(words_of("8½"), "81 2");
    }

    #[test]
    fn each_sign_of_a_script_without_spaces_is_a_word() {
        assert_eq!(words_of("千と千尋 II"), "千 と 尋 ii");
        assert_eq!(SearchWords::typed("千尋").unwrap().as_str(), "千 尋");
    }

    #[test]
    fn the_last_typed_word_stays_the_last() {
        let words = |text| SearchWords::typed(text).unwrap().as_str().to_owned();
        assert_eq!(words("new york new"), "york new");
        assert_eq!(words("the last the"), "last the");
        assert_eq!(words("last the!"), "last the");
        assert_eq!(SearchWords::typed(" -* \" "), None);
    }

    #[test]
    fn the_last_word_may_be_a_beginning_and_no_other() {
        let typed = SearchWords::typed("akira kuro").unwrap();
        assert!(typed.are_in("akira kurosawa"));
        assert!(typed.are_in("kurosawa akira"));
        assert!(!typed.are_in("akiram kurosawa"));
        assert!(!typed.are_in("akira sakurosawa"));
    }

    #[test]
    fn a_word_longer_than_any_is_cut_on_both_sides() {
        let long = "x".repeat(500);
        assert_eq!(words_of(&long).len(), WORD_CHARS);
        assert!(SearchWords::typed(&long).unwrap().are_in(&words_of(&long)));
    }

    proptest! {
        #[test]
        fn no_text_becomes_syntax(text in any::<String>()) {
            let words = words_of(&text);
            prop_assert!(words.chars().all(|letter| letter == ' ' || letter.is_alphanumeric()));
            prop_assert!(words.is_empty() || words.split(' ').all(|word| !word.is_empty()));
            prop_assert_eq!(words_of(&words), words.clone());
            if let Some(typed) = SearchWords::typed(&text) {
                prop_assert!(typed.are_in(&words), "{:?} in {:?}", typed, words);
            }
        }
    }
}
