//! What clients send, and which texts are accepted in it.

use std::collections::BTreeSet;

use serde::Deserialize;
use shelfmark_axum::Problem;

use crate::domain::{NewComment, NewPost, NewUser};

/// How many tags a post may have.
const TAGS: usize = 10;

/// The body of `POST /users`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserBody {
    email: String,
    name: String,
}

impl UserBody {
    /// The user to be registered.
    ///
    /// # Errors
    /// 422 that names the field.
    pub(crate) fn checked(self) -> Result<NewUser, Problem> {
        let email = filled("email", &self.email, 254)?.to_lowercase();
        let parts = email.split_once('@');
        let fits = parts.is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        });
        if !fits || email.contains(char::is_whitespace) {
            return Err(refused("email", "is no e-mail address"));
        }
        Ok(NewUser {
            email,
            name: filled("name", &self.name, 100)?,
        })
    }
}

/// The body of `POST /posts`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostBody {
    user_id: i64,
    title: String,
    body: String,
    #[serde(default)]
    tags: Vec<String>,
}

impl PostBody {
    /// The post to be published, and the names of its tags: in lower case, each once.
    ///
    /// # Errors
    /// 422 that names the field.
    pub(crate) fn checked(self) -> Result<(NewPost, BTreeSet<String>), Problem> {
        let tags = self.tags.iter();
        let tags = tags
            .map(|tag| Ok(filled("tags", tag, 40)?.to_lowercase()))
            .collect::<Result<BTreeSet<_>, Problem>>()?;
        if tags.len() > TAGS {
            return Err(refused("tags", &format!("has more than {TAGS} words")));
        }
        let post = NewPost {
            user_id: self.user_id,
            title: filled("title", &self.title, 200)?,
            body: filled("body", &self.body, 100_000)?,
        };
        Ok((post, tags))
    }
}

/// The body of `POST /posts/{id}/comments`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentBody {
    user_id: i64,
    text: String,
}

impl CommentBody {
    /// The comment to be added to a post.
    ///
    /// # Errors
    /// 422 that names the field.
    pub(crate) fn checked(self, post_id: i64) -> Result<NewComment, Problem> {
        Ok(NewComment {
            post_id,
            user_id: self.user_id,
            text: filled("text", &self.text, 5_000)?,
        })
    }
}

/// 422: `field` holds what is not accepted.
pub(crate) fn refused(field: &str, reason: &str) -> Problem {
    Problem::unprocessable(format!("`{field}` {reason}")).with("field", field)
}

/// The text without the white space around it; at least one character, and `most` at most.
fn filled(field: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(refused(field, "must not be empty"));
    }
    if text.contains('\0') {
        return Err(refused(field, "contains a NUL character"));
    }
    if text.chars().count() > most {
        let reason = format!("is longer than {most} characters");
        return Err(refused(field, &reason));
    }
    Ok(text.to_owned())
}
