//! Values that come out differently when SQL computes, casts or compares them.

use conformance::TestResult;
use jiff::Timestamp;
use rust_decimal::Decimal;
use shelfmark::prelude::*;
use uuid::Uuid;

use super::{on_each, two_books};

#[test]
fn letters_beyond_ascii_are_folded_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        let folded: (String, String) = db
            .fetch_one(sql!("SELECT lower('\u{c9}A'), upper('\u{e9}a')"))
            .await?;
        let (lower, upper) = if is_sqlite {
            ("\u{c9}a", "\u{e9}A")
        } else {
            ("\u{e9}a", "\u{c9}A")
        };
        assert_eq!(folded, (lower.to_owned(), upper.to_owned()));
        Ok(())
    })
}

#[test]
fn text_sorts_by_a_languages_rules_where_postgres_was_told_so() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            postgres =
                r#"CREATE TABLE words (word text COLLATE "und-x-icu", exact text COLLATE "C")"#,
            sqlite = "CREATE TABLE words (word TEXT, exact TEXT) STRICT"
        ))
        .await?;
        for word in ["B", "a", "\u{e9}", "f"] {
            db.execute(sql!(
                "INSERT INTO words (word, exact) VALUES (:word, :word)",
                word
            ))
            .await?;
        }
        let bytes = ["B", "a", "f", "\u{e9}"];
        let sorted: Vec<String> = db
            .fetch_all(sql!("SELECT word FROM words ORDER BY word"))
            .await?;
        assert_eq!(
            sorted,
            if is_sqlite {
                bytes
            } else {
                ["a", "B", "\u{e9}", "f"]
            }
        );
        let exact: Vec<String> = db
            .fetch_all(sql!("SELECT exact FROM words ORDER BY exact"))
            .await?;
        assert_eq!(exact, bytes);
        Ok(())
    })
}

#[test]
fn pages_cut_by_text_are_whole_under_another_collation() -> TestResult {
    on_each(async |db, _| {
        db.execute(sql!(
            postgres = r#"CREATE TABLE words (id bigint PRIMARY KEY, word text COLLATE "und-x-icu" NOT NULL)"#,
            sqlite = "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT"
        ))
        .await?;
        let words = ["b", "B", "a", "A", "\u{e9}", "e\u{301}", "e", "a", "", "-a"];
        for (id, word) in (0_i64..).zip(words) {
            db.execute(sql!(
                "INSERT INTO words (id, word) VALUES (:id, :word)",
                id,
                word
            ))
            .await?;
        }
        let first = sql!("SELECT word, id FROM words ORDER BY word, id LIMIT 3");
        let mut page: Vec<(String, i64)> = db.fetch_all(first).await?;
        let mut walked = Vec::new();
        while let Some((word, id)) = page.last().cloned() {
            walked.append(&mut page);
            page = db
                .fetch_all(sql!(
                    "SELECT word, id FROM words WHERE (word, id) > (:word, :id) ORDER BY word, id LIMIT 3",
                    word,
                    id
                ))
                .await?;
        }
        let whole = sql!("SELECT word, id FROM words ORDER BY word, id");
        assert_eq!(walked, db.fetch_all::<(String, i64)>(whole).await?);
        assert_eq!(walked.len(), words.len());
        Ok(())
    })
}

#[test]
fn integer_arithmetic_is_of_the_columns_width_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO samples (id, medium) VALUES ('a', 2147483647)"
        ))
        .await?;
        let next = db
            .fetch_one::<i64>(sql!("SELECT medium + 1 FROM samples"))
            .await;
        match next {
            Ok(next) => assert!(is_sqlite && next == 1 << 31),
            Err(error) => assert!(!is_sqlite && error.kind() == ErrorKind::InvalidInput),
        }
        let wide: i64 = db
            .fetch_one(sql!("SELECT CAST(medium AS bigint) + 1 FROM samples"))
            .await?;
        assert_eq!(wide, 1 << 31);
        Ok(())
    })
}

#[test]
fn division_by_zero_is_null_on_sqlite_and_an_error_on_postgres() -> TestResult {
    on_each(async |db, is_sqlite| {
        two_books(&db).await?;
        let divided = db
            .fetch_all::<Option<i32>>(sql!("SELECT 1 / (year - year) FROM books"))
            .await;
        match divided {
            Ok(divided) => assert!(is_sqlite && divided == [None, None]),
            Err(error) => assert!(!is_sqlite && error.kind() == ErrorKind::InvalidInput),
        }
        let guarded: Vec<Option<i32>> = db
            .fetch_all(sql!("SELECT 1 / nullif(year - year, 0) FROM books"))
            .await?;
        assert_eq!(guarded, [None, None]);
        Ok(())
    })
}

#[test]
fn decimals_are_computed_exactly_on_postgres_and_never_read_from_a_float() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO samples (id, amount) VALUES ('a', '0.10'), ('b', '0.20')"
        ))
        .await?;
        for query in [
            sql!("SELECT sum(amount) FROM samples"),
            sql!("SELECT amount + 0.20 FROM samples WHERE id = 'a'"),
        ] {
            match db.fetch_one::<Decimal>(query).await {
                Ok(sum) => assert!(!is_sqlite && sum.to_string() == "0.30"),
                Err(error) => assert!(is_sqlite && error.kind() == ErrorKind::Decode),
            }
        }
        Ok(())
    })
}

#[test]
fn a_sum_beyond_64_bits_is_an_error_on_sqlite_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!("INSERT INTO samples (id, large) VALUES ('a', 9223372036854775807), ('b', 9223372036854775807)"))
            .await?;
        let sum = db
            .fetch_one::<Decimal>(sql!("SELECT sum(large) FROM samples"))
            .await;
        match sum {
            Ok(sum) => assert!(!is_sqlite && sum.to_string() == "18446744073709551614"),
            Err(error) => assert!(is_sqlite, "{error}"),
        }
        Ok(())
    })
}

#[test]
fn a_cast_of_text_that_is_no_number_is_refused_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO samples (id, words) VALUES ('a', '12 monkeys')"
        ))
        .await?;
        let cast = db
            .fetch_one::<i32>(sql!("SELECT CAST(words AS integer) FROM samples"))
            .await;
        match cast {
            Ok(number) => assert!(is_sqlite && number == 12),
            Err(error) => assert!(!is_sqlite && error.kind() == ErrorKind::InvalidInput),
        }
        Ok(())
    })
}

#[test]
fn a_cast_of_a_float_rounds_on_postgres_and_cuts_on_sqlite() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO samples (id, double_float) VALUES ('a', 2.7)"
        ))
        .await?;
        let cast: i32 = db
            .fetch_one(sql!("SELECT CAST(double_float AS integer) FROM samples"))
            .await?;
        assert_eq!(cast, if is_sqlite { 2 } else { 3 });
        Ok(())
    })
}

#[test]
fn half_a_float_is_rounded_to_even_on_postgres_and_up_on_sqlite() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO samples (id, double_float) VALUES ('a', 2.5)"
        ))
        .await?;
        let rounded: f64 = db
            .fetch_one(sql!("SELECT round(double_float) FROM samples"))
            .await?;
        assert_eq!(rounded, if is_sqlite { 3.0 } else { 2.0 });
        Ok(())
    })
}

#[test]
fn the_text_of_a_whole_float_differs() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO samples (id, double_float) VALUES ('a', 1)"
        ))
        .await?;
        let text: String = db
            .fetch_one(sql!("SELECT CAST(double_float AS text) FROM samples"))
            .await?;
        assert_eq!(text, if is_sqlite { "1.0" } else { "1" });
        Ok(())
    })
}

#[test]
fn a_stored_zero_keeps_its_sign_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO samples (id, double_float) VALUES ('a', :zero)",
            zero = -0.0_f64
        ))
        .await?;
        let zero: f64 = db
            .fetch_one(sql!("SELECT double_float FROM samples"))
            .await?;
        assert_eq!(zero, 0.0);
        assert_eq!(zero.is_sign_negative(), !is_sqlite);
        Ok(())
    })
}

#[test]
fn a_number_of_a_document_is_text_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            r#"INSERT INTO samples (id, document) VALUES ('a', '{"n": 5}')"#
        ))
        .await?;
        let equal: bool = db
            .fetch_one(sql!("SELECT document ->> 'n' = '5' FROM samples"))
            .await?;
        assert_eq!(equal, !is_sqlite);
        let cast: (String, bool) = db
            .fetch_one(sql!(
                "SELECT CAST(document ->> 'n' AS text), CAST(document ->> 'n' AS text) = '5' FROM samples"
            ))
            .await?;
        assert_eq!(cast, ("5".to_owned(), true));
        Ok(())
    })
}

#[test]
fn text_that_is_no_json_is_refused_on_postgres_and_never_read_on_sqlite() -> TestResult {
    on_each(async |db, is_sqlite| {
        let stored = db
            .execute(sql!(
                "INSERT INTO samples (id, document) VALUES ('a', '{a:')"
            ))
            .await;
        assert_eq!(stored.is_ok(), is_sqlite, "{stored:?}");
        if is_sqlite {
            let query = sql!("SELECT document FROM samples");
            let read = db.fetch_one::<serde_json::Value>(query).await;
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Decode);
        }
        Ok(())
    })
}

#[test]
fn bytes_are_joined_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO samples (id, raw) VALUES ('a', :raw)",
            raw = vec![0_u8, 255]
        ))
        .await?;
        let joined = db
            .fetch_one::<Vec<u8>>(sql!("SELECT raw || raw FROM samples"))
            .await;
        match joined {
            Ok(joined) => assert!(!is_sqlite && joined == [0, 255, 0, 255]),
            Err(error) => assert!(is_sqlite && error.kind() == ErrorKind::Decode, "{error}"),
        }
        Ok(())
    })
}

#[test]
fn a_part_of_text_from_before_its_start_differs() -> TestResult {
    on_each(async |db, is_sqlite| {
        let part: String = db.fetch_one(sql!("SELECT substr('abc', -1)")).await?;
        assert_eq!(part, if is_sqlite { "c" } else { "abc" });
        Ok(())
    })
}

#[test]
fn a_uuid_in_capitals_in_the_sql_is_the_same_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        let tag = Uuid::from_u128(0xab);
        db.execute(sql!(
            "INSERT INTO samples (id, tag) VALUES ('a', '00000000-0000-0000-0000-0000000000AB')"
        ))
        .await?;
        let found: i64 = db
            .fetch_one(sql!("SELECT count(*) FROM samples WHERE tag = :tag", tag))
            .await?;
        assert_eq!(found, i64::from(!is_sqlite));
        let read: Uuid = db.fetch_one(sql!("SELECT tag FROM samples")).await?;
        assert_eq!(read, tag);
        Ok(())
    })
}

#[test]
fn a_moment_written_another_way_in_the_sql_is_the_same_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        let at: Timestamp = "2021-06-01T12:00:00Z".parse()?;
        db.execute(sql!(
            "INSERT INTO samples (id, moment) VALUES ('a', '2021-06-01T12:00:00Z')"
        ))
        .await?;
        let found: i64 = db
            .fetch_one(sql!("SELECT count(*) FROM samples WHERE moment = :at", at))
            .await?;
        assert_eq!(found, i64::from(!is_sqlite));
        let read: Timestamp = db.fetch_one(sql!("SELECT moment FROM samples")).await?;
        assert_eq!(read, at);
        Ok(())
    })
}

#[test]
fn text_compares_with_a_number_on_sqlite_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO books (book_id, title, year) VALUES ('5', 'Five', 5)"
        ))
        .await?;
        let found = db
            .fetch_all::<String>(sql!("SELECT title FROM books WHERE book_id = 5"))
            .await;
        assert_eq!(found.is_ok(), is_sqlite, "{found:?}");
        Ok(())
    })
}
