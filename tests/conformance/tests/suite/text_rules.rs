//! What makes two texts the same, and the functions of text that answer the same everywhere.

use conformance::{TestResult, on_every_engine};
use shelfmark::prelude::*;

use crate::text_order::words;

/// Each of `different` is another text: as a value, as a unique key, as a group.
async fn all_differ(db: &Db, different: &[&str]) -> TestResult {
    words(db, different).await?;
    for word in different {
        let found: Vec<String> = db
            .fetch_all(sql!("SELECT word FROM words WHERE word = :word", word))
            .await?;
        assert_eq!(found, [*word]);
    }
    let distinct: Vec<String> = db
        .fetch_all(sql!("SELECT DISTINCT word FROM words"))
        .await?;
    assert_eq!(distinct.len(), different.len());
    let groups: Vec<i64> = db
        .fetch_all(sql!("SELECT count(*) FROM words GROUP BY word"))
        .await?;
    assert_eq!(groups, vec![1; different.len()]);
    Ok(())
}

#[derive(FromRow, Debug, PartialEq)]
struct Total {
    total: i64,
}

on_every_engine! {
    async fn case_makes_another_text(db) {
        all_differ(db, &["alien", "Alien", "ALIEN", "\u{e9}", "\u{c9}", "\u{df}", "ss", "SS"]).await?;
    }

    async fn accents_make_another_text(db) {
        all_differ(db, &["Okami", "\u{14c}kami", "resume", "r\u{e9}sum\u{e9}"]).await?;
    }

    async fn spaces_at_the_ends_make_another_text(db) {
        all_differ(db, &["", " ", "  ", "a", "a ", " a", "a\t", "a\n"]).await?;
    }

    async fn another_normal_form_makes_another_text(db) {
        all_differ(db, &["\u{e9}", "e\u{301}", "\u{fb01}", "fi", "\u{212b}", "\u{c5}", "A\u{30a}"]).await?;
    }

    async fn signs_that_nobody_sees_make_another_text(db) {
        all_differ(db, &["ab", "a\u{200b}b", "a\u{ad}b", "\u{feff}ab", "a\u{200d}b", "ab\u{fe0f}"]).await?;
    }

    async fn a_unique_column_refuses_the_same_text_alone(db) {
        words(db, &["\u{14c}kami "]).await?;
        let same = db.execute(sql!("INSERT INTO words (id, word) VALUES (9, :word)", word = "\u{14c}kami ")).await;
        assert!(same.unwrap_err().is_unique_violation());
        db.execute(sql!("INSERT INTO words (id, word) VALUES (9, :word)", word = "\u{14c}kami")).await?;
    }

    async fn empty_text_is_not_null(db) {
        words(db, &[""]).await?;
        let (empty, is_null): (String, bool) = db.fetch_one(sql!("SELECT word, word IS NULL FROM words")).await?;
        assert_eq!((empty.as_str(), is_null), ("", false));
    }

    async fn length_counts_code_points(db) {
        words(db, &["", "abc", "\u{e9}", "e\u{301}", "\u{65e5}\u{672c}", "\u{1f980}", "\u{1f469}\u{200d}\u{1f680}", "a "]).await?;
        let lengths: Vec<i32> =
            db.fetch_all(sql!("SELECT CAST(length(word) AS integer) FROM words ORDER BY id")).await?;
        assert_eq!(lengths, [0, 3, 1, 2, 2, 1, 3, 2]);
    }

    async fn substr_counts_code_points_from_one(db) {
        words(db, &["\u{1f980}b\u{65e5}d"]).await?;
        let parts: (String, String, String, String) = db.fetch_one(sql!(
            "SELECT substr(word, 1, 1), substr(word, 3), substr(word, 2, 2), substr(word, 9) FROM words"
        )).await?;
        assert_eq!(parts, ("\u{1f980}".into(), "\u{65e5}d".into(), "b\u{65e5}".into(), String::new()));
    }

    async fn lower_and_upper_change_ascii(db) {
        words(db, &["Alien 3", "aLIEN-x"]).await?;
        let folded: Vec<(String, String)> =
            db.fetch_all(sql!("SELECT lower(word), upper(word) FROM words ORDER BY id")).await?;
        assert_eq!(folded[0], ("alien 3".to_owned(), "ALIEN 3".to_owned()));
        assert_eq!(folded[1], ("alien-x".to_owned(), "ALIEN-X".to_owned()));
    }

    async fn trim_takes_spaces_or_the_characters_named(db) {
        words(db, &["  a b  "]).await?;
        let trimmed: (String, String, String) =
            db.fetch_one(sql!("SELECT trim(word), ltrim(word), rtrim(word) FROM words")).await?;
        assert_eq!(trimmed, ("a b".into(), "a b  ".into(), "  a b".into()));
        let named: (String, String, String) = db.fetch_one(sql!(
            "SELECT trim('xyaxyx', 'yx'), ltrim('xxa', 'x'), rtrim('axx', 'x')"
        )).await?;
        assert_eq!(named, ("a".into(), "a".into(), "a".into()));
    }

    async fn trim_leaves_other_white_space(db) {
        words(db, &["\t a \n"]).await?;
        let trimmed: String = db.fetch_one(sql!("SELECT trim(word) FROM words")).await?;
        assert_eq!(trimmed, "\t a \n");
    }

    async fn replace_takes_every_occurrence(db) {
        words(db, &["\u{e9}-a-\u{e9}"]).await?;
        let replaced: (String, String) = db.fetch_one(sql!(
            "SELECT replace(word, :old, :new), replace(word, 'A', 'b') FROM words", old = "\u{e9}", new = "\u{1f980}"
        )).await?;
        assert_eq!(replaced, ("\u{1f980}-a-\u{1f980}".into(), "\u{e9}-a-\u{e9}".into()));
    }

    async fn texts_are_joined_by_two_bars(db) {
        words(db, &["a"]).await?;
        let joined: (String, String) = db.fetch_one(sql!(
            "SELECT word || '-' || :tail, :head || word FROM words", tail = "\u{e9}", head = ""
        )).await?;
        assert_eq!(joined, ("a-\u{e9}".into(), "a".into()));
    }

    async fn concat_takes_null_for_empty_text(db) {
        words(db, &["a"]).await?;
        let joined: (String, String) = db.fetch_one(sql!(
            "SELECT concat(word, nullif('b', 'b'), 'c'), concat_ws('-', word, nullif('b', 'b'), 'c') FROM words"
        )).await?;
        assert_eq!(joined, ("ac".into(), "a-c".into()));
    }

    async fn texts_of_a_group_are_joined_in_the_order_said(db) {
        words(db, &["b", "\u{e9}", "a"]).await?;
        let joined: (String, Option<String>) = db.fetch_one(sql!(
            "SELECT string_agg(word, ', ' ORDER BY word), (SELECT string_agg(word, ',') FROM words WHERE id < 0) FROM words"
        )).await?;
        assert_eq!(joined, ("a, b, \u{e9}".to_owned(), None));
    }

    async fn like_matches_code_points_and_escapes_by_the_sign_said(db) {
        words(db, &["100%", "100x", "a_c", "abc", "\u{1f980}c"]).await?;
        let percent: Vec<String> =
            db.fetch_all(sql!("SELECT word FROM words WHERE word LIKE '100!%' ESCAPE '!'")).await?;
        assert_eq!(percent, ["100%"]);
        let line: Vec<String> = db.fetch_all(sql!("SELECT word FROM words WHERE word LIKE 'a!_c' ESCAPE '!'")).await?;
        assert_eq!(line, ["a_c"]);
        let one: Vec<String> = db.fetch_all(sql!("SELECT word FROM words WHERE word LIKE '_c' ESCAPE '!'")).await?;
        assert_eq!(one, ["\u{1f980}c"]);
        let any: Vec<String> =
            db.fetch_all(sql!("SELECT word FROM words WHERE word NOT LIKE :pattern ESCAPE '!' ORDER BY id", pattern = "%c")).await?;
        assert_eq!(any, ["100%", "100x"]);
    }

    async fn names_that_are_not_quoted_have_no_case(db) {
        words(db, &["a"]).await?;
        let found: Vec<String> = db.fetch_all(sql!("SELECT Word FROM WORDS AS W WHERE w.ID = 0")).await?;
        assert_eq!(found, ["a"]);
    }

    async fn a_column_named_in_capitals_is_read_into_its_field(db) {
        words(db, &["a", "b"]).await?;
        let total: Total = db.fetch_one(sql!("SELECT count(*) AS Total FROM words")).await?;
        assert_eq!(total, Total { total: 2 });
    }

    async fn a_misspelt_name_in_double_quotes_is_an_error_and_no_text(db) {
        words(db, &["a"]).await?;
        let error = db.fetch_all::<String>(sql!(r#"SELECT "wrod" FROM words"#)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other, "{error}");
        assert!(db.fetch_all::<i64>(sql!(r#"SELECT id FROM words WHERE word = "a""#)).await.is_err());
    }

    async fn text_in_quotes_is_taken_as_it_stands(db) {
        let taken: (String, String, String) = db.fetch_one(sql!(
            "SELECT CAST('it''s' AS text), CAST('back\\slash \\n' AS text), CAST(':name $1 ?1 -- {x}' AS text)"
        )).await?;
        assert_eq!(taken, ("it's".into(), "back\\slash \\n".into(), ":name $1 ?1 -- {x}".into()));
    }
}
