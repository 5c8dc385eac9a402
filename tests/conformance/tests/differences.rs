//! What is not the same on every engine, and how to write what is. PORTABILITY.md has a line for each.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; their names say what they hold"
)]

#[path = "differences/isolation.rs"]
mod isolation;
#[path = "differences/sql.rs"]
mod sql;
#[path = "differences/values.rs"]
mod values;

use conformance::{Engine, Ground, TestResult};
use shelfmark::prelude::*;

/// Runs `case` on a migrated database of each engine, and says whether it is SQLite.
fn on_each<F: Future<Output = TestResult>>(case: impl Fn(Ground, bool) -> F) -> TestResult {
    conformance::run(async || {
        for engine in [Engine::Memory, Engine::Sqlite, Engine::Postgres] {
            case(Ground::migrated(engine).await?, engine != Engine::Postgres).await?;
        }
        Ok(())
    })
}

async fn two_books(db: &Db) -> shelfmark::Result<()> {
    db.execute(sql!(
        "INSERT INTO books (book_id, title, year, rating) VALUES ('a', 'Alien', 1979, 'R'), ('b', 'Brazil', 1985, NULL)"
    ))
    .await
    .map(drop)
}

#[test]
fn nulls_come_first_on_sqlite_and_last_on_postgres_unless_said() -> TestResult {
    on_each(async |db, is_sqlite| {
        two_books(&db).await?;
        let unsaid: Vec<String> = db
            .fetch_all(sql!("SELECT book_id FROM books ORDER BY rating"))
            .await?;
        assert_eq!(unsaid, if is_sqlite { ["b", "a"] } else { ["a", "b"] });
        let said: Vec<String> = db
            .fetch_all(sql!(
                "SELECT book_id FROM books ORDER BY rating NULLS LAST, book_id"
            ))
            .await?;
        assert_eq!(said, ["a", "b"]);
        Ok(())
    })
}

#[test]
fn like_ignores_the_case_of_ascii_on_sqlite_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        two_books(&db).await?;
        let found: i64 = db
            .fetch_one(sql!("SELECT count(*) FROM books WHERE title LIKE 'ALI%'"))
            .await?;
        assert_eq!(found, i64::from(is_sqlite));
        let folded: i64 = db
            .fetch_one(sql!(
                "SELECT count(*) FROM books WHERE lower(title) LIKE lower('ALI%')"
            ))
            .await?;
        assert_eq!(folded, 1);
        Ok(())
    })
}

#[test]
fn the_key_of_a_deleted_last_row_is_given_again_on_sqlite_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        let first: i64 = db
            .fetch_one(sql!("INSERT INTO log (entry) VALUES ('one') RETURNING id"))
            .await?;
        db.execute(sql!("DELETE FROM log")).await?;
        let second: i64 = db
            .fetch_one(sql!("INSERT INTO log (entry) VALUES ('two') RETURNING id"))
            .await?;
        assert_eq!(second == first, is_sqlite, "{first} {second}");
        Ok(())
    })
}

#[test]
fn json_keeps_its_text_on_sqlite_and_its_value_everywhere() -> TestResult {
    on_each(async |db, is_sqlite| {
        let written: serde_json::Value = serde_json::from_str(r#"{"bb":1,"a":[2.50]}"#)?;
        db.execute(sql!(
            "INSERT INTO samples (id, document) VALUES ('j', :document)",
            document = written.clone()
        ))
        .await?;
        let text: String = db
            .fetch_one(sql!("SELECT CAST(document AS text) FROM samples"))
            .await?;
        assert_eq!(text.contains(": "), !is_sqlite, "{text}");
        let read: serde_json::Value = db.fetch_one(sql!("SELECT document FROM samples")).await?;
        assert_eq!(read, written);
        Ok(())
    })
}

#[test]
fn a_number_beyond_its_column_is_refused_on_postgres_alone() -> TestResult {
    on_each(async |db, is_sqlite| {
        let number = 100_000_i64;
        let answer = db
            .execute(sql!(
                "INSERT INTO samples (id, small) VALUES ('n', :number)",
                number
            ))
            .await;
        assert_eq!(answer.is_ok(), is_sqlite, "{answer:?}");
        if is_sqlite {
            let read = db.fetch_one::<i16>(sql!("SELECT small FROM samples")).await;
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Decode);
        }
        Ok(())
    })
}
