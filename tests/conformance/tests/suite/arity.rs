//! The return type is the arity: one, at most one, many, a stream, a scalar, a tuple, nothing, a count.

use conformance::on_every_engine;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use shelfmark::prelude::*;

use crate::library::*;

async fn three_books(db: &Db) -> shelfmark::Result<()> {
    for (id, title, year) in [
        ("a", "Alien", 1979),
        ("b", "Brazil", 1985),
        ("c", "Contact", 1997),
    ] {
        db.books().insert(&book(id, title, year)).await?;
    }
    Ok(())
}

on_every_engine! {
    async fn exactly_one_gives_the_row(db) {
        three_books(db).await?;
        assert_eq!(db.books().only_of(1979).await?.title, "Alien");
    }

    async fn exactly_one_of_none_is_not_found(db) {
        let error = db.books().only_of(1979).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "Books::only_of: no row found");
    }

    async fn exactly_one_of_two_is_too_many_rows(db) {
        db.books().insert(&book("a", "Alien", 1979)).await?;
        db.books().insert(&book("m", "Manhattan", 1979)).await?;
        let error = db.books().only_of(1979).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyRows);
        assert_eq!(error.to_string(), "Books::only_of: more than one row found where one was expected");
    }

    async fn at_most_one_gives_some_or_none(db) {
        three_books(db).await?;
        assert_eq!(db.books().by_title("Brazil").await?.unwrap().book_id, "b");
        assert_eq!(db.books().by_title("Dune").await?, None);
    }

    async fn at_most_one_of_two_is_too_many_rows(db) {
        three_books(db).await?;
        let error = db.fetch_optional::<Book>(sql!("SELECT {*} FROM books")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyRows);
    }

    async fn many_come_in_the_order_of_the_statement(db) {
        three_books(db).await?;
        let years: Vec<i32> = db.books().since(1985).await?.iter().map(|book| book.year).collect();
        assert_eq!(years, [1985, 1997]);
        assert!(db.books().since(2000).await?.is_empty());
    }

    async fn a_scalar_reads_the_only_column(db) {
        three_books(db).await?;
        assert_eq!(db.books().count().await?, 3);
        assert_eq!(db.books().titles().await?, ["Alien", "Brazil", "Contact"]);
    }

    async fn an_optional_scalar_takes_null_for_nothing(db) {
        assert_eq!(db.books().newest_year().await?, None);
        three_books(db).await?;
        assert_eq!(db.books().newest_year().await?, Some(1997));
    }

    async fn a_tuple_reads_by_position(db) {
        three_books(db).await?;
        assert_eq!(db.books().title_and_year("a").await?, Some(("Alien".to_owned(), 1979)));
        assert_eq!(db.books().title_and_year("z").await?, None);
    }

    async fn a_row_type_reads_by_name_in_any_order(db) {
        three_books(db).await?;
        let counts = db.books().per_year().await?;
        assert_eq!(counts[0], YearCount { year: 1979, books: 1 });
        assert_eq!(counts.len(), 3);
    }

    async fn a_result_without_a_needed_column_names_it(db) {
        three_books(db).await?;
        let error = db.fetch_all::<YearCount>(sql!("SELECT year FROM books")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().ends_with("the result has no column `books`; its columns are `year`"), "{error}");
    }

    async fn a_tuple_of_another_width_is_a_decode_error(db) {
        let error = db.fetch_all::<(i64, i64)>(sql!("SELECT year FROM books")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
    }

    async fn exec_gives_the_number_of_rows(db) {
        three_books(db).await?;
        assert_eq!(db.books().rate(1985, Some("R")).await?, 1);
        assert_eq!(db.books().rate(2020, Some("R")).await?, 0);
        assert_eq!(db.books().get("b").await?.rating.as_deref(), Some("R"));
        db.books().rate(1985, None).await?;
        assert_eq!(db.books().get("b").await?.rating, None);
    }

    async fn exec_of_unit_says_nothing_of_rows(db) {
        db.log().write("began").await?;
        assert_eq!(db.log().entries().await?, ["began"]);
    }

    async fn a_stream_gives_every_row_in_order(db) {
        let books: Vec<NewBook> =
            (0..1_000).map(|nth| book(&format!("{nth:04}"), &format!("Book {nth}"), nth)).collect();
        db.books().insert_many(&books).await?;
        let years: Vec<i32> =
            db.books().stream_all().map_ok(|book| book.year).try_collect().await?;
        assert_eq!(years, (0..1_000).collect::<Vec<_>>());
    }

    async fn a_stream_dropped_early_frees_its_connection(db) {
        let books: Vec<NewBook> =
            (0..2_000).map(|nth| book(&format!("{nth:04}"), &format!("Book {nth}"), nth)).collect();
        db.books().insert_many(&books).await?;
        for _ in 0..20 {
            let repository = db.books();
            let mut stream = std::pin::pin!(repository.stream_all());
            assert_eq!(stream.next().await.unwrap()?.year, 0);
        }
        assert_eq!(db.books().count().await?, 2_000);
    }

    async fn a_stream_of_a_wrong_statement_gives_one_error(db) {
        let found: Vec<shelfmark::Result<i64>> =
            db.stream::<i64>(sql!("SELECT missing FROM books")).collect().await;
        assert_eq!(found.len(), 1);
        assert!(found[0].is_err());
    }

    async fn a_statement_without_a_trait_has_every_arity(db) {
        three_books(db).await?;
        let rating = "R";
        let touched = db.execute(sql!("UPDATE books SET rating = :rating WHERE year < :before", rating, before = 1990)).await?;
        assert_eq!(touched, 2);
        let rated: Vec<Book> = db.fetch_all(sql!("SELECT {*} FROM books WHERE rating = :r ORDER BY year", r = rating)).await?;
        assert_eq!(rated.len(), 2);
        let one: Book = db.fetch_one(sql!("SELECT {*} FROM books WHERE book_id = :id", id = "c")).await?;
        assert_eq!(one.title, "Contact");
        let streamed: Vec<String> = db.stream(sql!("SELECT title FROM books ORDER BY 1")).try_collect().await?;
        assert_eq!(streamed.len(), 3);
    }

    async fn an_error_names_the_file_and_line_of_a_statement_without_a_trait(db) {
        let error = db.execute(sql!("UPDATE nothing SET a = 1")).await.unwrap_err();
        assert!(error.method().unwrap().contains("arity.rs:"), "{error}");
    }
}

/// What plain SQL does for optional filters.
#[repository(entity = Book)]
trait OptionalFilters {
    #[query(
        "SELECT {*} FROM books
         WHERE (:title IS NULL OR title = :title) AND (:from IS NULL OR year >= :from)
         ORDER BY book_id"
    )]
    async fn find_by(&self, title: Option<&str>, from: Option<i32>) -> Result<Vec<Book>>;
}

on_every_engine! {
    async fn an_optional_parameter_may_be_tested_for_null(db) {
        three_books(db).await?;
        let books = db.optional_filters();
        assert_eq!(books.find_by(None, None).await?.len(), 3);
        assert_eq!(books.find_by(Some("Brazil"), None).await?.len(), 1);
        assert_eq!(books.find_by(None, Some(1985)).await?.len(), 2);
        assert_eq!(books.find_by(Some("Alien"), Some(1985)).await?.len(), 0);
        db.transaction(async |tx| tx.optional_filters().find_by(None, None).await).await?;
        let from: Option<i32> = Some(1985);
        let found: Vec<String> = db.fetch_all(sql!("SELECT title FROM books WHERE (:from IS NULL OR year >= :from) ORDER BY 1", from)).await?;
        assert_eq!(found, ["Brazil", "Contact"]);
    }
}

/// Statements that write and whose rows do not fit: the rating of these books is NULL.
#[repository(entity = Book)]
trait Misfits {
    #[query("INSERT INTO books (book_id, title, year) VALUES (:id, :id, 1) RETURNING rating")]
    async fn insert_one(&self, id: &str) -> Result<String>;
    #[query("UPDATE books SET year = year + 1 RETURNING rating")]
    async fn age_all(&self) -> Result<Vec<String>>;
    #[query("DELETE FROM books RETURNING rating AS other")]
    async fn clear(&self) -> Result<Vec<Rating>>;
    #[query("INSERT INTO books (book_id, title, year) VALUES (:id, :id, 1) RETURNING rating")]
    fn stream_one(&self, id: &str) -> impl Stream<Item = Result<String>> + Send;
}

#[derive(FromRow, Debug)]
struct Rating {
    #[expect(dead_code, reason = "no row ever gets as far")]
    rating: Option<String>,
}

on_every_engine! {
    async fn a_write_whose_rows_do_not_fit_is_done(db) {
        let misfits = db.misfits();
        let error = misfits.insert_one("a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert_eq!(error.method(), Some("Misfits::insert_one"));
        assert_eq!(db.books().get("a").await?.year, 1);

        db.books().insert(&book("b", "Brazil", 1)).await?;
        let error = misfits.age_all().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        // Both of them, although the first row was refused.
        let years: Vec<i32> = db.books().list().await?.iter().map(|book| book.year).collect();
        assert_eq!(years, [2, 2]);

        // Its columns are refused, not its rows.
        let error = misfits.clear().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert_eq!(db.books().count().await?, 0);
    }

    async fn a_streamed_write_whose_rows_do_not_fit_is_done(db) {
        let items: Vec<Result<String>> = db.misfits().stream_one("a").collect().await;
        let [Err(error)] = &items[..] else { panic!("{items:?}") };
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert_eq!(db.books().count().await?, 1);
    }

    async fn a_write_of_a_transaction_whose_rows_do_not_fit_is_part_of_it(db) {
        db.transaction(async |tx| {
            let error = tx.misfits().insert_one("a").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
            tx.books().insert(&book("b", "Brazil", 1)).await?;
            assert_eq!(tx.misfits().age_all().await.unwrap_err().kind(), ErrorKind::Decode);
            Ok::<_, Error>(())
        }).await?;
        let years: Vec<i32> = db.books().list().await?.iter().map(|book| book.year).collect();
        assert_eq!(years, [2, 2]);

        let kept = db.transaction(async |tx| tx.misfits().insert_one("c").await).await;
        assert_eq!(kept.unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(db.books().count().await?, 2);
    }

    async fn a_write_that_cannot_be_committed_says_that_and_not_that_its_rows_do_not_fit(db) {
        let orphan = sql!("INSERT INTO deferred_children (book_id) VALUES ('nothing') RETURNING NULL");
        let error = db.fetch_all::<String>(orphan).await.unwrap_err();
        assert!(error.is_foreign_key_violation(), "{error}");
        let count: i64 = db.fetch_one(sql!("SELECT count(*) FROM deferred_children")).await?;
        assert_eq!(count, 0);
    }
}
