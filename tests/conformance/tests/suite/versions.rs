//! `#[version]`: a change that was made on an old state is refused.

use conformance::on_every_engine;
use shelfmark::prelude::*;

use crate::records::*;

on_every_engine! {
    async fn a_new_row_has_the_first_version(db) {
        assert_eq!(db.documents().insert(&document("a", "Atlas")).await?.version, 1);
        assert_eq!(db.tasks().insert(&task("a", "Act")).await?.version, 1);
        assert_eq!(db.documents().insert_all(&[document("b", "Bible")]).await?[0].version, 1);
    }

    async fn an_update_answers_with_the_next_version(db) {
        let mut atlas = db.documents().insert(&document("a", "Atlas")).await?;
        atlas.pages = 2;
        let stored = db.documents().update(&atlas).await?;
        assert_eq!((stored.version, stored.pages), (2, 2));
        assert_eq!(db.documents().update(&stored).await?.version, 3);
        let mut act = db.tasks().insert(&task("a", "Act")).await?;
        act.title = "Rest".into();
        assert_eq!(db.tasks().update(&act).await?.version, 2);
    }

    async fn the_loser_of_two_updates_is_told_that_its_row_is_stale(db) {
        let read = db.documents().insert(&document("a", "Atlas")).await?;
        db.documents().update(&Document { pages: 2, ..read.clone() }).await?;
        let lost = Document { pages: 3, ..read };
        let error = db.documents().update(&lost).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stale);
        assert_eq!(
            error.to_string(),
            "Documents::update: the row was changed since it was read: read it again and decide whether the change still holds"
        );
        assert_eq!(db.documents().get("a").await?.pages, 2);
    }

    async fn a_stale_row_is_told_whatever_the_method_answers(db) {
        let read = db.documents().insert(&document("a", "Atlas")).await?;
        db.documents().update(&read).await?;
        let documents = db.documents();
        for kind in [
            documents.update(&read).await.unwrap_err().kind(),
            documents.update_if_there(&read).await.unwrap_err().kind(),
            documents.was_updated(&read).await.unwrap_err().kind(),
            documents.count_updated(&read).await.unwrap_err().kind(),
            documents.must_update(&read).await.unwrap_err().kind(),
        ] {
            assert_eq!(kind, ErrorKind::Stale);
        }
    }

    async fn a_row_that_is_gone_is_not_stale(db) {
        let gone = db.documents().insert(&document("a", "Atlas")).await?;
        assert!(db.documents().delete("a").await?);
        let documents = db.documents();
        assert!(documents.update(&gone).await.unwrap_err().is_not_found());
        assert!(documents.must_update(&gone).await.unwrap_err().is_not_found());
        assert_eq!(documents.update_if_there(&gone).await?, None);
        assert!(!documents.was_updated(&gone).await?);
        assert_eq!(documents.count_updated(&gone).await?, 0);
    }

    async fn of_many_at_once_one_wins_and_the_others_are_stale(db) {
        let read = db.documents().insert(&document("a", "Atlas")).await?;
        let mut racers = Vec::new();
        for pages in 0..8 {
            let (db, mine) = (db.db().clone(), Document { pages, ..read.clone() });
            racers.push(tokio::spawn(async move { db.documents().update(&mine).await }));
        }
        let (mut won, mut stale) = (0, 0);
        for racer in racers {
            match racer.await? {
                Ok(_) => won += 1,
                Err(error) if error.kind() == ErrorKind::Stale => stale += 1,
                Err(error) => return Err(error.into()),
            }
        }
        assert_eq!((won, stale), (1, 7));
        assert_eq!(db.documents().get("a").await?.version, 2);
    }

    async fn an_upsert_counts_the_version_of_a_row_that_is_there(db) {
        assert_eq!(db.documents().upsert(&document("a", "Atlas")).await?.version, 1);
        assert_eq!(db.documents().upsert(&document("a", "Atlas")).await?.version, 2);
        assert_eq!(db.documents().upsert_by_title(&document("b", "Atlas")).await?.version, 3);
        db.documents().upsert_many(&[document("a", "Atlas"), document("c", "Codex")]).await?;
        assert_eq!(db.documents().get("a").await?.version, 4);
        assert_eq!(db.documents().get("c").await?.version, 1);
    }

    async fn a_stale_row_does_not_abort_a_transaction(db) {
        let read = db.documents().insert(&document("a", "Atlas")).await?;
        db.documents().update(&read).await?;
        db.transaction(async |tx| {
            let error = tx.documents().update(&read).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Stale);
            let fresh = tx.documents().get("a").await?;
            tx.documents().update(&fresh).await
        }).await?;
        assert_eq!(db.documents().get("a").await?.version, 3);
    }

    async fn update_many_counts_every_version(db) {
        let mut all = db.documents().insert_all(&[document("a", "Atlas"), document("b", "Bible")]).await?;
        for document in &mut all {
            document.pages += 10;
        }
        assert_eq!(db.documents().update_many(&all).await?, 2);
        for id in ["a", "b"] {
            let stored = db.documents().get(id).await?;
            assert_eq!((stored.version, stored.pages), (2, 11));
        }
    }

    async fn update_many_with_a_stale_row_keeps_nothing(db) {
        let mut all = db.documents().insert_all(&[document("a", "Atlas"), document("b", "Bible")]).await?;
        db.documents().update(&all[1]).await?;
        all[0].pages = 10;
        let documents = db.documents();
        for error in [
            documents.update_many(&all).await.unwrap_err(),
            documents.update_quietly(&all).await.unwrap_err(),
            documents.update_all(all.clone()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
            let text = error.to_string();
            assert!(text.ends_with(": 1 of 2 rows are changed or deleted since they were read, so nothing was kept: read them again and decide"), "{text}");
        }
        assert_eq!(db.documents().get("a").await?.pages, 1);
    }

    async fn update_many_with_a_stale_row_aborts_its_transaction(db) {
        let all = db.documents().insert_all(&[document("a", "Atlas"), document("b", "Bible")]).await?;
        db.documents().update(&all[1]).await?;
        let answer: Result<()> = db.transaction(async |tx| {
            tx.documents().insert(&document("c", "Codex")).await?;
            let error = tx.documents().update_many(&all).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Stale);
            let error = tx.documents().get("a").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TransactionAborted);
            Ok(())
        }).await;
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::TransactionAborted);
        assert_eq!(db.documents().list().await?.len(), 2);
        assert_eq!(db.documents().get("a").await?.version, 1);
    }

    async fn update_many_with_a_stale_row_is_undone_by_a_savepoint(db) {
        let all = db.documents().insert_all(&[document("a", "Atlas"), document("b", "Bible")]).await?;
        db.documents().update(&all[1]).await?;
        db.transaction(async |tx| {
            let inner = tx.savepoint(async |inner| inner.documents().update_many(&all).await).await;
            assert_eq!(inner.unwrap_err().kind(), ErrorKind::Stale);
            assert_eq!(tx.documents().get("a").await?.version, 1);
            tx.documents().insert(&document("c", "Codex")).await
        }).await?;
        assert_eq!(db.documents().list().await?.len(), 3);
    }
}
