//! What the blog talks of: its tables as types, and what they are read into together.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

/// Somebody who writes.
#[derive(Entity, Clone, Debug, PartialEq, Serialize)]
#[entity(table = "users")]
pub struct User {
    /// The key.
    #[id(generated)]
    pub id: i64,
    /// In lower case. It is told to nobody.
    #[unique]
    #[serde(skip_serializing)]
    pub email: String,
    /// What readers see.
    pub name: String,
    /// When they registered.
    #[created_at]
    pub created_at: Timestamp,
}

/// A user to be registered.
#[derive(Insert, Clone, Debug)]
#[insert(User)]
pub struct NewUser {
    /// In lower case.
    pub email: String,
    /// What readers see.
    pub name: String,
}

/// What somebody has written.
#[derive(Entity, Clone, Debug, PartialEq, Serialize)]
#[entity(table = "posts")]
pub struct Post {
    /// The key.
    #[id(generated)]
    pub id: i64,
    /// Who has written it.
    #[belongs_to(User)]
    pub user_id: i64,
    /// One line.
    pub title: String,
    /// Many lines.
    pub body: String,
    /// Since when it can be read.
    #[created_at]
    pub published_at: Timestamp,
}

/// A post to be published.
#[derive(Insert, Clone, Debug)]
#[insert(Post)]
pub struct NewPost {
    /// Who has written it.
    pub user_id: i64,
    /// One line.
    pub title: String,
    /// Many lines.
    pub body: String,
}

/// A word that posts are found by; in JSON it is that word.
#[derive(Entity, Insert, Clone, Debug, PartialEq, Serialize)]
#[entity(table = "tags")]
#[insert(Tag)]
#[serde(transparent)]
pub struct Tag {
    /// The word.
    #[id]
    pub name: String,
}

/// That a post has a tag.
#[derive(Entity, Insert, Clone, Debug)]
#[entity(table = "post_tags", key = (post_id, tag))]
#[insert(PostTag)]
pub struct PostTag {
    /// The post.
    #[belongs_to(Post)]
    pub post_id: i64,
    /// The tag.
    #[belongs_to(Tag)]
    pub tag: String,
}

/// What somebody says to a post.
#[derive(Entity, Clone, Debug, PartialEq, Serialize)]
#[entity(table = "comments")]
pub struct Comment {
    /// The key.
    #[id(generated)]
    pub id: i64,
    /// The post.
    #[belongs_to(Post)]
    pub post_id: i64,
    /// Who says it.
    #[belongs_to(User)]
    pub user_id: i64,
    /// What they say.
    pub text: String,
    /// When they said it.
    #[created_at]
    pub created_at: Timestamp,
}

/// A comment to be added.
#[derive(Insert, Clone, Debug)]
#[insert(Comment)]
pub struct NewComment {
    /// The post.
    pub post_id: i64,
    /// Who says it.
    pub user_id: i64,
    /// What they say.
    pub text: String,
}

/// What is written down in the audit log.
#[derive(Value, Clone, Copy, Debug, PartialEq, Eq)]
#[value(rename_all = "kebab-case")]
pub enum Action {
    /// A post was published.
    PostPublished,
}

/// That somebody has done something.
#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "audit_log")]
pub struct AuditEntry {
    /// The key.
    #[id(generated)]
    pub id: i64,
    /// When.
    #[created_at]
    pub at: Timestamp,
    /// Who.
    pub user_id: i64,
    /// What.
    pub action: Action,
    /// To which post.
    pub post_id: i64,
}

/// An entry to be written.
#[derive(Insert, Clone, Debug)]
#[insert(AuditEntry)]
pub struct NewAuditEntry {
    /// Who.
    pub user_id: i64,
    /// What.
    pub action: Action,
    /// To which post.
    pub post_id: i64,
}

/// A user with all of their posts: two statements, however many posts there are.
#[derive(View, Clone, Debug, PartialEq, Serialize)]
pub struct UserPage {
    /// The user.
    #[view(root)]
    #[serde(flatten)]
    pub user: User,
    /// Their posts, newest first.
    #[view(many, order = "-published_at, -id")]
    pub posts: Vec<Post>,
}

/// A post with all that is shown beside it: five statements, however many comments there are.
#[derive(View, Clone, Debug, PartialEq, Serialize)]
pub struct PostPage {
    /// The post.
    #[view(root)]
    #[serde(flatten)]
    pub post: Post,
    /// Who has written it.
    #[view(one)]
    pub author: User,
    /// Its tags, by name.
    #[view(many, through = PostTag, order = "name")]
    pub tags: Vec<Tag>,
    /// What is said to it, oldest first.
    #[view(many, order = "created_at, id")]
    pub comments: Vec<SignedComment>,
}

/// A comment with whoever says it.
#[derive(View, Clone, Debug, PartialEq, Serialize)]
pub struct SignedComment {
    /// The comment.
    #[view(root)]
    #[serde(flatten)]
    pub comment: Comment,
    /// Who says it.
    #[view(one)]
    pub author: User,
}

/// A line of the feed.
#[derive(FromRow, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedLine {
    /// The post's key.
    pub id: i64,
    /// Its title.
    pub title: String,
    /// The name of who has written it.
    pub author: String,
    /// Since when it can be read.
    pub published_at: Timestamp,
}
