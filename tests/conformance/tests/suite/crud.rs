//! Each CRUD attribute, on natural, generated and composite keys.

use conformance::on_every_engine;
use shelfmark::prelude::*;

use crate::library::*;

/// What an import writes: rows with a key of their own, found by another column or by columns that may be NULL.
#[repository]
trait Shelving {
    #[upsert_many(on = "title")]
    async fn by_title(&self, new: &[NewBook]) -> Result<u64>;
    #[upsert_many(on = ("book_id", "position"))]
    async fn by_position(&self, new: &[BookAuthor]) -> Result<u64>;
    #[upsert_many]
    async fn quietly(&self, new: Vec<NewBook>) -> Result<()>;
}

fn rated(book_id: &str, title: &str, year: i32, rating: Option<&str>) -> NewBook {
    NewBook {
        rating: rating.map(str::to_owned),
        ..book(book_id, title, year)
    }
}

on_every_engine! {
    async fn insert_gives_the_stored_row(db) {
        let stored = db.books().insert(&book("a", "Alien", 1979)).await?;
        assert_eq!(stored, Book { book_id: "a".into(), title: "Alien".into(), year: 1979, rating: None });
        assert_eq!(db.books().find("a").await?, Some(stored));
    }

    async fn insert_may_answer_nothing(db) {
        db.books().insert_quietly(&book("a", "Alien", 1979)).await?;
        assert_eq!(db.books().count().await?, 1);
    }

    async fn insert_gives_generated_keys(db) {
        let first = db.authors().insert(&NewAuthor { name: "Lem".into(), born: Some(1921) }).await?;
        let second = db.authors().insert_for_id(&NewAuthor { name: "Le Guin".into(), born: None }).await?;
        assert!(second > first.id);
        assert_eq!(db.authors().find(second).await?.unwrap().name, "Le Guin");
    }

    async fn find_of_an_unknown_key_is_none(db) {
        assert_eq!(db.books().find("nothing").await?, None);
        assert!(db.books().get("nothing").await.unwrap_err().is_not_found());
    }

    async fn list_gives_all_in_the_order_of_the_key(db) {
        for id in ["c", "a", "b"] {
            db.books().insert(&book(id, id, 2000)).await?;
        }
        let ids: Vec<String> = db.books().list().await?.into_iter().map(|book| book.book_id).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(db.books().first(2).await?.len(), 2);
    }

    async fn update_sets_every_column_and_gives_the_row(db) {
        let mut alien = db.books().insert(&book("a", "Alien", 1979)).await?;
        alien.title = "Aliens".into();
        alien.year = 1986;
        alien.rating = Some("R".into());
        assert_eq!(db.books().update(&alien).await?, alien);
        assert_eq!(db.books().get("a").await?, alien);
        alien.rating = None;
        assert_eq!(db.books().update(&alien).await?.rating, None);
    }

    async fn update_of_an_unknown_key_is_not_found(db) {
        let nobody = Book { book_id: "x".into(), title: "X".into(), year: 1, rating: None };
        let error = db.books().update(&nobody).await.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.method(), Some("Books::update"));
    }

    async fn upsert_inserts_and_then_updates(db) {
        db.books().upsert(&book("a", "Alien", 1979)).await?;
        let stored = db.books().upsert(&book("a", "Alien", 1980)).await?;
        assert_eq!(stored.year, 1980);
        assert_eq!(db.books().count().await?, 1);
    }

    async fn upsert_on_another_unique_column_keeps_the_key(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let stored = db.books().upsert_by_title(&book("b", "Alien", 1980)).await?;
        assert_eq!((stored.book_id.as_str(), stored.year), ("a", 1980));
        let first = db.authors().upsert(&NewAuthor { name: "Lem".into(), born: None }).await?;
        let again = db.authors().upsert(&NewAuthor { name: "Lem".into(), born: Some(1921) }).await?;
        assert_eq!((again.id, again.born), (first.id, Some(1921)));
    }

    async fn upsert_of_a_row_that_is_all_key_but_one_gives_the_row(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let author = db.authors().insert_for_id(&NewAuthor { name: "Lem".into(), born: None }).await?;
        let row = BookAuthor { book_id: "a".into(), author_id: author, position: 1 };
        assert_eq!(db.book_authors().upsert(&row).await?, row);
        assert_eq!(db.book_authors().upsert(&row).await?, row);
    }

    async fn upsert_violating_another_constraint_still_fails(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        db.books().insert(&book("b", "Brazil", 1985)).await?;
        let error = db.books().upsert(&book("b", "Alien", 1985)).await.unwrap_err();
        assert!(error.violates(Book::UNIQUE_TITLE), "{error}");
    }

    async fn delete_says_whether_the_row_was_there(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        assert!(db.books().delete("a").await?);
        assert!(!db.books().delete("a").await?);
        assert!(db.books().remove("a").await.unwrap_err().is_not_found());
    }

    async fn composite_keys_find_update_and_delete_one_row(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let first = db.authors().insert_for_id(&NewAuthor { name: "A".into(), born: None }).await?;
        let second = db.authors().insert_for_id(&NewAuthor { name: "B".into(), born: None }).await?;
        for (author_id, position) in [(first, 1), (second, 2)] {
            db.book_authors().insert(&BookAuthor { book_id: "a".into(), author_id, position }).await?;
        }
        let moved = BookAuthor { book_id: "a".into(), author_id: second, position: 3 };
        assert_eq!(db.book_authors().update(&moved).await?, moved);
        assert_eq!(db.book_authors().find("a", first).await?.unwrap().position, 1);
        assert_eq!(db.book_authors().list().await?.len(), 2);
        assert!(db.book_authors().delete("a", first).await?);
        assert_eq!(db.book_authors().find("a", first).await?, None);
        assert!(db.book_authors().find("a", second).await?.is_some());
    }

    async fn insert_many_is_one_for_all(db) {
        db.books().insert(&book("c", "Contact", 1997)).await?;
        let books = [book("a", "Alien", 1979), book("b", "Contact", 1985), book("d", "Dune", 1984)];
        let error = db.books().insert_many(&books).await.unwrap_err();
        assert!(error.violates(Book::UNIQUE_TITLE), "{error}");
        assert_eq!(db.books().count().await?, 1);
    }

    async fn insert_many_of_none_is_zero(db) {
        assert_eq!(db.books().insert_many(&[]).await?, 0);
    }

    async fn insert_many_takes_more_rows_than_parameters_are_allowed(db) {
        let books: Vec<NewBook> =
            (0..30_000).map(|nth| book(&format!("{nth:05}"), &format!("Book {nth}"), nth)).collect();
        assert_eq!(db.books().insert_many(&books).await?, 30_000);
        assert_eq!(db.books().count().await?, 30_000);
    }

    async fn insert_many_may_skip_what_is_there(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let books = [book("a", "Other", 1), book("b", "Brazil", 1985), book("c", "Alien", 2)];
        assert_eq!(db.books().insert_missing(&books).await?, 1);
        assert_eq!(db.books().titles().await?, ["Alien", "Brazil"]);
    }

    async fn insert_many_names_the_row_that_cannot_be_sent(db) {
        let books = [book("a", "Alien", 1979), book("b", "Bra\0zil", 1985)];
        let error = db.books().insert_many(&books).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.to_string().starts_with("Books::insert_many: row 1, column `title`: text must not contain a NUL"), "{error}");
        assert_eq!(db.books().count().await?, 0);
    }

    async fn upsert_many_inserts_and_updates(db) {
        db.books().insert(&book("a", "Alien", 1)).await?;
        let books = [book("a", "Alien", 1979), book("b", "Brazil", 1985)];
        assert_eq!(db.books().upsert_many(&books).await?, 2);
        assert_eq!(db.books().get("a").await?.year, 1979);
        assert_eq!(db.books().count().await?, 2);
    }

    async fn upsert_many_of_one_key_twice_keeps_the_last_row(db) {
        db.books().insert(&rated("a", "Alien", 1, Some("R"))).await?;
        let books = [
            rated("a", "Alien", 1979, Some("PG")),
            rated("b", "Brazil", 1985, None),
            rated("a", "Aliens", 1986, None),
            rated("b", "Brazil!", 1986, Some("R")),
            rated("c", "Contact", 1997, None),
        ];
        assert_eq!(db.books().upsert_many(&books).await?, 5);
        let stored: Vec<(String, String, i32, Option<String>)> = db.fetch_all(sql!(
            "SELECT book_id, title, year, rating FROM books ORDER BY book_id"
        )).await?;
        let expected = [
            ("a".to_owned(), "Aliens".to_owned(), 1986, None),
            ("b".to_owned(), "Brazil!".to_owned(), 1986, Some("R".to_owned())),
            ("c".to_owned(), "Contact".to_owned(), 1997, None),
        ];
        assert_eq!(stored, expected);
        db.shelving().quietly(vec![book("c", "One", 1), book("c", "Two", 2)]).await?;
        assert_eq!(db.books().get("c").await?.title, "Two");
    }

    async fn upsert_many_on_another_column_takes_the_whole_last_row(db) {
        let books = [book("x", "Alien", 1979), book("y", "Brazil", 1985), book("z", "Alien", 1980)];
        assert_eq!(db.shelving().by_title(&books).await?, 3);
        let alien = db.books().by_title("Alien").await?.unwrap();
        assert_eq!((alien.book_id.as_str(), alien.year), ("z", 1980));
        // A row that is there keeps its key.
        let books = [book("v", "Alien", 1), book("w", "Alien", 2)];
        assert_eq!(db.shelving().by_title(&books).await?, 2);
        let alien = db.books().by_title("Alien").await?.unwrap();
        assert_eq!((alien.book_id.as_str(), alien.year), ("z", 2));
        assert_eq!(db.books().count().await?, 2);
    }

    async fn upsert_many_of_one_key_twice_may_break_what_only_the_first_row_would_break(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        // The title is taken, but by a row that is not the one stored.
        let books = [book("b", "Alien", 1985), book("b", "Brazil", 1985)];
        assert_eq!(db.books().upsert_many(&books).await?, 2);
        assert_eq!(db.books().titles().await?, ["Alien", "Brazil"]);
    }

    async fn upsert_many_of_nothing_to_set_answers_the_number_given(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        let author_id = db.authors().insert_for_id(&NewAuthor { name: "A".into(), born: None }).await?;
        let row = BookAuthor { book_id: "a".into(), author_id, position: 1 };
        for _ in 0..2 {
            assert_eq!(db.shelving().by_position(&[row.clone(), row.clone()]).await?, 2);
        }
        assert_eq!(db.book_authors().list().await?.len(), 1);
    }

    async fn typed_names_are_the_names_in_the_database(db) {
        assert_eq!((Book::TITLE.name(), Book::UNIQUE_TITLE.name()), ("title", "books_title_key"));
        assert_eq!(Book::PRIMARY_KEY.name(), "books_pkey");
        assert_eq!(BookAuthor::FOREIGN_KEY_AUTHOR_ID.name(), "book_authors_author_id_fkey");
        let _ = db;
    }
}
