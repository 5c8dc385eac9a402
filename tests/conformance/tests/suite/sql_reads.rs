//! SQL that all engines understand and answer alike: reading.

use conformance::on_every_engine;
use shelfmark::prelude::*;

use crate::library::*;

/// Six books of three years, two of them rated, with authors.
async fn library(db: &Db) -> shelfmark::Result<()> {
    for (id, title, year, rating) in [
        ("a", "Alien", 1979, Some("R")),
        ("b", "Brazil", 1985, Some("PG")),
        ("c", "Contact", 1997, None),
        ("m", "Manhattan", 1979, None),
        ("s", "Stalker", 1979, Some("R")),
        ("w", "Witness", 1985, Some("R")),
    ] {
        let mut new = book(id, title, year);
        new.rating = rating.map(str::to_owned);
        db.books().insert(&new).await?;
    }
    for (name, book_ids) in [
        ("Foster", vec![]),
        ("Scott", vec!["a"]),
        ("Weir", vec!["w", "c"]),
    ] {
        let new = NewAuthor {
            name: name.into(),
            born: None,
        };
        let author_id = db.authors().insert_for_id(&new).await?;
        for book_id in book_ids {
            let row = BookAuthor {
                book_id: book_id.into(),
                author_id,
                position: 1,
            };
            db.book_authors().insert(&row).await?;
        }
    }
    Ok(())
}

async fn ids(db: &Db, query: shelfmark::Query<'_>, expected: &[&str]) -> conformance::TestResult {
    let found: Vec<String> = db.fetch_all(query).await?;
    assert_eq!(found, expected);
    Ok(())
}

on_every_engine! {
    async fn limit_and_offset_are_arguments(db) {
        library(db).await?;
        let (limit, offset) = (2_i64, 3_i64);
        ids(db, sql!("SELECT book_id FROM books ORDER BY book_id LIMIT :limit OFFSET :offset", limit, offset), &["m", "s"]).await?;
        let none = 0_i64;
        ids(db, sql!("SELECT book_id FROM books ORDER BY book_id LIMIT :none", none), &[]).await?;
        let beyond = 100_i64;
        ids(db, sql!("SELECT book_id FROM books ORDER BY book_id LIMIT 5 OFFSET :beyond", beyond), &[]).await?;
    }

    async fn rows_are_sorted_by_several_columns_and_directions(db) {
        library(db).await?;
        ids(db, sql!("SELECT book_id FROM books ORDER BY year DESC, title"), &["c", "b", "w", "a", "m", "s"]).await?;
        ids(db, sql!("SELECT book_id FROM books ORDER BY length(title), book_id DESC"), &["a", "b", "w", "s", "c", "m"]).await?;
    }

    async fn groups_are_filtered_by_having(db) {
        library(db).await?;
        let groups: Vec<(i32, i64)> = db.fetch_all(sql!(
            "SELECT year, count(*) FROM books GROUP BY year HAVING count(*) > 1 ORDER BY count(*) DESC"
        )).await?;
        assert_eq!(groups, [(1979, 3), (1985, 2)]);
    }

    async fn an_aggregate_has_its_own_filter(db) {
        library(db).await?;
        let counts: Vec<(i32, i64, i64)> = db.fetch_all(sql!(
            "SELECT year, count(*), count(*) FILTER (WHERE rating = 'R') FROM books GROUP BY year ORDER BY year"
        )).await?;
        assert_eq!(counts, [(1979, 3, 2), (1985, 2, 1), (1997, 1, 0)]);
    }

    async fn a_left_join_keeps_rows_without_a_partner(db) {
        library(db).await?;
        let rows: Vec<(String, Option<String>)> = db.fetch_all(sql!(
            "SELECT a.name, b.title FROM authors AS a
             LEFT JOIN book_authors AS ba ON ba.author_id = a.id LEFT JOIN books AS b ON b.book_id = ba.book_id
             ORDER BY a.name, b.title"
        )).await?;
        let titles: Vec<Option<&str>> = rows.iter().map(|(_, title)| title.as_deref()).collect();
        assert_eq!(titles, [None, Some("Alien"), Some("Contact"), Some("Witness")]);
    }

    async fn right_and_full_joins_keep_the_other_side(db) {
        library(db).await?;
        let right: i64 = db.fetch_one(sql!(
            "SELECT count(*) FROM book_authors AS ba RIGHT JOIN books AS b ON b.book_id = ba.book_id WHERE ba.book_id IS NULL"
        )).await?;
        let full: i64 = db.fetch_one(sql!(
            "SELECT count(*) FROM (SELECT id FROM authors WHERE name <> 'Weir') AS a
             FULL JOIN book_authors AS ba ON ba.author_id = a.id"
        )).await?;
        assert_eq!((right, full), (3, 4));
    }

    async fn a_join_using_a_column_names_it_once(db) {
        library(db).await?;
        ids(db, sql!("SELECT book_id FROM books JOIN book_authors USING (book_id) ORDER BY book_id"), &["a", "c", "w"]).await?;
        let crossed: i64 = db.fetch_one(sql!("SELECT count(*) FROM books CROSS JOIN authors")).await?;
        assert_eq!(crossed, 18);
    }

    async fn subqueries_stand_in_every_place(db) {
        library(db).await?;
        ids(db, sql!("SELECT book_id FROM books WHERE year = (SELECT max(year) FROM books)"), &["c"]).await?;
        ids(db, sql!("SELECT book_id FROM books WHERE book_id IN (SELECT book_id FROM book_authors) ORDER BY 1"), &["a", "c", "w"]).await?;
        let beside: Vec<(String, i64)> = db.fetch_all(sql!(
            "SELECT title, (SELECT count(*) FROM books AS o WHERE o.year = b.year) FROM books AS b ORDER BY title LIMIT 2"
        )).await?;
        assert_eq!(beside, [("Alien".to_owned(), 3), ("Brazil".to_owned(), 2)]);
        let from: i64 = db.fetch_one(sql!("SELECT max(n) FROM (SELECT count(*) AS n FROM books GROUP BY year) AS per_year")).await?;
        assert_eq!(from, 3);
    }

    async fn exists_and_its_opposite_are_found(db) {
        library(db).await?;
        ids(db, sql!(
            "SELECT name FROM authors AS a WHERE NOT EXISTS (SELECT 1 FROM book_authors AS ba WHERE ba.author_id = a.id)"
        ), &["Foster"]).await?;
        let any: bool = db.fetch_one(sql!("SELECT EXISTS (SELECT 1 FROM books WHERE year > :year)", year = 1997)).await?;
        assert!(!any);
    }

    async fn results_are_united_intersected_and_subtracted(db) {
        library(db).await?;
        ids(db, sql!("SELECT book_id FROM books WHERE year = 1979 UNION SELECT book_id FROM books WHERE rating = 'R' ORDER BY book_id"), &["a", "m", "s", "w"]).await?;
        ids(db, sql!("SELECT book_id FROM books WHERE year = 1979 INTERSECT SELECT book_id FROM books WHERE rating = 'R' ORDER BY 1"), &["a", "s"]).await?;
        ids(db, sql!("SELECT book_id FROM books WHERE year = 1979 EXCEPT SELECT book_id FROM books WHERE rating = 'R'"), &["m"]).await?;
        let all: i64 = db.fetch_one(sql!("SELECT count(*) FROM (SELECT year FROM books UNION ALL SELECT year FROM books) AS twice")).await?;
        assert_eq!(all, 12);
    }

    async fn case_chooses_by_condition_and_by_value(db) {
        library(db).await?;
        let words: Vec<String> = db.fetch_all(sql!(
            "SELECT CASE WHEN year < 1980 THEN 'old' WHEN year < 1990 THEN 'middle' ELSE 'new' END || CASE book_id WHEN 'a' THEN '!' ELSE '' END
             FROM books ORDER BY book_id LIMIT 3"
        )).await?;
        assert_eq!(words, ["old!", "middle", "new"]);
    }

    async fn a_common_table_is_named_and_used_twice(db) {
        library(db).await?;
        let share: Vec<(i32, i64, i64)> = db.fetch_all(sql!(
            "WITH per_year AS MATERIALIZED (SELECT year, count(*) AS n FROM books GROUP BY year), all_years (n) AS (SELECT count(*) FROM per_year)
             SELECT p.year, p.n, a.n FROM per_year AS p CROSS JOIN all_years AS a ORDER BY p.year"
        )).await?;
        assert_eq!(share, [(1979, 3, 3), (1985, 2, 3), (1997, 1, 3)]);
    }

    async fn a_recursive_query_counts_and_walks(db) {
        let last = 5_i32;
        let squares: Vec<i32> = db.fetch_all(sql!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :last) SELECT i * i FROM n ORDER BY i", last
        )).await?;
        assert_eq!(squares, [1, 4, 9, 16, 25]);
        db.execute(sql!("CREATE TABLE shelves (id integer PRIMARY KEY, inside integer REFERENCES shelves (id))")).await?;
        db.execute(sql!("INSERT INTO shelves (id, inside) VALUES (1, NULL), (2, 1), (3, 2), (4, NULL), (5, 4)")).await?;
        let inside: Vec<(i32, i32)> = db.fetch_all(sql!(
            "WITH RECURSIVE down (id, depth) AS (
                 SELECT id, 0 FROM shelves WHERE id = 1
                 UNION ALL SELECT s.id, d.depth + 1 FROM shelves AS s JOIN down AS d ON s.inside = d.id
             ) SELECT id, depth FROM down ORDER BY depth"
        )).await?;
        assert_eq!(inside, [(1, 0), (2, 1), (3, 2)]);
    }

    async fn a_walk_in_a_circle_ends_by_union(db) {
        let seen: i64 = db.fetch_one(sql!(
            "WITH RECURSIVE circle (i) AS (SELECT 0 UNION SELECT (i + 1) % 4 FROM circle) SELECT count(*) FROM circle"
        )).await?;
        assert_eq!(seen, 4);
    }

    async fn windows_number_and_rank_rows(db) {
        library(db).await?;
        let rows: Vec<(String, i64, i64, i64)> = db.fetch_all(sql!(
            "SELECT book_id, row_number() OVER (PARTITION BY year ORDER BY book_id), rank() OVER (ORDER BY year), dense_rank() OVER (ORDER BY year)
             FROM books ORDER BY year, book_id"
        )).await?;
        let numbers: Vec<(i64, i64, i64)> = rows.iter().map(|row| (row.1, row.2, row.3)).collect();
        assert_eq!(numbers, [(1, 1, 1), (2, 1, 1), (3, 1, 1), (1, 4, 2), (2, 4, 2), (1, 6, 3)]);
    }

    async fn windows_look_back_ahead_and_add_up(db) {
        library(db).await?;
        let rows: Vec<(Option<String>, String, i64, i64)> = db.fetch_all(sql!(
            "SELECT lag(book_id) OVER w, lead(book_id, 1, 'end') OVER w, sum(year - 1978) OVER w,
                    sum(year - 1978) OVER (ORDER BY book_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
             FROM books WINDOW w AS (ORDER BY book_id) ORDER BY book_id LIMIT 3"
        )).await?;
        let (a, b) = ("a".to_owned(), "b".to_owned());
        assert_eq!(rows, [(None, "b".into(), 1, 1), (Some(a), "c".into(), 8, 8), (Some(b), "m".into(), 27, 26)]);
    }

    async fn the_first_of_each_group_is_found_by_a_window(db) {
        library(db).await?;
        ids(db, sql!(
            "SELECT book_id FROM (SELECT book_id, row_number() OVER (PARTITION BY year ORDER BY title DESC) AS place FROM books) AS placed
             WHERE place = 1 ORDER BY book_id"
        ), &["c", "s", "w"]).await?;
    }

    async fn rows_of_values_are_compared_and_listed(db) {
        library(db).await?;
        let (year, id) = (1979, "m");
        ids(db, sql!("SELECT book_id FROM books WHERE (year, book_id) > (:year, :id) ORDER BY year, book_id", year, id), &["s", "b", "w", "c"]).await?;
        ids(db, sql!("SELECT book_id FROM books WHERE (year, book_id) IN (VALUES (1979, 'a'), (1985, 'a'))"), &["a"]).await?;
        let listed: Vec<(i32, String)> = db.fetch_all(sql!(
            "WITH listed (n, word) AS (VALUES (1, 'one'), (2, 'two')) SELECT n, word FROM listed ORDER BY n DESC"
        )).await?;
        assert_eq!(listed, [(2, "two".to_owned()), (1, "one".to_owned())]);
    }

    async fn between_takes_both_ends(db) {
        library(db).await?;
        let (from, to) = (1979, 1985);
        let inside: i64 = db.fetch_one(sql!("SELECT count(*) FROM books WHERE year BETWEEN :from AND :to", from, to)).await?;
        let outside: i64 = db.fetch_one(sql!("SELECT count(*) FROM books WHERE year NOT BETWEEN :from AND :to", from, to)).await?;
        let turned: i64 = db.fetch_one(sql!("SELECT count(*) FROM books WHERE year BETWEEN :to AND :from", from, to)).await?;
        assert_eq!((inside, outside, turned), (5, 1, 0));
    }

    async fn one_argument_is_named_in_many_places(db) {
        library(db).await?;
        let year = 1985;
        let answer: (i64, i64, i64) = db.fetch_one(sql!(
            "SELECT count(*) FILTER (WHERE year < :year), count(*) FILTER (WHERE year = :year), count(*) FILTER (WHERE year > :year) FROM books", year
        )).await?;
        assert_eq!(answer, (3, 2, 1));
    }

    async fn a_view_is_read_like_a_table(db) {
        library(db).await?;
        db.execute(sql!("CREATE VIEW rated AS SELECT book_id, rating FROM books WHERE rating IS NOT NULL")).await?;
        ids(db, sql!("SELECT book_id FROM rated WHERE rating = 'R' ORDER BY book_id"), &["a", "s", "w"]).await?;
    }
}
