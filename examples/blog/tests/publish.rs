//! Publishing is one transaction: all of it is there, or nothing.
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "tests fail by panicking; the names say what they hold"
)]

use std::collections::BTreeSet;

use blog::MIGRATIONS;
use blog::domain::{Action, AuditEntry, NewAuditEntry, NewPost, NewUser, Post, PostTag, Tag};
use blog::publish::{PublishError, publish};
use blog::repository::{
    AuditLog, AuditLogExt as _, Posts as _, PostsExt as _, Tags, TagsExt as _, Users as _,
    UsersExt as _,
};
use shelfmark::{Db, Error, ErrorKind, Result, Tx, sql};
use shelfmark_kv::Cache;
use tokio::sync::Notify;

/// Posts, tags, tags of posts and entries of the audit log.
async fn rows(db: &Db) -> Result<(i64, i64, i64, i64)> {
    db.fetch_one(sql!(
        "SELECT (SELECT count(*) FROM posts), (SELECT count(*) FROM tags),
                (SELECT count(*) FROM post_tags), (SELECT count(*) FROM audit_log)"
    ))
    .await
}

async fn ann(db: &Db) -> Result<i64> {
    let new = NewUser {
        email: "ann@example.org".to_owned(),
        name: "ann".to_owned(),
    };
    Ok(db.users().register(&new).await?.id)
}

fn post(user_id: i64) -> NewPost {
    NewPost {
        user_id,
        title: "tides".to_owned(),
        body: "twice a day".to_owned(),
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn published(db: &Db, new: &NewPost, tags: &[&str]) -> Result<Post, PublishError> {
    let tags = names(tags);
    db.transaction(async |tx| publish(tx.posts(), tx.tags(), tx.audit_log(), new, &tags).await)
        .await
}

#[shelfmark::test(migrations = MIGRATIONS, strict)]
async fn a_published_post_has_its_tags_and_an_entry_in_the_audit_log(
    db: Db,
) -> Result<(), PublishError> {
    let ann = ann(&db.lenient()).await?;
    let first = published(&db, &post(ann), &["sea", "moon"]).await?;
    let second = published(&db, &post(ann), &["moon", "sun"]).await?;
    assert_eq!(rows(&db).await?, (2, 3, 4, 2));
    let newest = db.audit_log().newest(1).await?;
    let [entry] = &newest[..] else {
        panic!("{newest:?}");
    };
    assert_eq!(
        (entry.user_id, entry.action, entry.post_id),
        (ann, Action::PostPublished, second.id)
    );
    assert!(first.id < second.id);
    Ok(())
}

/// What goes wrong, and where.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Author,
    NewTags,
    Links,
    AuditLog,
    /// The database refuses it, and not a fake.
    EmptyTag,
}

/// Repositories that fail at one place, and do elsewhere what those of the transaction do.
struct Failing<'a>(Fault, &'a Tx);

fn failure() -> Error {
    Error::new(ErrorKind::Connection)
}

impl Tags for Failing<'_> {
    async fn add_missing(&self, tags: &[Tag]) -> Result<u64> {
        match self.0 {
            Fault::NewTags => Err(failure()),
            _ => self.1.tags().add_missing(tags).await,
        }
    }
    async fn link(&self, links: &[PostTag]) -> Result<u64> {
        match self.0 {
            Fault::Links => Err(failure()),
            _ => self.1.tags().link(links).await,
        }
    }
}

impl AuditLog for Failing<'_> {
    async fn write(&self, entry: &NewAuditEntry) -> Result<AuditEntry> {
        match self.0 {
            Fault::AuditLog => Err(failure()),
            _ => self.1.audit_log().write(entry).await,
        }
    }
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_failure_at_any_step_leaves_nothing_behind(db: Db) -> Result<(), PublishError> {
    let cache = Cache::in_process();
    let db = db.with_cache(cache.clone());
    let ann = ann(&db).await?;
    published(&db, &post(ann), &["sea"]).await?;
    let before = (rows(&db).await?, db.posts().feed().await?);
    let evicted = cache.stats().evicted;
    for (fault, kind) in [
        (Fault::Author, None),
        (Fault::NewTags, Some(ErrorKind::Connection)),
        (Fault::Links, Some(ErrorKind::Connection)),
        (Fault::AuditLog, Some(ErrorKind::Connection)),
        (Fault::EmptyTag, Some(ErrorKind::Check)),
    ] {
        let new = post(match fault {
            Fault::Author => ann + 1,
            _ => ann,
        });
        let tags = names(match fault {
            Fault::EmptyTag => &["", "moon"],
            _ => &["moon", "sea"],
        });
        let refused = db
            .transaction(async |tx| {
                let failing = Failing(fault, &tx);
                publish(tx.posts(), &failing, &failing, &new, &tags).await
            })
            .await;
        match (refused, kind) {
            (Err(PublishError::NoUser(user)), None) => assert_eq!(user, ann + 1),
            (Err(PublishError::Database(error)), Some(kind)) => assert_eq!(error.kind(), kind),
            other => panic!("{fault:?}: {other:?}"),
        }
        let after = (rows(&db).await?, db.posts().feed().await?);
        assert_eq!(after, before, "{fault:?}");
    }
    assert_eq!(cache.stats().evicted, evicted, "the feed was not dropped");
    published(&db, &post(ann), &["moon", "sea"]).await?;
    assert_eq!(rows(&db).await?, (2, 2, 3, 2));
    assert_eq!(db.posts().feed().await?.len(), 2);
    Ok(())
}

/// An audit log that says when it is asked, and never answers.
struct Silent<'a>(&'a Notify);

impl AuditLog for Silent<'_> {
    async fn write(&self, _: &NewAuditEntry) -> Result<AuditEntry> {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_client_who_goes_away_half_way_leaves_nothing_behind(db: Db) -> Result<(), PublishError> {
    let ann = ann(&db).await?;
    let (asked, tags, new) = (Notify::new(), names(&["sea"]), post(ann));
    let publishing = db
        .transaction(async |tx| publish(tx.posts(), tx.tags(), &Silent(&asked), &new, &tags).await);
    tokio::select! {
        ended = publishing => panic!("{ended:?}"),
        () = asked.notified() => {}
    }
    assert_eq!(rows(&db).await?, (0, 0, 0, 0));
    published(&db, &new, &["sea"]).await?;
    assert_eq!(rows(&db).await?, (1, 1, 1, 1));
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS, flavor = "multi_thread")]
async fn posts_with_the_same_new_tags_wait_for_each_other(db: Db) -> Result<(), PublishError> {
    let new = post(ann(&db).await?);
    for round in 0..20 {
        let [a, b, c] = ["a", "b", "c"].map(|letter| format!("{round}{letter}"));
        let (up, down) = ([&*a, &*b, &*c], [&*c, &*b, &*a]);
        tokio::try_join!(
            published(&db, &new, &up),
            published(&db, &new, &down),
            published(&db, &new, &up)
        )?;
    }
    assert_eq!(rows(&db).await?, (60, 60, 180, 60));
    Ok(())
}
