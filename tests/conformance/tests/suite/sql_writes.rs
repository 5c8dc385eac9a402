//! SQL that all engines understand and answer alike: writing, and what a schema may promise.

use conformance::on_every_engine;
use shelfmark::prelude::*;

use crate::library::*;

async fn two_books(db: &Db) -> shelfmark::Result<()> {
    db.books().insert(&book("a", "Alien", 1979)).await?;
    db.books()
        .insert(&book("b", "Brazil", 1985))
        .await
        .map(drop)
}

on_every_engine! {
    async fn an_insert_returns_what_was_stored(db) {
        let stored: (String, i32, Option<String>, i32) = db.fetch_one(sql!(
            "INSERT INTO books (book_id, title, year) VALUES ('a', 'Alien', 1979) RETURNING title, year, rating, year + 1"
        )).await?;
        assert_eq!(stored, ("Alien".to_owned(), 1979, None, 1980));
    }

    async fn an_insert_of_many_returns_each(db) {
        let mut ids: Vec<String> = db.fetch_all(sql!(
            "INSERT INTO books (book_id, title, year) VALUES ('a', 'Alien', 1979), ('b', 'Brazil', 1985), ('c', 'Contact', 1997) RETURNING book_id"
        )).await?;
        ids.sort();
        assert_eq!(ids, ["a", "b", "c"]);
    }

    async fn an_update_returns_the_new_values(db) {
        two_books(db).await?;
        let mut years: Vec<i32> = db.fetch_all(sql!("UPDATE books SET year = year + 10 RETURNING year")).await?;
        years.sort_unstable();
        assert_eq!(years, [1989, 1995]);
        let none: Option<i32> = db.fetch_optional(sql!("UPDATE books SET year = 1 WHERE book_id = 'z' RETURNING year")).await?;
        assert_eq!(none, None);
    }

    async fn a_delete_returns_what_was_there(db) {
        two_books(db).await?;
        let gone: (String, i32) = db.fetch_one(sql!("DELETE FROM books WHERE book_id = 'a' RETURNING title, year")).await?;
        assert_eq!(gone, ("Alien".to_owned(), 1979));
        assert_eq!(db.books().count().await?, 1);
    }

    async fn assignments_of_an_update_see_the_old_row(db) {
        two_books(db).await?;
        db.execute(sql!("UPDATE books SET title = book_id, book_id = title WHERE book_id = 'a'")).await?;
        let swapped: (String, String) = db.fetch_one(sql!("SELECT book_id, title FROM books WHERE year = 1979")).await?;
        assert_eq!(swapped, ("Alien".to_owned(), "a".to_owned()));
    }

    async fn an_update_takes_values_from_another_table(db) {
        two_books(db).await?;
        db.execute(sql!("CREATE TABLE ratings (title text PRIMARY KEY, rating text)")).await?;
        db.execute(sql!("INSERT INTO ratings (title, rating) VALUES ('Alien', 'R'), ('Dune', 'PG')")).await?;
        let set = db.execute(sql!("UPDATE books SET rating = r.rating FROM ratings AS r WHERE r.title = books.title")).await?;
        assert_eq!(set, 1);
        assert_eq!(db.books().get("a").await?.rating.as_deref(), Some("R"));
    }

    async fn an_insert_takes_rows_from_a_query(db) {
        two_books(db).await?;
        let copied = db.execute(sql!("INSERT INTO log (entry) SELECT title FROM books ORDER BY title")).await?;
        assert_eq!((copied, db.log().entries().await?), (2, vec!["Alien".to_owned(), "Brazil".to_owned()]));
    }

    async fn a_common_table_stands_before_a_write(db) {
        two_books(db).await?;
        let deleted = db.execute(sql!(
            "WITH old AS (SELECT book_id FROM books WHERE year < 1980) DELETE FROM books WHERE book_id IN (SELECT book_id FROM old)"
        )).await?;
        let inserted = db.execute(sql!("WITH new (e) AS (VALUES ('x'), ('y')) INSERT INTO log (entry) SELECT e FROM new")).await?;
        assert_eq!((deleted, inserted), (1, 2));
    }

    async fn a_conflict_is_passed_over_when_asked(db) {
        two_books(db).await?;
        let passed = db.execute(sql!(
            "INSERT INTO books (book_id, title, year) VALUES ('a', 'Other', 1), ('c', 'Contact', 1997) ON CONFLICT (book_id) DO NOTHING"
        )).await?;
        assert_eq!(passed, 1);
        let any = db.execute(sql!("INSERT INTO books (book_id, title, year) VALUES ('z', 'Alien', 1) ON CONFLICT DO NOTHING")).await?;
        assert_eq!((any, db.books().get("a").await?.title.as_str()), (0, "Alien"));
    }

    async fn a_conflict_on_another_column_than_the_one_named_fails(db) {
        two_books(db).await?;
        let error = db.execute(sql!(
            "INSERT INTO books (book_id, title, year) VALUES ('z', 'Alien', 1) ON CONFLICT (book_id) DO NOTHING"
        )).await.unwrap_err();
        assert!(error.violates(Book::UNIQUE_TITLE), "{error}");
    }

    async fn a_conflict_updates_from_the_new_and_the_old_row(db) {
        two_books(db).await?;
        let year: i32 = db.fetch_one(sql!(
            "INSERT INTO books (book_id, title, year) VALUES ('a', 'Aliens', 7)
             ON CONFLICT (book_id) DO UPDATE SET title = excluded.title, year = books.year + excluded.year RETURNING year"
        )).await?;
        assert_eq!((year, db.books().get("a").await?.title.as_str()), (1986, "Aliens"));
    }

    async fn a_conflict_updates_under_a_condition_alone(db) {
        two_books(db).await?;
        let newer = async |year: i32| db.execute(sql!(
            "INSERT INTO books (book_id, title, year) VALUES ('a', 'Alien', :year)
             ON CONFLICT (book_id) DO UPDATE SET year = excluded.year WHERE excluded.year > books.year", year
        )).await;
        assert_eq!((newer(1).await?, newer(2000).await?), (0, 1));
        assert_eq!(db.books().get("a").await?.year, 2000);
    }

    async fn a_passed_over_conflict_returns_no_row(db) {
        two_books(db).await?;
        let id: Option<String> = db.fetch_optional(sql!(
            "INSERT INTO books (book_id, title, year) VALUES ('a', 'Alien', 1) ON CONFLICT (book_id) DO NOTHING RETURNING book_id"
        )).await?;
        assert_eq!(id, None);
    }

    async fn an_insert_of_nothing_takes_the_defaults(db) {
        db.execute(sql!(
            "CREATE TABLE settings (name text NOT NULL DEFAULT 'unnamed', size integer NOT NULL DEFAULT (3 + 4), note text)"
        )).await?;
        let row: (String, i32, Option<String>) =
            db.fetch_one(sql!("INSERT INTO settings DEFAULT VALUES RETURNING name, size, note")).await?;
        assert_eq!(row, ("unnamed".to_owned(), 7, None));
    }

    async fn a_generated_column_follows_its_row(db) {
        db.execute(sql!(
            "CREATE TABLE boxes (id integer PRIMARY KEY, w integer NOT NULL, h integer NOT NULL, area integer GENERATED ALWAYS AS (w * h) STORED)"
        )).await?;
        let area: i32 = db.fetch_one(sql!("INSERT INTO boxes (id, w, h) VALUES (1, 2, 3) RETURNING area")).await?;
        db.execute(sql!("UPDATE boxes SET w = 10")).await?;
        let later: i32 = db.fetch_one(sql!("SELECT area FROM boxes WHERE area = w * h")).await?;
        assert_eq!((area, later), (6, 30));
        assert!(db.execute(sql!("INSERT INTO boxes (id, w, h, area) VALUES (2, 1, 1, 9)")).await.is_err());
    }

    async fn a_unique_index_over_an_expression_holds(db) {
        db.execute(sql!("CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL)")).await?;
        db.execute(sql!("CREATE UNIQUE INDEX users_email_folded ON users (lower(email))")).await?;
        db.execute(sql!("INSERT INTO users (id, email) VALUES (1, 'A@example.org')")).await?;
        let taken = db.execute(sql!("INSERT INTO users (id, email) VALUES (2, 'a@EXAMPLE.org')")).await;
        assert!(taken.unwrap_err().is_unique_violation());
        let skipped = db.execute(sql!(
            "INSERT INTO users (id, email) VALUES (2, 'a@EXAMPLE.org') ON CONFLICT (lower(email)) DO NOTHING"
        )).await?;
        assert_eq!(skipped, 0);
    }

    async fn a_unique_index_over_some_rows_holds_for_those(db) {
        db.execute(sql!("CREATE TABLE chairs (id integer PRIMARY KEY, place text NOT NULL, gone integer)")).await?;
        db.execute(sql!("CREATE UNIQUE INDEX chairs_taken ON chairs (place) WHERE gone IS NULL")).await?;
        db.execute(sql!("INSERT INTO chairs (id, place, gone) VALUES (1, 'A', 1), (2, 'A', 2), (3, 'A', NULL)")).await?;
        let taken = db.execute(sql!("INSERT INTO chairs (id, place) VALUES (4, 'A')")).await;
        assert!(taken.unwrap_err().is_unique_violation());
        let skipped = db.execute(sql!(
            "INSERT INTO chairs (id, place) VALUES (4, 'A') ON CONFLICT (place) WHERE gone IS NULL DO NOTHING"
        )).await?;
        assert_eq!(skipped, 0);
    }

    async fn a_check_may_compare_columns(db) {
        db.execute(sql!("CREATE TABLE spans (first integer, last integer, CONSTRAINT spans_are_not_empty CHECK (first < last))")).await?;
        let error = db.execute(sql!("INSERT INTO spans (first, last) VALUES (2, 2)")).await.unwrap_err();
        assert_eq!((error.kind(), error.constraint()), (ErrorKind::Check, Some("spans_are_not_empty")));
    }

    async fn a_foreign_key_sets_null_or_refuses_as_declared(db) {
        two_books(db).await?;
        db.execute(sql!(
            "CREATE TABLE loans (id integer PRIMARY KEY, book_id text REFERENCES books (book_id) ON DELETE SET NULL,
             kept_id text REFERENCES books (book_id) ON DELETE RESTRICT)"
        )).await?;
        db.execute(sql!("INSERT INTO loans (id, book_id, kept_id) VALUES (1, 'a', 'b')")).await?;
        assert!(db.books().delete("a").await?);
        assert!(db.books().delete("b").await.unwrap_err().is_foreign_key_violation());
        let left: (Option<String>, Option<String>) = db.fetch_one(sql!("SELECT book_id, kept_id FROM loans")).await?;
        assert_eq!(left, (None, Some("b".to_owned())));
    }

    async fn a_changed_key_is_followed_as_declared(db) {
        two_books(db).await?;
        db.execute(sql!(
            "CREATE TABLE loans (id integer PRIMARY KEY, book_id text REFERENCES books (book_id) ON UPDATE CASCADE)"
        )).await?;
        db.execute(sql!("INSERT INTO loans (id, book_id) VALUES (1, 'a')")).await?;
        db.execute(sql!("UPDATE books SET book_id = 'new' WHERE book_id = 'a'")).await?;
        let followed: String = db.fetch_one(sql!("SELECT book_id FROM loans")).await?;
        assert_eq!(followed, "new");
    }

    async fn rows_that_are_set_to_what_they_are_count(db) {
        two_books(db).await?;
        assert_eq!(db.execute(sql!("UPDATE books SET year = year")).await?, 2);
        assert_eq!(db.execute(sql!("DELETE FROM books WHERE 1 = 0")).await?, 0);
    }
}
