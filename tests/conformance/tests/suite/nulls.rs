//! NULL is unknown: what it sorts before, groups with, equals and adds up to is the same everywhere.

use conformance::{TestResult, on_every_engine};
use shelfmark::prelude::*;

use crate::library::*;

/// Books with and without a rating: a has R, b none, c PG, d none.
async fn rated_books(db: &Db) -> shelfmark::Result<()> {
    let ratings = [
        ("a", Some("R")),
        ("b", None),
        ("c", Some("PG")),
        ("d", None),
    ];
    for (nth, (id, rating)) in ratings.into_iter().enumerate() {
        let mut new = book(id, id, 2000 + nth as i32);
        new.rating = rating.map(str::to_owned);
        db.books().insert(&new).await?;
    }
    Ok(())
}

async fn finds(db: &Db, query: shelfmark::Query<'_>, expected: &[&str]) -> TestResult {
    let found: Vec<String> = db.fetch_all(query).await?;
    assert_eq!(found, expected);
    Ok(())
}

on_every_engine! {
    async fn nulls_first_holds_in_both_directions(db) {
        rated_books(db).await?;
        finds(db, sql!("SELECT book_id FROM books ORDER BY rating NULLS FIRST, book_id"), &["b", "d", "c", "a"]).await?;
        finds(db, sql!("SELECT book_id FROM books ORDER BY rating DESC NULLS FIRST, book_id"), &["b", "d", "a", "c"]).await?;
    }

    async fn nulls_last_holds_in_both_directions(db) {
        rated_books(db).await?;
        finds(db, sql!("SELECT book_id FROM books ORDER BY rating NULLS LAST, book_id"), &["c", "a", "b", "d"]).await?;
        finds(db, sql!("SELECT book_id FROM books ORDER BY rating DESC NULLS LAST, book_id"), &["a", "c", "b", "d"]).await?;
    }

    async fn distinct_takes_all_nulls_for_one(db) {
        rated_books(db).await?;
        let ratings: Vec<Option<String>> =
            db.fetch_all(sql!("SELECT DISTINCT rating FROM books ORDER BY rating NULLS LAST")).await?;
        assert_eq!(ratings, [Some("PG".to_owned()), Some("R".to_owned()), None]);
    }

    async fn group_by_puts_all_nulls_into_one_group(db) {
        rated_books(db).await?;
        let groups: Vec<(Option<String>, i64)> = db.fetch_all(sql!(
            "SELECT rating, count(*) FROM books GROUP BY rating ORDER BY rating NULLS FIRST"
        )).await?;
        assert_eq!(groups, [(None, 2), (Some("PG".to_owned()), 1), (Some("R".to_owned()), 1)]);
    }

    async fn a_unique_column_takes_several_nulls(db) {
        db.execute(sql!("CREATE TABLE shelves (id integer PRIMARY KEY, label text UNIQUE)")).await?;
        for id in [1_i32, 2, 3] {
            db.execute(sql!("INSERT INTO shelves (id) VALUES (:id)", id)).await?;
        }
        db.execute(sql!("INSERT INTO shelves (id, label) VALUES (4, 'A')")).await?;
        let again = db.execute(sql!("INSERT INTO shelves (id, label) VALUES (5, 'A')")).await;
        assert!(again.unwrap_err().is_unique_violation());
    }

    async fn a_composite_unique_key_with_a_null_conflicts_with_nothing(db) {
        db.execute(sql!(
            "CREATE TABLE shelves (id integer PRIMARY KEY, hall text, label text, UNIQUE (hall, label))"
        )).await?;
        let insert = async |id: i32, label: Option<&str>| {
            db.execute(sql!("INSERT INTO shelves (id, hall, label) VALUES (:id, 'north', :label)", id, label)).await
        };
        insert(1, None).await?;
        insert(2, None).await?;
        insert(3, Some("A")).await?;
        assert!(insert(4, Some("A")).await.unwrap_err().is_unique_violation());
    }

    async fn on_conflict_does_not_see_a_null_as_a_conflict(db) {
        db.execute(sql!("CREATE TABLE shelves (id integer PRIMARY KEY, label text UNIQUE)")).await?;
        for id in [1_i32, 2] {
            let label: Option<String> = None;
            let inserted = db.execute(sql!(
                "INSERT INTO shelves (id, label) VALUES (:id, :label) ON CONFLICT (label) DO NOTHING", id, label
            )).await?;
            assert_eq!(inserted, 1);
        }
    }

    async fn nothing_equals_null_and_null_equals_nothing(db) {
        rated_books(db).await?;
        let none: Option<&str> = None;
        finds(db, sql!("SELECT book_id FROM books WHERE rating = :none", none), &[]).await?;
        finds(db, sql!("SELECT book_id FROM books WHERE rating <> :none", none), &[]).await?;
        finds(db, sql!("SELECT book_id FROM books WHERE rating <> 'R' ORDER BY 1"), &["c"]).await?;
        finds(db, sql!("SELECT book_id FROM books WHERE NOT (rating = 'R') ORDER BY 1"), &["c"]).await?;
    }

    async fn is_distinct_from_compares_nulls_as_values(db) {
        rated_books(db).await?;
        let (none, some): (Option<&str>, Option<&str>) = (None, Some("R"));
        finds(db, sql!("SELECT book_id FROM books WHERE rating IS NOT DISTINCT FROM :none ORDER BY 1", none), &["b", "d"]).await?;
        finds(db, sql!("SELECT book_id FROM books WHERE rating IS NOT DISTINCT FROM :some", some), &["a"]).await?;
        finds(db, sql!("SELECT book_id FROM books WHERE rating IS DISTINCT FROM :some ORDER BY 1", some), &["b", "c", "d"]).await?;
    }

    async fn a_null_column_is_in_no_list_and_outside_of_none(db) {
        rated_books(db).await?;
        let ratings = ["R", "X"];
        finds(db, sql!("SELECT book_id FROM books WHERE rating IN (:ratings)", ratings = &ratings[..]), &["a"]).await?;
        finds(db, sql!("SELECT book_id FROM books WHERE rating NOT IN (:ratings)", ratings = &ratings[..]), &["c"]).await?;
    }

    async fn a_null_inside_of_a_list_is_an_unknown_member(db) {
        rated_books(db).await?;
        let ratings = vec![Some("R".to_owned()), None];
        finds(db, sql!("SELECT book_id FROM books WHERE rating IN (:ratings)", ratings = ratings.clone()), &["a"]).await?;
        // The unknown member may be any of them, so nothing is certainly outside.
        finds(db, sql!("SELECT book_id FROM books WHERE rating NOT IN (:ratings)", ratings), &[]).await?;
    }

    async fn not_in_a_subquery_with_a_null_finds_nothing(db) {
        rated_books(db).await?;
        finds(db, sql!("SELECT book_id FROM books WHERE 'X' NOT IN (SELECT rating FROM books)"), &[]).await?;
        finds(db, sql!(
            "SELECT book_id FROM books AS b
             WHERE NOT EXISTS (SELECT 1 FROM books AS o WHERE o.rating = 'X' AND o.book_id = b.book_id) ORDER BY 1"
        ), &["a", "b", "c", "d"]).await?;
    }

    async fn aggregates_over_no_rows_are_null_but_the_count_is_zero(db) {
        let count: i64 = db.fetch_one(sql!("SELECT count(*) FROM books")).await?;
        let (sum, average): (Option<i64>, Option<f64>) =
            db.fetch_one(sql!("SELECT sum(year), CAST(avg(year) AS double precision) FROM books")).await?;
        let (least, greatest): (Option<i32>, Option<String>) =
            db.fetch_one(sql!("SELECT min(year), max(title) FROM books")).await?;
        assert_eq!((count, sum, average, least, greatest), (0, None, None, None, None));
    }

    async fn aggregates_skip_nulls(db) {
        rated_books(db).await?;
        let counts: (i64, i64, i64) = db.fetch_one(sql!(
            "SELECT count(*), count(rating), count(DISTINCT rating) FROM books"
        )).await?;
        assert_eq!(counts, (4, 2, 2));
        let ends: (Option<String>, Option<String>) =
            db.fetch_one(sql!("SELECT min(rating), max(rating) FROM books")).await?;
        assert_eq!(ends, (Some("PG".to_owned()), Some("R".to_owned())));
        let of_nothing_but_nulls: (i64, Option<String>) = db.fetch_one(sql!(
            "SELECT count(rating), max(rating) FROM books WHERE rating IS NULL"
        )).await?;
        assert_eq!(of_nothing_but_nulls, (0, None));
    }

    async fn whatever_is_computed_with_null_is_null(db) {
        rated_books(db).await?;
        let computed: (Option<String>, Option<bool>, Option<i32>, Option<i64>) = db.fetch_one(sql!(
            "SELECT rating || '!', rating = 'R', year + nullif(year, year), length(rating) FROM books WHERE book_id = 'b'"
        )).await?;
        assert_eq!(computed, (None, None, None, None));
    }

    async fn logic_has_three_values(db) {
        let table: Vec<Option<bool>> = db.fetch_all(sql!(
            "WITH u (x) AS (SELECT nullif('a', 'a') = 'R'),
                  answers (nth, answer) AS (
                      SELECT 1, x AND 1 = 0 FROM u UNION ALL SELECT 2, x OR 1 = 1 FROM u UNION ALL
                      SELECT 3, x AND 1 = 1 FROM u UNION ALL SELECT 4, x OR 1 = 0 FROM u UNION ALL SELECT 5, NOT x FROM u)
             SELECT answer FROM answers ORDER BY nth"
        )).await?;
        assert_eq!(table, [Some(false), Some(true), None, None, None]);
    }

    async fn coalesce_gives_the_first_that_is_known(db) {
        rated_books(db).await?;
        let instead: Option<&str> = Some("unrated");
        let ratings: Vec<String> = db.fetch_all(sql!(
            "SELECT coalesce(rating, :instead, 'never') FROM books ORDER BY book_id", instead
        )).await?;
        assert_eq!(ratings, ["R", "unrated", "PG", "unrated"]);
        let none: Option<String> =
            db.fetch_one(sql!("SELECT coalesce(nullif(rating, 'R'), rating) FROM books WHERE book_id = 'b'")).await?;
        assert_eq!(none, None);
    }

    async fn case_matches_null_by_is_null_alone(db) {
        rated_books(db).await?;
        let words: Vec<String> = db.fetch_all(sql!(
            "SELECT CASE rating WHEN NULL THEN 'matched' WHEN 'R' THEN 'R' ELSE 'other' END FROM books ORDER BY book_id"
        )).await?;
        assert_eq!(words, ["R", "other", "other", "other"]);
        let missing: Vec<Option<i32>> = db.fetch_all(sql!(
            "SELECT CASE WHEN rating IS NULL THEN 1 END FROM books ORDER BY book_id"
        )).await?;
        assert_eq!(missing, [None, Some(1), None, Some(1)]);
    }

    async fn a_check_is_passed_by_null(db) {
        db.execute(sql!("CREATE TABLE shelves (id integer PRIMARY KEY, height integer CHECK (height > 0))")).await?;
        let insert = async |id: i32, height: Option<i32>| {
            db.execute(sql!("INSERT INTO shelves (id, height) VALUES (:id, :height)", id, height)).await
        };
        insert(1, None).await?;
        insert(2, Some(3)).await?;
        assert_eq!(insert(3, Some(0)).await.unwrap_err().kind(), ErrorKind::Check);
    }

    async fn a_foreign_key_is_passed_by_null(db) {
        db.execute(sql!("CREATE TABLE loans (id integer PRIMARY KEY, book_id text REFERENCES books (book_id))")).await?;
        db.execute(sql!("INSERT INTO loans (id, book_id) VALUES (1, NULL)")).await?;
        let orphan = db.execute(sql!("INSERT INTO loans (id, book_id) VALUES (2, 'nothing')")).await;
        assert!(orphan.unwrap_err().is_foreign_key_violation());
    }
}
