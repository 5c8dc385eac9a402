//! `#[created_at]` and `#[updated_at]`: times that come from the clock of the `Db`.

use std::time::Duration;

use conformance::on_every_engine;
use jiff::{SignedDuration, Timestamp};
use shelfmark::prelude::*;

use crate::records::*;

const SECOND: Duration = Duration::from_secs(1);

on_every_engine! {
    async fn a_new_row_has_the_time_of_the_clock(db) {
        let db = db.with_clock(Clock::set_to(noon()));
        let atlas = db.documents().insert(&document("a", "Atlas")).await?;
        assert_eq!((atlas.created_at, atlas.updated_at), (noon(), noon()));
        assert_eq!(db.documents().get("a").await?, atlas);
    }

    async fn the_rows_of_many_have_one_time(db) {
        let db = db.with_clock(Clock::set_to(noon()));
        let all = db.documents().insert_all(&[document("a", "Atlas"), document("b", "Bible")]).await?;
        for stored in all {
            assert_eq!((stored.created_at, stored.updated_at), (noon(), noon()));
        }
    }

    async fn an_update_moves_the_time_of_the_change_only(db) {
        let clock = Clock::set_to(noon());
        let db = db.with_clock(clock.clone());
        let atlas = db.documents().insert(&document("a", "Atlas")).await?;
        clock.advance(SECOND);
        let later = noon() + SignedDuration::from_secs(1);
        let forged = Document { created_at: Timestamp::UNIX_EPOCH, updated_at: Timestamp::UNIX_EPOCH, ..atlas };
        let stored = db.documents().update(&forged).await?;
        assert_eq!((stored.created_at, stored.updated_at), (noon(), later));
        clock.advance(SECOND);
        db.documents().update_many(&[stored]).await?;
        let stored = db.documents().get("a").await?;
        assert_eq!((stored.created_at, stored.updated_at), (noon(), later + SignedDuration::from_secs(1)));
    }

    async fn an_upsert_keeps_the_time_of_the_creation(db) {
        let clock = Clock::set_to(noon());
        let db = db.with_clock(clock.clone());
        db.documents().upsert(&document("a", "Atlas")).await?;
        clock.advance(SECOND);
        let later = noon() + SignedDuration::from_secs(1);
        let stored = db.documents().upsert(&document("a", "Atlas")).await?;
        assert_eq!((stored.created_at, stored.updated_at), (noon(), later));
        clock.advance(SECOND);
        let stored = db.documents().upsert_all(&[document("a", "Atlas")]).await?;
        assert_eq!((stored[0].created_at, stored[0].version), (noon(), 3));
    }

    async fn an_import_brings_its_own_times_and_version(db) {
        let before = noon() - SignedDuration::from_hours(24);
        let old = OldDocument {
            document_id: "a".into(),
            title: "Atlas".into(),
            pages: 1,
            version: 7,
            created_at: before,
            updated_at: noon(),
        };
        let stored = db.documents().import(&old).await?;
        assert_eq!((stored.version, stored.created_at, stored.updated_at), (7, before, noon()));
        let again = OldDocument { version: 3, created_at: noon(), updated_at: before, ..old };
        let stored = db.documents().import_again(&again).await?;
        assert_eq!((stored.version, stored.created_at, stored.updated_at), (8, before, before));
    }

    async fn a_transaction_has_the_clock_of_its_db(db) {
        let db = db.with_clock(Clock::set_to(noon()));
        let (outer, inner) = db.transaction(async |tx| {
            let outer = tx.documents().insert(&document("a", "Atlas")).await?;
            let inner = tx.savepoint(async |inner| inner.documents().insert(&document("b", "Bible")).await).await?;
            Ok::<_, Error>((outer, inner))
        }).await?;
        assert_eq!((outer.created_at, inner.created_at), (noon(), noon()));
    }

    async fn another_handle_keeps_its_clock(db) {
        let set = db.with_clock(Clock::set_to(noon()));
        assert_eq!(set.documents().insert(&document("a", "Atlas")).await?.created_at, noon());
        let begun = Clock::system().now();
        let stored = db.documents().insert(&document("b", "Bible")).await?;
        assert!(stored.created_at >= begun && stored.created_at <= Clock::system().now());
    }

    async fn a_deletion_has_the_time_of_the_clock(db) {
        let db = db.with_clock(Clock::set_to(noon()));
        db.tasks().insert(&task("a", "Act")).await?;
        assert_eq!(db.tasks().take("a").await?.unwrap().deleted_at, Some(noon()));
    }
}
