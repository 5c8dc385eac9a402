//! The web layer: from requests to repositories and the use case, and from their answers to JSON. No SQL.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use shelfmark::{Db, Error, OnViolation as _};
use shelfmark_axum::{Json, Path, Problem, Query, RequestLimits, guarded, health_router};
use shelfmark_kv::Cache;

use crate::bodies::{CommentBody, PostBody, UserBody, refused};
use crate::domain::{Comment, FeedLine, Post, PostPage, User, UserPage};
use crate::publish::{PublishError, publish};
use crate::repository::{
    AuditLogExt as _, Comments as _, CommentsExt as _, Posts as _, PostsExt as _, TagsExt as _,
    Users as _, UsersExt as _,
};

/// The most posts that one `GET /posts` gives.
const MOST: i64 = 100;

/// The blog on `db`, whose feed is kept in `cache`.
pub fn router(db: &Db, cache: Cache) -> Router {
    let db = db.with_cache(cache.clone());
    let routes = Router::new()
        .route("/users", post(register))
        .route("/users/{id}", get(user))
        .route("/posts", get(recent).post(publish_post))
        .route("/posts/{id}", get(post_page))
        .route("/posts/{id}/comments", post(add_comment))
        .route("/feed", get(feed))
        .with_state(db.clone())
        .route("/cache", get(counts).with_state(cache))
        .merge(health_router(db));
    guarded(routes, RequestLimits::default())
}

/// 201, where the new thing is, and what it is.
type Created<T> = (StatusCode, [(HeaderName, String); 1], Json<T>);

fn created<T>(address: String, thing: T) -> Created<T> {
    let place = [(header::LOCATION, address)];
    (StatusCode::CREATED, place, Json(thing))
}

async fn register(
    State(db): State<Db>,
    Json(body): Json<UserBody>,
) -> Result<Created<User>, Problem> {
    let registered = db.users().register(&body.checked()?).await;
    let user = registered.on_violation(User::UNIQUE_EMAIL, || {
        Problem::conflict("somebody has registered with this e-mail address").with("field", "email")
    })?;
    Ok(created(format!("/users/{}", user.id), user))
}

async fn user(State(db): State<Db>, Path(id): Path<i64>) -> Result<Json<UserPage>, Problem> {
    let page = db.users().page(id).await?;
    page.map(Json)
        .ok_or_else(|| Problem::not_found(format!("there is no user {id}")))
}

async fn publish_post(
    State(db): State<Db>,
    Json(body): Json<PostBody>,
) -> Result<Created<Post>, Problem> {
    let (new, tags) = body.checked()?;
    let post = db
        .transaction(async |tx| publish(tx.posts(), tx.tags(), tx.audit_log(), &new, &tags).await)
        .await?;
    Ok(created(format!("/posts/{}", post.id), post))
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Problem {
        match error {
            PublishError::NoUser(_) => refused("user_id", "is no user's"),
            PublishError::Database(error) => error.into(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Recent {
    #[serde(default = "Recent::default_limit")]
    limit: i64,
}

impl Recent {
    fn default_limit() -> i64 {
        20
    }
}

async fn recent(
    State(db): State<Db>,
    Query(Recent { limit }): Query<Recent>,
) -> Result<Json<Vec<Post>>, Problem> {
    if !(1..=MOST).contains(&limit) {
        let reason = format!("must be from 1 to {MOST}");
        return Err(Problem::parameter("limit", reason));
    }
    Ok(Json(db.posts().find_recent(limit).await?))
}

async fn post_page(State(db): State<Db>, Path(id): Path<i64>) -> Result<Json<PostPage>, Problem> {
    let page = db.posts().page(id).await?;
    page.map(Json).ok_or_else(|| no_post(id))
}

async fn add_comment(
    State(db): State<Db>,
    Path(id): Path<i64>,
    Json(body): Json<CommentBody>,
) -> Result<(StatusCode, Json<Comment>), Problem> {
    let added = db.comments().add(&body.checked(id)?).await;
    let comment = added.map_err(|error: Error| {
        if error.violates(Comment::FOREIGN_KEY_POST_ID) {
            no_post(id)
        } else if error.violates(Comment::FOREIGN_KEY_USER_ID) {
            refused("user_id", "is no user's")
        } else {
            error.into()
        }
    })?;
    Ok((StatusCode::CREATED, Json(comment)))
}

fn no_post(id: i64) -> Problem {
    Problem::not_found(format!("there is no post {id}"))
}

async fn feed(State(db): State<Db>) -> Result<Json<Vec<FeedLine>>, Problem> {
    Ok(Json(db.posts().feed().await?))
}

/// What the cache of this instance has done since it was started.
#[derive(Debug, Serialize)]
struct Counts {
    hits: u64,
    misses: u64,
    hit_rate: f64,
    evicted: u64,
}

async fn counts(State(cache): State<Cache>) -> Json<Counts> {
    let stats = cache.stats();
    Json(Counts {
        hits: stats.hits,
        misses: stats.misses,
        hit_rate: stats.hit_rate(),
        evicted: stats.evicted,
    })
}
