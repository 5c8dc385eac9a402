//! SQL that one engine alone understands, or that the engines understand differently.

use conformance::TestResult;
use shelfmark::Query;
use shelfmark::prelude::*;

use super::{on_each, two_books};

/// Each query runs on one engine and is refused by the other.
fn runs_on_one_alone(
    queries: impl Fn() -> Vec<(&'static str, Query<'static>)>,
    sqlite: bool,
) -> TestResult {
    on_each(async |db, is_sqlite| {
        two_books(&db).await?;
        for (name, query) in queries() {
            let answer = db.execute(query).await;
            assert_eq!(answer.is_ok(), is_sqlite == sqlite, "{name}: {answer:?}");
        }
        Ok(())
    })
}

macro_rules! named {
    ($($sql:literal),* $(,)?) => { vec![$(($sql, sql!($sql))),*] };
}

#[test]
fn sql_of_postgres_alone_is_refused_by_sqlite() -> TestResult {
    let queries = || {
        named![
            "SELECT DISTINCT ON (year) title FROM books ORDER BY year, title",
            "SELECT title FROM books WHERE title ILIKE 'a%'",
            "SELECT title FROM books WHERE title ~ '^A'",
            "SELECT year::text FROM books",
            "SELECT title FROM books FOR UPDATE",
            "SELECT title FROM books ORDER BY title FETCH FIRST 1 ROW ONLY",
            "SELECT b.title, o.n FROM books AS b, LATERAL (SELECT count(*) AS n FROM books AS i WHERE i.year < b.year) AS o",
            "SELECT greatest(1, 2), least(1, 2)",
            "SELECT array_agg(title) FROM books",
            "SELECT bool_and(year > 0) FROM books",
            "SELECT now()",
            "SELECT date_trunc('day', CURRENT_TIMESTAMP)",
            "SELECT extract(year FROM CURRENT_DATE)",
            "SELECT CURRENT_DATE + INTERVAL '1 day'",
            "SELECT position('l' IN title) FROM books",
            "SELECT left(title, 2) FROM books",
            "SELECT title FROM books WHERE book_id = ANY (ARRAY['a'])",
            "SELECT gen_random_uuid()",
            "INSERT INTO books (book_id, title, year) VALUES ('q', 'Q', 1) ON CONFLICT ON CONSTRAINT books_pkey DO NOTHING",
            "TRUNCATE log",
        ]
    };
    runs_on_one_alone(queries, false)
}

#[test]
fn sql_of_sqlite_alone_is_refused_by_postgres() -> TestResult {
    let queries = || {
        named![
            "SELECT ifnull(rating, '-') FROM books",
            "SELECT iif(year > 1980, 'new', 'old') FROM books",
            "SELECT instr(title, 'l') FROM books",
            "SELECT max(1, 2), min(1, 2)",
            "SELECT total(year) FROM books",
            "SELECT group_concat(title) FROM books",
            "SELECT typeof(year) FROM books",
            "SELECT datetime('now')",
            "SELECT strftime('%Y', 'now')",
            "SELECT unixepoch()",
            "SELECT rowid FROM log",
            "SELECT title FROM books WHERE title GLOB 'A*'",
            "SELECT title FROM books WHERE year == 1979",
            "SELECT title, max(year) FROM books",
            "SELECT title FROM books LIMIT 0, 1",
            "SELECT title FROM books LIMIT -1",
            "INSERT OR IGNORE INTO books (book_id, title, year) VALUES ('a', 'Alien', 1)",
            "REPLACE INTO log (id, entry) VALUES (1, 'x')",
            "SELECT title FROM books ORDER BY title COLLATE NOCASE",
            "SELECT json_extract('{}', '$.a')",
        ]
    };
    runs_on_one_alone(queries, true)
}

#[test]
fn a_backslash_escapes_in_like_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        let matches: bool = db.fetch_one(sql!(r"SELECT '100%' LIKE '100\%'")).await?;
        assert_eq!(matches, !is_sqlite);
        Ok(())
    })
}

#[test]
fn a_limit_of_null_is_none_on_postgres_and_refused_on_sqlite() -> TestResult {
    on_each(async |db, is_sqlite| {
        two_books(&db).await?;
        let limit: Option<i64> = None;
        let found = db
            .fetch_all::<String>(sql!("SELECT title FROM books LIMIT :limit", limit))
            .await;
        match found {
            Ok(found) => assert!(!is_sqlite && found.len() == 2),
            Err(error) => assert!(is_sqlite, "{error}"),
        }
        Ok(())
    })
}

#[test]
fn a_cast_column_keeps_its_name_in_order_by_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        db.execute(sql!(
            "INSERT INTO samples (id, large) VALUES ('a', 9), ('b', 10)"
        ))
        .await?;
        // PostgreSQL calls the text `large` as well, and sorts by what is selected.
        let sorted: Vec<String> = db
            .fetch_all(sql!(
                "SELECT CAST(large AS text) FROM samples ORDER BY large"
            ))
            .await?;
        assert_eq!(sorted, if is_sqlite { ["9", "10"] } else { ["10", "9"] });
        let qualified: Vec<String> = db
            .fetch_all(sql!(
                "SELECT CAST(s.large AS text) FROM samples AS s ORDER BY s.large"
            ))
            .await?;
        assert_eq!(qualified, ["9", "10"]);
        Ok(())
    })
}

#[test]
fn a_list_where_a_value_belongs_is_refused_on_postgres_and_finds_nothing_on_sqlite() -> TestResult {
    on_each(async |db, is_sqlite| {
        two_books(&db).await?;
        let years = vec![1979_i32];
        let found = db
            .fetch_all::<String>(sql!("SELECT title FROM books WHERE year = :years", years))
            .await;
        match found {
            Ok(found) => assert!(is_sqlite && found.is_empty()),
            Err(error) => assert!(!is_sqlite && error.kind() == ErrorKind::Encode, "{error}"),
        }
        Ok(())
    })
}
