//! The use case that writes to several tables. It takes repositories; that they stand on a transaction is its caller's
//! concern.

use std::collections::BTreeSet;

use shelfmark::{Error, OnViolation as _};
use thiserror::Error as DomainError;

use crate::domain::{Action, NewAuditEntry, NewPost, Post, PostTag, Tag};
use crate::repository::{AuditLog, Posts, Tags};

/// Why a post is not published.
#[derive(Debug, DomainError)]
pub enum PublishError {
    /// Who has written it is not registered.
    #[error("there is no user {0}")]
    NoUser(i64),
    /// The repositories failed.
    #[error(transparent)]
    Database(#[from] Error),
}

/// Publishes a post: adds it with its tags, and writes down that it was done. Call it inside of a transaction.
///
/// The tags are in order, so that two posts with the same new tags wait for each other instead of deadlocking.
///
/// # Errors
/// `NoUser` when the author is not there; `Database` with what a statement failed with.
///
/// # Cancel safety
/// That of the transaction: nothing is left behind.
pub async fn publish(
    posts: &impl Posts,
    tags: &impl Tags,
    audit_log: &impl AuditLog,
    new: &NewPost,
    names: &BTreeSet<String>,
) -> Result<Post, PublishError> {
    let post = posts
        .add(new)
        .await
        .on_violation(Post::FOREIGN_KEY_USER_ID, || {
            PublishError::NoUser(new.user_id)
        })?;
    let all: Vec<Tag> = names.iter().cloned().map(|name| Tag { name }).collect();
    tags.add_missing(&all).await?;
    let links: Vec<PostTag> = names
        .iter()
        .cloned()
        .map(|tag| PostTag {
            post_id: post.id,
            tag,
        })
        .collect();
    tags.link(&links).await?;
    let entry = NewAuditEntry {
        user_id: new.user_id,
        action: Action::PostPublished,
        post_id: post.id,
    };
    audit_log.write(&entry).await?;
    Ok(post)
}
