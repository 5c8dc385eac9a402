//! Violations are told by kind and by the constraint's name, the same on every engine, and never by a value.

use conformance::on_every_engine;
use shelfmark::prelude::*;

use crate::library::*;

const SECRET: &str = "s3cr3t-value";

fn assert_silent(error: &Error) {
    let shown = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    let mut all = shown;
    while let Some(cause) = source {
        all.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!all.contains(SECRET), "{all}");
}

on_every_engine! {
    async fn unique_violation_names_the_constraint(db) {
        db.books().insert(&book("a", SECRET, 1979)).await?;
        let error = db.books().insert(&book("b", SECRET, 1979)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unique);
        assert!(error.violates(Book::UNIQUE_TITLE));
        assert_eq!(error.to_string(), "Books::insert: unique violation of books_title_key");
        assert_silent(&error);
    }

    async fn primary_key_violation_names_the_constraint(db) {
        db.books().insert(&book(SECRET, "A", 1979)).await?;
        let error = db.books().insert(&book(SECRET, "B", 1979)).await.unwrap_err();
        assert_eq!((error.kind(), error.constraint()), (ErrorKind::Unique, Some("books_pkey")));
        assert!(error.violates(Book::PRIMARY_KEY));
        assert_silent(&error);
    }

    async fn generated_key_violation_names_the_constraint(db) {
        let id = db.authors().insert_for_id(&NewAuthor { name: "A".into(), born: None }).await?;
        let error = db.execute(sql!("INSERT INTO authors (id, name) VALUES (:id, 'B')", id)).await.unwrap_err();
        assert_eq!((error.kind(), error.constraint()), (ErrorKind::Unique, Some("authors_pkey")));
    }

    async fn composite_and_named_constraints_are_named(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let first = db.authors().insert_for_id(&NewAuthor { name: "A".into(), born: None }).await?;
        let second = db.authors().insert_for_id(&NewAuthor { name: "B".into(), born: None }).await?;
        let row = BookAuthor { book_id: "a".into(), author_id: first, position: 1 };
        db.book_authors().insert(&row).await?;
        let again = BookAuthor { position: 2, ..row.clone() };
        let error = db.book_authors().insert(&again).await.unwrap_err();
        assert_eq!(error.constraint(), Some("book_authors_pkey"));
        let error = db.book_authors().insert(&BookAuthor { author_id: second, ..row }).await.unwrap_err();
        assert_eq!(error.constraint(), Some("one_author_per_position"));
    }

    async fn foreign_key_violation_of_an_insert_names_the_constraint(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let row = BookAuthor { book_id: "a".into(), author_id: 99, position: 1 };
        let error = db.book_authors().insert(&row).await.unwrap_err();
        assert!(error.is_foreign_key_violation());
        assert!(error.violates(BookAuthor::FOREIGN_KEY_AUTHOR_ID), "{error}");
        let author_id = db.authors().insert_for_id(&NewAuthor { name: "A".into(), born: None }).await?;
        let row = BookAuthor { book_id: SECRET.into(), author_id, position: 1 };
        let error = db.book_authors().insert(&row).await.unwrap_err();
        assert_eq!(error.to_string(), "BookAuthors::insert: foreign key violation of book_authors_book_id_fkey");
        assert_silent(&error);
        assert!(db.book_authors().list().await?.is_empty());
    }

    async fn foreign_key_violation_of_a_delete_names_the_constraint(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let author_id = db.authors().insert_for_id(&NewAuthor { name: "A".into(), born: None }).await?;
        db.book_authors().insert(&BookAuthor { book_id: "a".into(), author_id, position: 1 }).await?;
        let error = db.execute(sql!("DELETE FROM authors WHERE id = :author_id", author_id)).await.unwrap_err();
        assert_eq!((error.kind(), error.constraint()), (ErrorKind::ForeignKey, Some("book_authors_author_id_fkey")));
        assert_eq!(db.authors().count().await?, 1);
    }

    async fn foreign_key_violation_inside_a_transaction_names_the_constraint(db) {
        let error = db.transaction(async |tx| {
            tx.books().insert(&book("a", "Alien", 1979)).await?;
            tx.book_authors().insert(&BookAuthor { book_id: "a".into(), author_id: 7, position: 1 }).await
        }).await.unwrap_err();
        assert!(error.violates(BookAuthor::FOREIGN_KEY_AUTHOR_ID), "{error}");
        assert_eq!(db.books().count().await?, 0);
    }

    async fn cascades_follow_the_schema(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let author_id = db.authors().insert_for_id(&NewAuthor { name: "A".into(), born: None }).await?;
        db.book_authors().insert(&BookAuthor { book_id: "a".into(), author_id, position: 1 }).await?;
        assert!(db.books().delete("a").await?);
        assert!(db.book_authors().list().await?.is_empty());
    }

    async fn check_violation_names_the_constraint(db) {
        let error = db.books().insert(&book("a", "Alien", -1979)).await.unwrap_err();
        assert_eq!((error.kind(), error.constraint()), (ErrorKind::Check, Some("books_year_check")));
        let error = db.accounts().insert(&Account { account_id: "a".into(), balance: -1 }).await.unwrap_err();
        assert_eq!(error.to_string(), "Accounts::insert: check violation of balance_is_not_negative");
    }

    async fn not_null_violation_names_the_column(db) {
        let error = db.execute(sql!("INSERT INTO books (book_id, year) VALUES ('a', 1979)")).await.unwrap_err();
        assert_eq!((error.kind(), error.constraint()), (ErrorKind::NotNull, Some("books_title_not_null")));
    }

    async fn deferred_foreign_key_fails_at_commit(db) {
        let error = db.transaction(async |tx| {
            tx.execute(sql!("INSERT INTO deferred_children (book_id) VALUES (:secret)", secret = SECRET)).await?;
            Ok::<_, Error>(())
        }).await.unwrap_err();
        assert_eq!((error.kind(), error.constraint()), (ErrorKind::ForeignKey, Some("deferred_children_book_id_fkey")));
        assert_silent(&error);
        let left: i64 = db.fetch_one(sql!("SELECT count(*) FROM deferred_children")).await?;
        assert_eq!(left, 0);
    }

    async fn deferred_foreign_key_may_be_filled_before_commit(db) {
        db.transaction(async |tx| {
            tx.execute(sql!("INSERT INTO deferred_children (book_id) VALUES ('a')")).await?;
            tx.books().insert(&book("a", "Alien", 1979)).await
        }).await?;
        assert_eq!(db.books().count().await?, 1);
    }

    async fn a_violation_becomes_an_error_of_the_domain(db) {
        #[derive(Debug)]
        enum AddError { Taken, Db }
        impl From<Error> for AddError {
            fn from(_: Error) -> Self { AddError::Db }
        }
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let taken = db.books().insert(&book("b", "Alien", 1979)).await.on_violation(Book::UNIQUE_TITLE, || AddError::Taken);
        assert!(matches!(taken, Err(AddError::Taken)));
        let other = db.books().insert(&book("a", "B", 1979)).await.on_violation(Book::UNIQUE_TITLE, || AddError::Taken);
        assert!(matches!(other, Err(AddError::Db)));
    }

    async fn text_in_a_number_column_is_refused_without_its_value(db) {
        let error = db.execute(sql!("UPDATE books SET year = :year", year = SECRET)).await;
        // Without a row SQLite has nothing to refuse; with one it does.
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let again = db.execute(sql!("UPDATE books SET year = :year", year = SECRET)).await.unwrap_err();
        assert_silent(&again);
        assert!(matches!(again.kind(), ErrorKind::Encode | ErrorKind::InvalidInput), "{again:?}");
        if let Err(error) = error {
            assert_silent(&error);
        }
        assert_eq!(db.books().get("a").await?.year, 1979);
    }

    async fn a_syntax_error_names_the_method_and_no_value(db) {
        let error = db.execute(sql!("UPDATE books SETT year = :year", year = SECRET)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert_silent(&error);
    }
}
