//! `#[derive(Patch)]` and `#[patch]`: what is absent stays as it is.

use std::time::Duration;

use conformance::on_every_engine;
use jiff::SignedDuration;
use serde::Deserialize;
use shelfmark::prelude::*;

use crate::records::*;

#[derive(Patch, Deserialize, Clone, Debug, Default)]
#[patch(Document)]
#[serde(default, deny_unknown_fields)]
struct DocumentPatch {
    title: Change<String>,
    body: Change<Option<String>>,
    pages: Option<i32>,
}

/// Made of what was read.
#[derive(Patch, Clone, Debug, Default)]
#[patch(Document)]
struct CarefulPatch {
    title: Change<String>,
    #[version]
    version: i64,
}

#[derive(Patch, Default)]
#[patch(Task)]
struct TaskPatch {
    title: Change<String>,
}

#[derive(Patch, Default)]
#[patch(Seat)]
struct SeatPatch {
    holder: Change<Option<String>>,
    #[version]
    version: i64,
}

#[derive(Patch, Default)]
#[patch(Invoice)]
struct InvoicePatch {
    amount: Change<i64>,
}

#[repository]
trait Edits {
    #[patch]
    async fn change(&self, document_id: &str, patch: &DocumentPatch) -> Result<Document>;
    #[patch]
    async fn change_if_there(
        &self,
        document_id: &str,
        patch: &DocumentPatch,
    ) -> Result<Option<Document>>;
    #[patch]
    async fn was_changed(&self, document_id: &str, patch: &DocumentPatch) -> Result<bool>;
    #[patch]
    async fn count_changed(&self, document_id: &str, patch: DocumentPatch) -> Result<u64>;
    #[patch]
    async fn must_change(&self, id: String, patch: &DocumentPatch) -> Result<()>;
    #[patch]
    async fn carefully(&self, document_id: &str, patch: &CarefulPatch) -> Result<Document>;
    #[patch]
    async fn count_carefully(&self, document_id: &str, patch: &CarefulPatch) -> Result<u64>;
    #[patch]
    async fn rename(&self, task_id: &str, patch: &TaskPatch) -> Result<Option<Task>>;
    #[patch]
    async fn seat(&self, line: i32, number: &str, patch: &SeatPatch) -> Result<Seat>;
    #[patch]
    async fn charge(&self, invoice_id: &str, patch: &InvoicePatch) -> Result<bool>;
}

fn titled(title: &str) -> DocumentPatch {
    DocumentPatch {
        title: Change::Set(title.into()),
        ..DocumentPatch::default()
    }
}

on_every_engine! {
    async fn a_patch_sets_what_it_names_and_keeps_the_rest(db) {
        let first = db.documents().insert(&document("a", "Atlas")).await?;
        db.documents().insert(&document("b", "Bible")).await?;
        let stored = db.edits().change("a", &titled("Globe")).await?;
        assert_eq!(stored, Document { title: "Globe".into(), version: 2, updated_at: stored.updated_at, ..first });
        let patch = DocumentPatch { body: Change::Set(Some("text".into())), pages: Some(7), ..DocumentPatch::default() };
        let stored = db.edits().change("a", &patch).await?;
        assert_eq!((stored.title.as_str(), stored.body.as_deref(), stored.pages, stored.version), ("Globe", Some("text"), 7, 3));
        assert_eq!(db.documents().get("a").await?, stored);
        assert_eq!(db.documents().get("b").await?.version, 1);
    }

    async fn absent_is_not_null(db) {
        db.documents().insert(&NewDocument { body: Some("text".into()), ..document("a", "Atlas") }).await?;
        let patch: DocumentPatch = serde_json::from_str(r#"{"title": "Globe"}"#)?;
        assert_eq!(db.edits().change("a", &patch).await?.body.as_deref(), Some("text"));
        let patch: DocumentPatch = serde_json::from_str(r#"{"body": null}"#)?;
        let stored = db.edits().change("a", &patch).await?;
        assert_eq!((stored.title.as_str(), stored.body), ("Globe", None));
        assert!(serde_json::from_str::<DocumentPatch>(r#"{"title": null}"#).is_err());
    }

    async fn every_combination_of_columns_has_its_text(db) {
        db.documents().insert(&document("a", "Atlas")).await?;
        for nth in 0..8 {
            let patch = DocumentPatch {
                title: if nth & 1 == 0 { Change::Keep } else { Change::Set(format!("T{nth}")) },
                body: if nth & 2 == 0 { Change::Keep } else { Change::Set(Some(format!("B{nth}"))) },
                pages: (nth & 4 != 0).then_some(nth),
            };
            let before = db.documents().get("a").await?;
            let stored = db.edits().change("a", &patch).await?;
            assert_eq!(stored.title, patch.title.set().unwrap_or(before.title), "{nth}");
            assert_eq!(stored.body, patch.body.set().unwrap_or(before.body), "{nth}");
            assert_eq!(stored.pages, patch.pages.unwrap_or(before.pages), "{nth}");
            assert_eq!(stored.version, before.version + i64::from(nth != 0), "{nth}");
        }
    }

    async fn a_patch_that_sets_nothing_changes_nothing(db) {
        let clock = Clock::set_to(noon());
        let db = db.with_clock(clock.clone());
        let first = db.documents().insert(&document("a", "Atlas")).await?;
        clock.advance(Duration::from_secs(1));
        let nothing = DocumentPatch::default();
        assert_eq!(db.edits().change("a", &nothing).await?, first);
        assert_eq!(db.edits().change_if_there("a", &nothing).await?, Some(first.clone()));
        assert!(db.edits().was_changed("a", &nothing).await?);
        assert_eq!(db.edits().count_changed("a", nothing.clone()).await?, 1);
        db.edits().must_change("a".into(), &nothing).await?;
        assert_eq!(db.documents().get("a").await?, first);
        assert!(db.edits().change("x", &nothing).await.unwrap_err().is_not_found());
        assert_eq!(db.edits().count_changed("x", nothing).await?, 0);
    }

    async fn a_patch_of_an_unknown_key_finds_nothing(db) {
        let edits = db.edits();
        let error = edits.change("x", &titled("X")).await.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.method(), Some("Edits::change"));
        assert_eq!(edits.change_if_there("x", &titled("X")).await?, None);
        assert!(!edits.was_changed("x", &titled("X")).await?);
        assert_eq!(edits.count_changed("x", titled("X")).await?, 0);
        assert!(edits.must_change("x".into(), &titled("X")).await.unwrap_err().is_not_found());
    }

    async fn a_patch_moves_the_time_of_the_change_only(db) {
        let clock = Clock::set_to(noon());
        let db = db.with_clock(clock.clone());
        db.documents().insert(&document("a", "Atlas")).await?;
        clock.advance(Duration::from_secs(1));
        let stored = db.edits().change("a", &titled("Globe")).await?;
        assert_eq!((stored.created_at, stored.updated_at), (noon(), noon() + SignedDuration::from_secs(1)));
    }

    async fn a_patch_with_a_version_is_refused_when_the_row_has_another(db) {
        let read = db.documents().insert(&document("a", "Atlas")).await?;
        let patch = CarefulPatch { title: Change::Set("Globe".into()), version: read.version };
        assert_eq!(db.edits().carefully("a", &patch).await?.version, 2);
        for error in [
            db.edits().carefully("a", &patch).await.unwrap_err(),
            db.edits().count_carefully("a", &patch).await.unwrap_err(),
            db.edits().carefully("a", &CarefulPatch { version: 1, ..CarefulPatch::default() }).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
        }
        assert!(db.edits().carefully("x", &patch).await.unwrap_err().is_not_found());
        let same = CarefulPatch { version: 2, ..CarefulPatch::default() };
        assert_eq!(db.edits().carefully("a", &same).await?.version, 2);
        assert_eq!(db.edits().count_carefully("a", &CarefulPatch { title: Change::Set("Map".into()), version: 2 }).await?, 1);
        assert_eq!(db.documents().get("a").await?.title, "Map");
    }

    async fn a_patch_does_not_see_deleted_rows(db) {
        db.tasks().insert(&task("a", "Act")).await?;
        let patch = TaskPatch { title: Change::Set("Rest".into()) };
        assert_eq!(db.edits().rename("a", &patch).await?.unwrap().version, 2);
        db.tasks().delete("a").await?;
        assert_eq!(db.edits().rename("a", &patch).await?, None);
        assert_eq!(db.edits().rename("a", &TaskPatch::default()).await?, None);
    }

    async fn a_patch_finds_its_row_by_a_key_of_several_columns(db) {
        db.seats().build(&[seat(1, "a"), seat(1, "b")]).await?;
        let patch = SeatPatch { holder: Change::Set(Some("Ada".into())), version: 1 };
        assert_eq!(db.edits().seat(1, "b", &patch).await?.holder.as_deref(), Some("Ada"));
        assert_eq!(db.edits().seat(1, "b", &patch).await.unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(db.seats().get(1, "a").await?.holder, None);
    }

    async fn a_patch_does_not_see_rows_of_another_tenant(db) {
        let (one, two) = (db.for_tenant(1), db.for_tenant(2));
        one.invoices().insert(&invoice("a", 10)).await?;
        let patch = InvoicePatch { amount: Change::Set(99) };
        assert!(!two.edits().charge("a", &patch).await?);
        assert!(!two.edits().charge("a", &InvoicePatch::default()).await?);
        assert!(one.edits().charge("a", &patch).await?);
        assert_eq!(one.invoices().find("a").await?.unwrap().amount, 99);
        let error = db.edits().charge("a", &patch).await.unwrap_err();
        assert!(error.to_string().contains("db.for_tenant"), "{error}");
    }

    async fn a_patch_violating_a_constraint_names_it(db) {
        db.documents().insert_many(&[document("a", "Atlas"), document("b", "Bible")]).await?;
        let error = db.edits().change("b", &titled("Atlas")).await.unwrap_err();
        assert!(error.violates(Document::UNIQUE_TITLE), "{error}");
        let error = db.edits().change("b", &titled("\0")).await.unwrap_err();
        assert!(error.to_string().starts_with("Edits::change: column `title`: "), "{error}");
    }

    async fn a_patch_inside_of_a_transaction_is_part_of_it(db) {
        db.documents().insert(&document("a", "Atlas")).await?;
        let answer: Result<()> = db.transaction(async |tx| {
            assert_eq!(tx.edits().change("a", &titled("Globe")).await?.version, 2);
            Err(Error::new(ErrorKind::Other))
        }).await;
        assert!(answer.is_err());
        assert_eq!(db.documents().get("a").await?.title, "Atlas");
    }
}
