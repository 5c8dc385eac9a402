//! `insert_many`, `upsert_many`, `update_many` and `delete_many`: all or nothing, and the rows back in the order given.

use conformance::on_every_engine;
use shelfmark::prelude::*;

use crate::library::Books as _;
use crate::library::{Book, BooksExt, book};
use crate::records::*;

/// An entity without a version.
#[repository(entity = Book)]
trait Shelf {
    #[update_many]
    async fn update_many(&self, books: &[Book]) -> Result<u64>;
    #[update_many]
    async fn must_update(&self, books: &[Book]) -> Result<()>;
    #[update_many]
    async fn update_all(&self, books: &[Book]) -> Result<Vec<Book>>;
    #[delete_many]
    async fn delete_many(&self, book_ids: &[String]) -> Result<u64>;
}

fn tickets(labels: &[&str]) -> Vec<NewTicket> {
    labels
        .iter()
        .map(|label| NewTicket {
            label: (*label).into(),
        })
        .collect()
}

fn ids<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Vec<&'d str> {
    documents
        .into_iter()
        .map(|document| document.document_id.as_str())
        .collect()
}

on_every_engine! {
    async fn the_text_of_many_rows_is_the_same_for_any_number(db) {
        let recording = db.record();
        for number in [1, 2, 1_000] {
            let names = (0..number).map(|nth| format!("{number}-{nth}"));
            let books: Vec<_> = names.map(|name| book(&name, &name, 2000)).collect();
            db.books().insert_many(&books).await?;
            db.books().upsert_many(&books).await?;
            let stored = db.books().list().await?;
            db.shelf().update_many(&stored).await?;
            let ids: Vec<String> = stored.into_iter().map(|book| book.book_id).collect();
            db.shelf().delete_many(&ids).await?;
        }
        for method in ["Books::insert_many", "Books::upsert_many", "Shelf::update_many", "Shelf::delete_many"] {
            let statements = recording.statements();
            let mut texts: Vec<_> = statements.iter().filter(|made| made.method == method).map(|made| &made.sql).collect();
            assert_eq!(texts.len(), 3, "{method}");
            texts.dedup();
            assert_eq!(texts.len(), 1, "{method}");
        }
    }

    async fn inserted_rows_come_back_in_the_order_given(db) {
        let stored = db.documents().insert_all(&[document("c", "C"), document("a", "A"), document("b", "B")]).await?;
        assert_eq!(ids(&stored), ["c", "a", "b"]);
        assert_eq!(db.documents().get("a").await?, stored[1]);
    }

    async fn generated_keys_follow_the_order_given(db) {
        let labels: Vec<String> = (0..500).map(|nth| format!("{:03}", (nth * 7) % 500)).collect();
        let new: Vec<NewTicket> = labels.iter().map(|label| NewTicket { label: label.clone() }).collect();
        let issued = db.tickets().issue(&new).await?;
        assert!(issued.iter().map(|ticket| &ticket.label).eq(&labels));
        assert!(issued.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    async fn rows_that_are_skipped_do_not_come_back(db) {
        db.documents().insert(&document("a", "A")).await?;
        let stored = db.documents().insert_missing(&[document("c", "C"), document("a", "A"), document("b", "B")]).await?;
        assert_eq!(ids(&stored), ["c", "b"]);
    }

    async fn a_row_that_cannot_be_inserted_undoes_all(db) {
        let error = db.documents().insert_all(&[document("a", "A"), document("b", "A")]).await.unwrap_err();
        assert!(error.violates(Document::UNIQUE_TITLE), "{error}");
        assert!(db.documents().list().await?.is_empty());
    }

    async fn upserted_rows_come_back_in_the_order_given(db) {
        db.documents().insert_many(&[document("a", "A"), document("b", "B")]).await?;
        let stored = db.documents().upsert_all(&[document("c", "C"), document("b", "B"), document("a", "A")]).await?;
        assert_eq!(ids(&stored), ["c", "b", "a"]);
        assert_eq!(stored.iter().map(|row| row.version).collect::<Vec<_>>(), [1, 2, 2]);
    }

    async fn of_a_key_that_is_upserted_twice_the_last_row_comes_back(db) {
        let stored = db.documents().upsert_all(&[document("a", "A"), document("b", "B"), document("a", "C")]).await?;
        assert_eq!(ids(&stored), ["b", "a"]);
        assert_eq!((stored[1].title.as_str(), stored[1].version), ("C", 1));
    }

    async fn a_row_that_is_there_comes_back_from_an_upsert_with_nothing_to_set(db) {
        let first = db.tickets().ensure(&tickets(&["a", "b"])).await?;
        let again = db.tickets().ensure(&tickets(&["c", "b", "a"])).await?;
        assert_eq!((again[1].id, again[2].id), (first[1].id, first[0].id));
        assert_eq!(again[0].label, "c");
        assert_eq!(again[1].created_at, first[1].created_at);
    }

    async fn updated_rows_come_back_in_the_order_given(db) {
        let new: Vec<NewDocument> = (0..200).map(|nth| document(&format!("{nth:03}"), &format!("T{nth}"))).collect();
        let mut all = db.documents().insert_all(&new).await?;
        all.reverse();
        for (pages, row) in (0..).zip(&mut all) {
            row.pages = pages;
            row.title = format!("{} again", row.title);
        }
        let stored = db.documents().update_all(all.clone()).await?;
        assert_eq!(ids(&stored), ids(&all));
        assert!(stored.iter().map(|row| row.pages).eq(0..200));
        assert!(stored.iter().all(|row| row.version == 2));
        assert_eq!(db.documents().list().await?.len(), 200);
    }

    async fn update_many_sets_null_and_values_row_by_row(db) {
        let all = db.documents().insert_all(&[document("a", "A"), document("b", "B")]).await?;
        let first = Document { body: Some("text".into()), ..all[0].clone() };
        db.documents().update_quietly(&[first, all[1].clone()]).await?;
        assert_eq!(db.documents().get("a").await?.body.as_deref(), Some("text"));
        assert_eq!(db.documents().get("b").await?.body, None);
        let first = Document { body: None, ..db.documents().get("a").await? };
        db.documents().update_quietly(&[first]).await?;
        assert_eq!(db.documents().get("a").await?.body, None);
    }

    async fn update_many_refuses_a_key_that_comes_twice(db) {
        let all = db.documents().insert_all(&[document("a", "A"), document("b", "B")]).await?;
        let twice = [all[0].clone(), all[1].clone(), all[0].clone()];
        let error = db.documents().update_many(&twice).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "Documents::update_many: row 2 has the key of row 0: give each row once");
        assert_eq!(db.documents().get("a").await?.version, 1);
    }

    async fn update_many_violating_a_constraint_keeps_nothing(db) {
        let all = db.documents().insert_all(&[document("a", "A"), document("b", "B"), document("c", "C")]).await?;
        let changed = [Document { pages: 9, ..all[0].clone() }, Document { title: "C".into(), ..all[1].clone() }];
        let error = db.documents().update_many(&changed).await.unwrap_err();
        assert!(error.violates(Document::UNIQUE_TITLE), "{error}");
        assert_eq!(db.documents().get("a").await?.pages, 1);
    }

    async fn without_a_version_update_many_counts_what_was_there(db) {
        let alien = db.books().insert(&book("a", "Alien", 1979)).await?;
        let nobody = Book { book_id: "x".into(), ..alien.clone() };
        let changed = [Book { year: 1980, ..alien }, nobody];
        assert_eq!(db.shelf().update_many(&changed).await?, 1);
        assert_eq!(db.books().get("a").await?.year, 1980);
    }

    async fn a_row_that_is_not_there_undoes_an_update_that_answers_with_rows_or_nothing(db) {
        let alien = db.books().insert(&book("a", "Alien", 1979)).await?;
        let nobody = Book { book_id: "x".into(), title: "X".into(), ..alien.clone() };
        let changed = [Book { year: 1980, ..alien }, nobody];
        for error in [
            db.shelf().must_update(&changed).await.unwrap_err(),
            db.shelf().update_all(&changed).await.unwrap_err(),
        ] {
            assert!(error.is_not_found(), "{error}");
            assert!(error.to_string().contains("1 of 2 rows are not there"), "{error}");
        }
        assert_eq!(db.books().get("a").await?.year, 1979);
        let stored = db.shelf().update_all(&changed[..1]).await?;
        assert_eq!(stored, changed[..1]);
    }

    async fn many_keys_are_one_list(db) {
        let new: Vec<NewDocument> = (0..3_000).map(|nth| document(&format!("{nth:04}"), &format!("T{nth}"))).collect();
        db.documents().insert_many(&new).await?;
        let keys: Vec<String> = (0..40_000).map(|nth| format!("{nth:04}")).collect();
        assert_eq!(db.documents().delete_many(&keys).await?, 3_000);
        assert!(db.documents().list().await?.is_empty());
    }

    async fn deleted_rows_come_back_in_the_order_of_their_keys(db) {
        db.documents().insert_many(&[document("a", "A"), document("b", "B"), document("c", "C")]).await?;
        let keys = ["c", "x", "a"].map(str::to_owned).to_vec();
        let taken = db.documents().take(keys).await?;
        assert_eq!(ids(&taken), ["c", "a"]);
        let issued = db.tickets().issue(&tickets(&["a", "b", "c"])).await?;
        let keys: Vec<i64> = issued.iter().rev().map(|ticket| ticket.id).collect();
        let voided = db.tickets().void(&keys).await?;
        assert_eq!(voided.iter().map(|ticket| ticket.id).collect::<Vec<_>>(), keys);
    }

    async fn a_key_that_is_not_there_undoes_a_delete_that_answers_nothing(db) {
        db.documents().insert_many(&[document("a", "A"), document("b", "B")]).await?;
        let error = db.documents().delete_these(&["a", "x", "b"]).await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert_eq!(db.documents().list().await?.len(), 2);
        // A key may come twice: it names one row.
        db.documents().delete_these(&["a", "b", "a"]).await?;
        assert!(db.documents().list().await?.is_empty());
    }

    async fn keys_of_several_columns_delete_and_update_their_rows(db) {
        let all: Vec<NewSeat> = (0..20).map(|nth| seat(nth / 5, &format!("{}", nth % 5))).collect();
        let mut seats = db.seats().build(&all).await?;
        assert_eq!(seats.len(), 20);
        seats.reverse();
        for seat in &mut seats {
            seat.holder = Some(format!("{}-{}", seat.line, seat.number));
        }
        let stored = db.seats().update_all(&seats).await?;
        assert!(stored.iter().zip(&seats).all(|(stored, given)| stored.holder == given.holder && stored.version == 2));
        assert_eq!(db.seats().remove(&[(0, "0".into()), (0, "9".into()), (3, "4".into())]).await?, 2);
        let taken = db.seats().take(vec![(2, "1".into()), (1, "1".into()), (2, "1".into())]).await?;
        assert_eq!(taken.iter().map(|seat| (seat.line, seat.number.as_str())).collect::<Vec<_>>(), [(2, "1"), (1, "1")]);
        assert!(db.seats().remove_these(&[(2, "2"), (7, "7")]).await.unwrap_err().is_not_found());
        assert_eq!(db.seats().get(2, "2").await?.version, 2);
        db.seats().remove_these(&[(2, "2"), (2, "3")]).await?;
        assert_eq!(db.seats().list().await?.len(), 14);
    }

    async fn no_rows_are_no_statement(db) {
        // A closed database answers every statement with an error.
        db.close().await?;
        assert_eq!(db.documents().insert_all(&[]).await?, []);
        assert_eq!(db.documents().upsert_many(&[]).await?, 0);
        assert_eq!(db.documents().update_many(&[]).await?, 0);
        db.documents().update_quietly(&[]).await?;
        assert_eq!(db.documents().delete_many(&[]).await?, 0);
        db.documents().delete_these(&[]).await?;
        assert_eq!(db.seats().take(vec![]).await?, []);
        assert!(db.documents().list().await.is_err());
    }

    async fn many_rows_inside_of_a_transaction_are_part_of_it(db) {
        let answer: Result<()> = db.transaction(async |tx| {
            let mut all = tx.documents().insert_all(&[document("a", "A"), document("b", "B")]).await?;
            all[0].pages = 7;
            let stored = tx.documents().update_all(all).await?;
            assert_eq!(stored[0].pages, 7);
            assert_eq!(tx.documents().take(vec!["b".into()]).await?.len(), 1);
            Err(Error::new(ErrorKind::Other))
        }).await;
        assert!(answer.is_err());
        assert!(db.documents().list().await?.is_empty());
    }

    async fn an_unsendable_value_names_its_row_and_column(db) {
        let all = db.documents().insert_all(&[document("a", "A"), document("b", "B")]).await?;
        let broken = Document { title: "B\0".into(), ..all[1].clone() };
        let error = db.documents().update_many(&[all[0].clone(), broken]).await.unwrap_err();
        assert!(error.to_string().starts_with("Documents::update_many: row 1, column `title`: "), "{error}");
        let error = db.seats().remove(&[(1, "a".into()), (1, "\0".into())]).await.unwrap_err();
        assert!(error.to_string().starts_with("Seats::remove: row 1, column `number`: "), "{error}");
        assert_eq!(db.documents().get("a").await?.version, 1);
    }
}
