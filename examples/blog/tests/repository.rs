//! The repositories, on every engine.
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "tests fail by panicking; the names say what they hold"
)]

use blog::MIGRATIONS;
use blog::domain::{NewComment, NewPost, NewUser, Post, PostTag, Tag, User};
use blog::repository::{
    Comments as _, CommentsExt as _, Posts as _, PostsExt as _, Tags as _, TagsExt as _,
    Users as _, UsersExt as _,
};
use jiff::Timestamp;
use shelfmark::{Clock, Db, ErrorKind, Result, assert_statements};

async fn registered(db: &Db, name: &str) -> Result<User> {
    let new = NewUser {
        email: format!("{name}@example.org"),
        name: name.to_owned(),
    };
    db.users().register(&new).await
}

async fn written(db: &Db, user: &User, title: &str) -> Result<Post> {
    let new = NewPost {
        user_id: user.id,
        title: title.to_owned(),
        body: "…".to_owned(),
    };
    db.posts().add(&new).await
}

fn titles(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| post.title.as_str()).collect()
}

/// `db` at a second of some day.
fn at(db: &Db, second: i64) -> Db {
    let time = Timestamp::from_second(1_800_000_000 + second).expect("a time");
    db.with_clock(Clock::set_to(time))
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn recent_posts_are_the_newest_first_and_no_more_than_asked_for(db: Db) -> Result<()> {
    assert_eq!(db.posts().find_recent(5).await?, []);
    let ann = registered(&db, "ann").await?;
    for (title, second) in [("b", 2), ("a", 1), ("d", 3), ("c", 2)] {
        written(&at(&db, second), &ann, title).await?;
    }
    let recent = db.posts().find_recent(5).await?;
    assert_eq!(titles(&recent), ["d", "c", "b", "a"]);
    let recent = db.posts().find_recent(2).await?;
    assert_eq!(titles(&recent), ["d", "c"]);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_user_comes_with_all_posts_in_two_statements(db: Db) -> Result<()> {
    let ann = registered(&db, "ann").await?;
    let bob = registered(&db, "bob").await?;
    for second in 0..30 {
        written(&at(&db, second), &ann, &second.to_string()).await?;
    }
    written(&db, &bob, "of bob").await?;
    let page = assert_statements!(db, 2, db.users().page(ann.id))?.expect("she is there");
    assert_eq!(page.user, ann);
    let newest_first: Vec<String> = (0..30).rev().map(|second| second.to_string()).collect();
    assert_eq!(titles(&page.posts), newest_first);
    assert_eq!(db.users().page(ann.id + bob.id).await?, None);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_post_comes_with_everything_in_five_statements(db: Db) -> Result<()> {
    let ann = registered(&db, "ann").await?;
    let bob = registered(&db, "bob").await?;
    let post = written(&db, &ann, "tides").await?;
    let tag = |name: &str| Tag {
        name: name.to_owned(),
    };
    db.tags().add_missing(&[tag("sea"), tag("moon")]).await?;
    let link = |tag: &str| PostTag {
        post_id: post.id,
        tag: tag.to_owned(),
    };
    db.tags().link(&[link("sea"), link("moon")]).await?;
    for second in 0..20 {
        let new = NewComment {
            post_id: post.id,
            user_id: if second % 2 == 0 { bob.id } else { ann.id },
            text: second.to_string(),
        };
        at(&db, second).comments().add(&new).await?;
    }
    let page = assert_statements!(db, 5, db.posts().page(post.id))?.expect("it is there");
    assert_eq!((&page.post, &page.author), (&post, &ann));
    assert_eq!(page.tags, [tag("moon"), tag("sea")]);
    let comments = page.comments.iter().map(|signed| &signed.comment.text);
    assert!(comments.eq(&(0..20).map(|second| second.to_string()).collect::<Vec<_>>()));
    let authors = page.comments.iter().map(|signed| &signed.author);
    assert!(authors.eq([&bob, &ann].into_iter().cycle().take(20)));
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn an_email_address_is_registered_once(db: Db) -> Result<()> {
    registered(&db, "ann").await?;
    let again = registered(&db, "ann").await.expect_err("it is taken");
    assert_eq!(again.kind(), ErrorKind::Unique);
    assert!(again.violates(User::UNIQUE_EMAIL), "{again}");
    assert!(!format!("{again:?}").contains("ann@"), "{again:?}");
    Ok(())
}
