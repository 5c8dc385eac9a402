//! The order of text: by code point, wherever its column is declared `COLLATE "C"` on PostgreSQL.

use conformance::{TestResult, on_every_engine};
use shelfmark::prelude::*;

/// A table of words with the contract's declaration: `COLLATE "C"` on PostgreSQL, SQLite's own order elsewhere.
pub async fn words(db: &Db, words: &[&str]) -> shelfmark::Result<()> {
    db.execute(sql!(
        postgres =
            r#"CREATE TABLE words (id bigint PRIMARY KEY, word text COLLATE "C" NOT NULL UNIQUE)"#,
        sqlite = "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT"
    ))
    .await?;
    for (nth, word) in words.iter().enumerate() {
        let id = nth as i64;
        db.execute(sql!(
            "INSERT INTO words (id, word) VALUES (:id, :word)",
            id,
            word
        ))
        .await?;
    }
    Ok(())
}

/// Stores `ascending` in another order, and reads it sorted in both directions.
async fn sorts(db: &Db, ascending: &[&str]) -> TestResult {
    let mut stored = ascending.to_vec();
    stored.reverse();
    let middle = stored.len() / 2;
    stored.rotate_left(middle);
    words(db, &stored).await?;
    let up: Vec<String> = db
        .fetch_all(sql!("SELECT word FROM words ORDER BY word"))
        .await?;
    assert_eq!(up, ascending);
    let down: Vec<String> = db
        .fetch_all(sql!("SELECT word FROM words ORDER BY word DESC"))
        .await?;
    assert!(down.iter().eq(up.iter().rev()), "{down:?}");
    Ok(())
}

on_every_engine! {
    async fn signs_digits_upper_and_lower_case_sort_as_in_ascii(db) {
        sorts(db, &["", " ", "!", "0", "10", "9", "A", "B", "Z", "_", "a", "aB", "ab", "b", "z", "~"]).await?;
    }

    async fn a_prefix_sorts_before_what_it_begins(db) {
        sorts(db, &["a", "a ", "a b", "a!", "aa", "ab", "b"]).await?;
    }

    async fn accents_sort_after_ascii_by_code_point(db) {
        sorts(db, &["Zebra", "apple", "zebra", "\u{c4}rger", "\u{c9}tude", "\u{e9}tude", "\u{14c}kami", "\u{15b}"]).await?;
    }

    async fn scripts_sort_by_code_point(db) {
        sorts(db, &["latin", "\u{3b1}\u{3b2}\u{3b3}", "\u{434}\u{430}", "\u{5e2}\u{5d1}", "\u{639}", "\u{e01}", "\u{3042}", "\u{65e5}\u{672c}", "\u{d55c}"]).await?;
    }

    async fn text_beyond_the_first_plane_sorts_after_all_of_it(db) {
        // In UTF-16 the surrogates of the emoji would sort before U+FF21 and U+FFFD.
        sorts(db, &["\u{d7ff}", "\u{e000}", "\u{ff21}", "\u{fffd}", "\u{10000}", "\u{1f980}", "\u{10ffff}"]).await?;
    }

    async fn combining_marks_sort_as_characters_of_their_own(db) {
        // `e` with a mark follows all that begins with a plain `e` and an ASCII letter; the one precomposed follows all.
        sorts(db, &["e", "ez", "e\u{301}", "e\u{301}z", "f", "\u{e9}", "\u{e9}z"]).await?;
    }

    async fn long_texts_sort_by_their_last_character(db) {
        let long = "\u{fc}".repeat(100_000);
        let (less, more) = (format!("{long}a"), format!("{long}b"));
        db.execute(sql!(
            postgres = r#"CREATE TABLE words (id bigint PRIMARY KEY, word text COLLATE "C" NOT NULL)"#,
            sqlite = "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT"
        )).await?;
        for (id, word) in [(1_i64, &more), (2, &less), (3, &long)] {
            db.execute(sql!("INSERT INTO words (id, word) VALUES (:id, :word)", id, word)).await?;
        }
        let ids: Vec<i64> = db.fetch_all(sql!("SELECT id FROM words ORDER BY word")).await?;
        assert_eq!(ids, [3, 2, 1]);
        let above: Vec<i64> = db.fetch_all(sql!("SELECT id FROM words WHERE word > :less", less)).await?;
        assert_eq!(above, [1]);
    }

    async fn numbers_in_text_sort_as_text(db) {
        sorts(db, &["-1", "0", "00", "01", "1", "1.0", "10", "2", "9"]).await?;
        let one: i64 = db.fetch_one(sql!("SELECT count(*) FROM words WHERE word = '1'")).await?;
        assert_eq!(one, 1);
    }

    async fn the_least_and_the_greatest_text_follow_the_order(db) {
        words(db, &["b", "a", "\u{1f980}", "Z", "\u{e9}"]).await?;
        let ends: (String, String) = db.fetch_one(sql!("SELECT min(word), max(word) FROM words")).await?;
        assert_eq!(ends, ("Z".to_owned(), "\u{1f980}".to_owned()));
    }

    async fn comparisons_of_text_follow_the_order(db) {
        words(db, &["B", "a", "b", "\u{e9}", "\u{1f980}"]).await?;
        let (from, to) = ("a", "\u{e9}");
        let above: Vec<String> = db.fetch_all(sql!("SELECT word FROM words WHERE word > :from ORDER BY word", from)).await?;
        assert_eq!(above, ["b", "\u{e9}", "\u{1f980}"]);
        let between: Vec<String> =
            db.fetch_all(sql!("SELECT word FROM words WHERE word BETWEEN :from AND :to ORDER BY word", from, to)).await?;
        assert_eq!(between, ["a", "b", "\u{e9}"]);
        let below: Vec<String> = db.fetch_all(sql!("SELECT word FROM words WHERE word < :from", from)).await?;
        assert_eq!(below, ["B"]);
    }

    async fn pages_cut_by_text_give_every_row_once(db) {
        let all = ["", " ", "A", "Z", "a", "aa", "z", "\u{e9}", "e\u{301}", "\u{65e5}", "\u{fffd}", "\u{1f980}"];
        words(db, &all).await?;
        let mut walked: Vec<String> = Vec::new();
        let mut last: Option<(String, i64)> = None;
        loop {
            let page: Vec<(String, i64)> = match &last {
                None => db.fetch_all(sql!("SELECT word, id FROM words ORDER BY word, id LIMIT 5")).await?,
                Some((word, id)) => db.fetch_all(sql!(
                    "SELECT word, id FROM words WHERE (word, id) > (:word, :id) ORDER BY word, id LIMIT 5", word, id
                )).await?,
            };
            let Some(end) = page.last() else { break };
            last = Some(end.clone());
            walked.extend(page.into_iter().map(|(word, _)| word));
        }
        let mut sorted = all.map(str::to_owned);
        sorted.sort();
        assert_eq!(walked, sorted);
    }

    async fn a_range_of_a_prefix_finds_what_begins_with_it(db) {
        words(db, &["al", "ali", "alien", "alix", "alj", "Ali", "ali\u{1f980}"]).await?;
        let (from, to) = ("ali", "alj");
        let found: Vec<String> = db.fetch_all(sql!(
            "SELECT word FROM words WHERE word >= :from AND word < :to ORDER BY word", from, to
        )).await?;
        assert_eq!(found, ["ali", "alien", "alix", "ali\u{1f980}"]);
    }
}
