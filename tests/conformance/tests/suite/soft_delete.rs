//! `#[deleted_at]`: rows that are deleted stay in the table, and no generated statement sees them.

use std::time::Duration;

use conformance::on_every_engine;
use jiff::SignedDuration;
use shelfmark::prelude::*;

use crate::records::*;

/// What is really in the table.
#[repository]
trait Archive {
    #[query("SELECT count(*) FROM tasks WHERE deleted_at IS NOT NULL")]
    async fn deleted(&self) -> Result<i64>;
    #[query("SELECT count(*), count(deleted_at) FROM tasks")]
    async fn all(&self) -> Result<(i64, i64)>;
}

fn keys(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

on_every_engine! {
    async fn a_deleted_row_is_not_found_and_still_there(db) {
        db.tasks().insert_many(&[task("a", "Act"), task("b", "Be")]).await?;
        assert!(db.tasks().delete("a").await?);
        assert_eq!(db.tasks().find("a").await?, None);
        let left: Vec<String> = db.tasks().list().await?.into_iter().map(|task| task.task_id).collect();
        assert_eq!(left, ["b"]);
        assert_eq!(db.tasks().first(5).await?.len(), 1);
        assert_eq!(db.archive().all().await?, (2, 1));
    }

    async fn a_row_is_deleted_once(db) {
        db.tasks().insert(&task("a", "Act")).await?;
        assert!(db.tasks().delete("a").await?);
        assert!(!db.tasks().delete("a").await?);
        assert_eq!(db.tasks().take("a").await?, None);
        assert!(db.tasks().remove("a").await.unwrap_err().is_not_found());
    }

    async fn a_deletion_is_a_change_of_the_row(db) {
        let clock = Clock::set_to(noon());
        let db = db.with_clock(clock.clone());
        db.tasks().insert(&task("a", "Act")).await?;
        clock.advance(Duration::from_secs(1));
        let gone = db.tasks().take("a").await?.unwrap();
        let then = noon() + SignedDuration::from_secs(1);
        assert_eq!((gone.version, gone.updated_at, gone.deleted_at), (2, then, Some(then)));
    }

    async fn a_deleted_row_cannot_be_updated(db) {
        let act = db.tasks().insert(&task("a", "Act")).await?;
        db.tasks().delete("a").await?;
        assert!(db.tasks().update(&act).await.unwrap_err().is_not_found());
        assert_eq!(db.tasks().update_many(&[act]).await.unwrap_err().kind(), ErrorKind::Stale);
    }

    async fn an_update_cannot_delete_or_restore(db) {
        let act = db.tasks().insert(&task("a", "Act")).await?;
        let stored = db.tasks().update(&Task { deleted_at: Some(noon()), ..act }).await?;
        assert_eq!(stored.deleted_at, None);
    }

    async fn the_key_of_a_deleted_row_is_taken(db) {
        db.tasks().insert(&task("a", "Act")).await?;
        db.tasks().delete("a").await?;
        let error = db.tasks().insert(&task("a", "Again")).await.unwrap_err();
        assert!(error.violates(Task::PRIMARY_KEY), "{error}");
    }

    async fn an_upsert_revives(db) {
        db.tasks().insert_many(&[task("a", "Act"), task("b", "Be")]).await?;
        db.tasks().delete_many(&keys(&["a", "b"])).await?;
        let revived = db.tasks().upsert(&task("a", "Again")).await?;
        assert_eq!((revived.title.as_str(), revived.version, revived.deleted_at), ("Again", 3, None));
        db.tasks().upsert_many(&[task("b", "Be"), task("c", "See")]).await?;
        assert_eq!(db.tasks().list().await?.len(), 3);
        assert_eq!(db.archive().deleted().await?, 0);
    }

    async fn restore_brings_a_row_back_once(db) {
        db.tasks().insert(&task("a", "Act")).await?;
        assert!(!db.tasks().restore("a").await?, "it is not deleted");
        db.tasks().delete("a").await?;
        assert!(db.tasks().restore("a").await?);
        let back = db.tasks().find("a").await?.unwrap();
        assert_eq!((back.title.as_str(), back.version, back.deleted_at), ("Act", 3, None));
        assert!(!db.tasks().restore("a").await?);
        assert_eq!(db.tasks().bring_back("a").await?, None);
        db.tasks().delete("a").await?;
        assert_eq!(db.tasks().bring_back("a").await?.unwrap().version, 5);
    }

    async fn a_hard_delete_removes_rows_deleted_or_not(db) {
        db.tasks().insert_many(&[task("a", "Act"), task("b", "Be"), task("c", "See")]).await?;
        db.tasks().delete("a").await?;
        assert!(db.tasks().purge("a").await?);
        assert!(!db.tasks().purge("a").await?);
        db.tasks().delete("b").await?;
        assert_eq!(db.tasks().purge_many(&keys(&["b", "c", "d"])).await?, 2);
        assert_eq!(db.archive().all().await?, (0, 0));
    }

    async fn delete_many_marks_what_is_there(db) {
        db.tasks().insert_many(&[task("a", "Act"), task("b", "Be"), task("c", "See")]).await?;
        db.tasks().delete("b").await?;
        assert_eq!(db.tasks().delete_many(&keys(&["a", "b", "x"])).await?, 1);
        assert_eq!(db.archive().all().await?, (3, 2));
        let taken = db.tasks().take_many(&keys(&["c", "a"])).await?;
        assert_eq!(taken.len(), 1);
        assert!(taken[0].deleted_at.is_some());
    }
}
