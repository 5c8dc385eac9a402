//! Where all of it is kept. The only place with SQL.

use shelfmark::prelude::*;

use crate::domain::{
    AuditEntry, Comment, FeedLine, NewAuditEntry, NewComment, NewPost, NewUser, Post, PostPage,
    PostTag, Tag, User, UserPage,
};

/// Who writes.
#[repository(entity = User)]
pub trait Users {
    /// Registers a user.
    #[insert]
    async fn register(&self, new: &NewUser) -> Result<User>;

    /// A user with all of their posts.
    #[query("SELECT {*} FROM users WHERE id = :id")]
    async fn page(&self, id: i64) -> Result<Option<UserPage>>;
}

/// What they write.
#[repository(entity = Post)]
pub trait Posts {
    /// Adds a post; the feed is read again once it is committed.
    #[insert]
    #[evicts(key = "feed")]
    async fn add(&self, new: &NewPost) -> Result<Post>;

    /// The newest posts, newest first.
    #[query("SELECT {*} FROM posts ORDER BY published_at DESC, id DESC LIMIT :limit")]
    async fn find_recent(&self, limit: i64) -> Result<Vec<Post>>;

    /// A post with its author, tags and comments.
    #[query("SELECT {*} FROM posts WHERE id = :id")]
    async fn page(&self, id: i64) -> Result<Option<PostPage>>;

    /// The twenty newest posts, as they were five minutes ago at most, and with every post that was published since.
    #[cached(key = "feed", ttl = "5m")]
    #[query(
        "SELECT p.id, p.title, u.name AS author, p.published_at
         FROM posts AS p JOIN users AS u ON u.id = p.user_id
         ORDER BY p.published_at DESC, p.id DESC LIMIT 20"
    )]
    async fn feed(&self) -> Result<Vec<FeedLine>>;
}

/// What posts are found by.
#[repository(entity = Tag)]
pub trait Tags {
    /// Adds those that are not there yet.
    #[insert_many(on_conflict = "ignore")]
    async fn add_missing(&self, tags: &[Tag]) -> Result<u64>;

    /// Gives posts their tags.
    #[insert_many]
    async fn link(&self, links: &[PostTag]) -> Result<u64>;
}

/// What is said to posts.
#[repository(entity = Comment)]
pub trait Comments {
    /// Adds a comment.
    #[insert]
    async fn add(&self, new: &NewComment) -> Result<Comment>;
}

/// Who has done what.
#[repository(entity = AuditEntry)]
pub trait AuditLog {
    /// Writes down what is done.
    #[insert]
    async fn write(&self, entry: &NewAuditEntry) -> Result<AuditEntry>;

    /// The newest entries, newest first.
    #[query("SELECT {*} FROM audit_log ORDER BY id DESC LIMIT :limit")]
    async fn newest(&self, limit: i64) -> Result<Vec<AuditEntry>>;
}
