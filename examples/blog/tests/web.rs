//! The web layer, over HTTP.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; the names say what they hold"
)]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use blog::{MIGRATIONS, web};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shelfmark::{Db, sql};
use shelfmark_kv::{Cache, Kv, KvConfig};
use tower::ServiceExt as _;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The blog, as a client sees it.
struct Blog(Router);

impl Blog {
    fn on(db: &Db) -> Blog {
        Blog(web::router(db, Cache::in_process()))
    }

    async fn ask(&self, request: Request<Body>) -> Result<(StatusCode, Value)> {
        let answer = self.0.clone().oneshot(request).await?;
        let status = answer.status();
        let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
        let expected = match status.is_success() {
            true => "application/json",
            false => "application/problem+json",
        };
        assert_eq!(kind.ok_or("no content type")?, expected);
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body)?))
    }

    async fn get(&self, path: &str) -> Result<(StatusCode, Value)> {
        self.ask(Request::get(path).body(Body::empty())?).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.ask(request.body(body.to_string().into())?).await
    }

    /// Registers somebody; the key.
    async fn register(&self, name: &str) -> Result<i64> {
        let body = json!({"email": format!("{name}@example.org"), "name": name});
        let (status, user) = self.post("/users", &body).await?;
        assert_eq!(status, StatusCode::CREATED, "{user}");
        Ok(user["id"].as_i64().ok_or("no id")?)
    }

    /// Publishes something; the key.
    async fn publish(&self, user_id: i64, title: &str, tags: &[&str]) -> Result<i64> {
        let body = json!({"user_id": user_id, "title": title, "body": "…", "tags": tags});
        let (status, post) = self.post("/posts", &body).await?;
        assert_eq!(status, StatusCode::CREATED, "{post}");
        Ok(post["id"].as_i64().ok_or("no id")?)
    }

    /// The titles of a list.
    async fn titles(&self, path: &str) -> Result<Vec<Value>> {
        let (status, list) = self.get(path).await?;
        assert_eq!(status, StatusCode::OK, "{list}");
        let list = list.as_array().ok_or("no list")?;
        Ok(list.iter().map(|one| one["title"].clone()).collect())
    }
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn an_email_address_that_is_taken_is_a_409(db: Db) -> Result {
    let blog = Blog::on(&db);
    let id = blog.register("ann").await?;
    let again = json!({"email": " ANN@example.org", "name": "another"});
    let (status, problem) = blog.post("/users", &again).await?;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(
        problem,
        json!({
            "type": "about:blank", "title": "Conflict", "status": 409, "field": "email",
            "detail": "somebody has registered with this e-mail address"
        })
    );
    let (status, ann) = blog.get(&format!("/users/{id}")).await?;
    assert_eq!(status, StatusCode::OK);
    let expected = json!({"id": id, "name": "ann", "created_at": ann["created_at"], "posts": []});
    assert_eq!(ann, expected, "her address is told to nobody");
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn a_post_is_published_read_and_commented(db: Db) -> Result {
    let blog = Blog::on(&db);
    let (ann, bob) = (blog.register("ann").await?, blog.register("bob").await?);
    let post = blog
        .publish(ann, " Tides ", &["Sea", "moon", "sea"])
        .await?;
    let place = format!("/posts/{post}");
    let comments = format!("{place}/comments");
    let (status, comment) = blog
        .post(&comments, &json!({"user_id": bob, "text": "Twice a day!"}))
        .await?;
    assert_eq!(status, StatusCode::CREATED);
    let (status, page) = blog.get(&place).await?;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        page,
        json!({
            "id": post, "user_id": ann, "title": "Tides", "body": "…", "published_at": page["published_at"],
            "author": {"id": ann, "name": "ann", "created_at": page["author"]["created_at"]},
            "tags": ["moon", "sea"],
            "comments": [{
                "id": comment["id"], "post_id": post, "user_id": bob, "text": "Twice a day!",
                "created_at": comment["created_at"],
                "author": {"id": bob, "name": "bob", "created_at": page["comments"][0]["author"]["created_at"]}
            }]
        })
    );
    let (_, ann) = blog.get(&format!("/users/{ann}")).await?;
    assert_eq!(ann["posts"][0]["title"], "Tides");
    assert_eq!(ann["posts"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn what_refers_to_nothing_is_named(db: Db) -> Result {
    let blog = Blog::on(&db);
    let ann = blog.register("ann").await?;
    let post = blog.publish(ann, "Tides", &[]).await?;
    for path in ["/users/77", "/posts/77", "/nowhere"] {
        assert_eq!(blog.get(path).await?.0, StatusCode::NOT_FOUND, "{path}");
    }
    let comment = json!({"user_id": ann, "text": "!"});
    let (status, problem) = blog.post("/posts/77/comments", &comment).await?;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(problem["detail"], "there is no post 77");
    let unknown = json!({"user_id": 77, "title": "Tides", "body": "…", "text": "!"});
    let without = |field: &str| {
        let mut body = unknown.clone();
        body.as_object_mut().map(|fields| fields.remove(field));
        body
    };
    let commented = format!("/posts/{post}/comments");
    let comment = json!({"user_id": 77, "text": "!"});
    for (path, body) in [("/posts", without("text")), (&commented, comment)] {
        let (status, problem) = blog.post(path, &body).await?;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(problem["field"], "user_id", "{path}");
    }
    assert_eq!(blog.titles("/posts").await?, ["Tides"]);
    Ok(())
}

#[tokio::test]
async fn what_is_not_accepted_is_a_422_that_names_the_field() -> Result {
    let db = Db::memory().await?;
    db.migrate(MIGRATIONS).await?;
    let blog = Blog::on(&db);
    let ann = blog.register("ann").await?;
    let user = |email: &str, name: &str| json!({"email": email, "name": name});
    let post = |title: &str, tags: Value| json!({"user_id": ann, "title": title, "body": "…", "tags": tags});
    let eleven: Vec<String> = (0..11).map(|tag| tag.to_string()).collect();
    for (path, body, field) in [
        ("/users", user("", "bob"), "email"),
        ("/users", user("bob", "bob"), "email"),
        ("/users", user("@example.org", "bob"), "email"),
        ("/users", user("bob@", "bob"), "email"),
        ("/users", user("b@b@b", "bob"), "email"),
        ("/users", user("bob of@example.org", "bob"), "email"),
        ("/users", user("bob@example.org", " \n"), "name"),
        ("/users", user("bob@example.org", &"b".repeat(101)), "name"),
        ("/users", user("bob@example.org", "b\0b"), "name"),
        ("/users", json!({"email": "bob@example.org"}), "name"),
        ("/posts", post("", json!([])), "title"),
        ("/posts", post("t", json!([""])), "tags"),
        ("/posts", post("t", json!(eleven)), "tags"),
        ("/posts", post("t", json!("sea")), "tags"),
        (
            "/posts/1/comments",
            json!({"user_id": ann, "text": ""}),
            "text",
        ),
    ] {
        let (status, problem) = blog.post(path, &body).await?;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {problem}"
        );
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    let there: i64 = db.fetch_one(sql!("SELECT count(*) FROM users")).await?;
    assert_eq!(there, 1);
    assert_eq!(blog.titles("/posts").await?.len(), 0);
    Ok(())
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn recent_posts_have_a_limit_within_bounds(db: Db) -> Result {
    let blog = Blog::on(&db);
    let ann = blog.register("ann").await?;
    for title in 0..25 {
        blog.publish(ann, &title.to_string(), &[]).await?;
    }
    assert_eq!(blog.titles("/posts").await?.len(), 20);
    assert_eq!(blog.titles("/posts?limit=2").await?, ["24", "23"]);
    assert_eq!(blog.titles("/posts?limit=100").await?.len(), 25);
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=ten",
        "limit=",
        "limit=1&limit=2",
        "most=1",
    ] {
        let (status, problem) = blog.get(&format!("/posts?{query}")).await?;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        let parameter = query.split('=').next().expect("a name");
        assert_eq!(problem["parameter"], parameter, "{query}: {problem}");
    }
    Ok(())
}

/// The feed as it is read and published to, with a cache of which nothing has been asked yet.
async fn feed_is_read_once_until_a_post_is_published(blog: &Blog) -> Result {
    let hits = async || blog.get("/cache").await.map(|(_, counts)| counts);
    let ann = blog.register("ann").await?;
    blog.publish(ann, "first", &[]).await?;
    assert_eq!(blog.titles("/feed").await?, ["first"]);
    assert_eq!(hits().await?["hits"], 0);
    for _ in 0..3 {
        assert_eq!(blog.titles("/feed").await?, ["first"]);
    }
    let counts = hits().await?;
    assert_eq!((&counts["hits"], &counts["misses"]), (&json!(3), &json!(1)));
    assert_eq!(counts["hit_rate"], 0.75);

    blog.publish(ann, "second", &["sea"]).await?;
    assert_eq!(blog.titles("/feed").await?, ["second", "first"]);
    let counts = hits().await?;
    assert_eq!((&counts["hits"], &counts["misses"]), (&json!(3), &json!(2)));

    // What is refused drops nothing.
    let refused = json!({"user_id": 77, "title": "third", "body": "…"});
    assert_eq!(
        blog.post("/posts", &refused).await?.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let (_, feed) = blog.get("/feed").await?;
    assert_eq!(hits().await?["hits"], 4);
    assert_eq!(
        feed[0],
        json!({"id": feed[0]["id"], "title": "second", "author": "ann", "published_at": feed[0]["published_at"]})
    );
    Ok(())
}

// On PostgreSQL with a cache in process nothing is kept before the connection listens that brings evictions; the test of the
// program shows it there.
#[shelfmark::test(migrations = MIGRATIONS, engines(memory, sqlite))]
async fn the_feed_is_read_once_until_a_post_is_published(db: Db) -> Result {
    feed_is_read_once_until_a_post_is_published(&Blog::on(&db)).await
}

#[shelfmark::test(migrations = MIGRATIONS)]
async fn the_feed_is_kept_on_redis(db: Db) -> Result {
    let config = KvConfig::from_url(&test_redis::shared_url()?)?;
    let own = format!("{:p}-{}:", &config, std::process::id());
    let kv = Kv::connect(config).await?.prefixed(&own);
    let blog = Blog(web::router(&db, Cache::on(&kv)));
    feed_is_read_once_until_a_post_is_published(&blog).await
}
