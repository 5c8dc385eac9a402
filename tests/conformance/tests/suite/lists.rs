//! `IN (:list)` is one value of any length.

use conformance::on_every_engine;
use jiff::Timestamp;
use shelfmark::prelude::*;
use uuid::Uuid;

use crate::library::*;

async fn two_books(db: &Db) -> shelfmark::Result<()> {
    db.books().insert(&book("a", "Alien", 1979)).await?;
    db.books()
        .insert(&book("b", "Brazil", 1985))
        .await
        .map(drop)
}

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

on_every_engine! {
    async fn a_list_finds_its_members(db) {
        two_books(db).await?;
        let found = db.books().by_ids(&owned(&["b", "zz", "a", "a"])).await?;
        assert_eq!(found.iter().map(|book| book.book_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    async fn the_empty_list_finds_nothing(db) {
        two_books(db).await?;
        assert!(db.books().by_ids(&[]).await?.is_empty());
    }

    async fn not_in_the_empty_list_finds_all(db) {
        two_books(db).await?;
        assert_eq!(db.books().except(&[]).await?.len(), 2);
        assert_eq!(db.books().except(&owned(&["a"])).await?.len(), 1);
    }

    async fn a_list_of_a_hundred_thousand_works(db) {
        two_books(db).await?;
        let mut ids: Vec<String> = (0..100_000).map(|nth| format!("no{nth}")).collect();
        ids.push("b".into());
        assert_eq!(db.books().by_ids(&ids).await?.len(), 1);
    }

    async fn integers_are_listed(db) {
        two_books(db).await?;
        let years = [1979_i32, 2000];
        let found: Vec<String> = db.fetch_all(sql!("SELECT book_id FROM books WHERE year IN (:years)", years)).await?;
        assert_eq!(found, ["a"]);
    }

    async fn borrowed_text_is_listed(db) {
        two_books(db).await?;
        let titles = ["Alien", "it's \"x\", {y}", "NULL"];
        let found: Vec<String> = db.fetch_all(sql!("SELECT book_id FROM books WHERE title IN (:titles)", titles = &titles[..])).await?;
        assert_eq!(found, ["a"]);
    }

    async fn uuids_timestamps_and_bytes_are_listed(db) {
        let mut sample = Sample::empty("s");
        sample.tag = Some(Tag(Uuid::from_u128(7)));
        sample.moment = Some(Timestamp::from_microsecond(1)?);
        sample.raw = Some(vec![0, 255]);
        db.samples().insert(&sample).await?;
        let tags = [Uuid::from_u128(7), Uuid::nil()];
        let moments = [Timestamp::from_microsecond(1)?];
        let raws = [vec![0_u8, 255]];
        let found: Vec<String> = db.fetch_all(sql!(
            "SELECT id FROM samples WHERE tag IN (:tags) AND moment IN (:moments) AND raw IN (:raws)",
            tags, moments, raws
        )).await?;
        assert_eq!(found, ["s"]);
    }

    async fn two_lists_and_a_scalar_stand_in_one_statement(db) {
        two_books(db).await?;
        let (ids, years, title) = (owned(&["a", "b"]), vec![1979_i32, 1985], "Brazil");
        let found: Vec<String> = db.fetch_all(sql!(
            "SELECT book_id FROM books WHERE book_id IN (:ids) AND year IN (:years) AND title <> :title",
            ids, years, title
        )).await?;
        assert_eq!(found, ["a"]);
    }

    async fn a_list_with_text_that_cannot_be_sent_is_refused(db) {
        let error = db.books().by_ids(&owned(&["a", "b\0"])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
    }
}
