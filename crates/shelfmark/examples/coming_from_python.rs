//! What README.md shows to those who come from Python: psycopg2, SQLAlchemy and redis-py, each beside the same thing here.
//! Runs on `memory:` and in process, or where DATABASE_URL and REDIS_URL say.

use std::time::Duration;

use shelfmark::DatabaseConfig;
use shelfmark::prelude::*;
use shelfmark_kv::{
    Cache, Counters as _, Event, Hashes as _, Kv, Lists as _, Locks as _, PubSub as _, Strings as _,
};

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "authors")]
struct Author {
    #[id(generated)]
    id: i64,
    #[unique]
    name: String,
}

#[derive(Entity, Clone, Debug, PartialEq)]
#[entity(table = "posts")]
struct Post {
    #[id(generated)]
    id: i64,
    #[belongs_to(Author)]
    author_id: i64,
    title: String,
    year: i32,
}

#[derive(Insert)]
#[insert(Author)]
struct NewAuthor {
    name: String,
}

#[derive(Insert)]
#[insert(Post)]
struct NewPost {
    author_id: i64,
    title: String,
    year: i32,
}

#[derive(View, Debug)]
struct AuthorWithPosts {
    #[view(root)]
    author: Author,
    #[view(many, order = "year")]
    posts: Vec<Post>,
}

#[repository(entity = Author)]
trait Authors {
    #[insert]
    async fn add(&self, new: &NewAuthor) -> Result<Author>;

    #[query("SELECT {*} FROM authors ORDER BY name")]
    async fn with_posts(&self) -> Result<Vec<AuthorWithPosts>>;
}

#[repository(entity = Post)]
trait Posts {
    #[insert]
    #[evicts(tag = "posts")]
    async fn add(&self, new: &NewPost) -> Result<Post>;
    #[find]
    async fn get(&self, id: i64) -> Result<Post>;
    #[update]
    #[evicts(tag = "posts")]
    async fn update(&self, post: &Post) -> Result<Post>;

    #[query("SELECT {*} FROM posts WHERE year >= :year ORDER BY year DESC, title LIMIT :limit")]
    async fn since(&self, year: i32, limit: i64) -> Result<Vec<Post>>;

    #[cached(key = "posts-of:{year}", ttl = "5m", tag = "posts")]
    #[query("SELECT count(*) FROM posts WHERE year = :year")]
    async fn posts_of(&self, year: i32) -> Result<i64>;
}

fn author(name: &str) -> NewAuthor {
    NewAuthor {
        name: name.to_owned(),
    }
}

fn post(author_id: i64, title: &str, year: i32) -> NewPost {
    NewPost {
        author_id,
        title: title.to_owned(),
        year,
    }
}

/// A pool, and a context manager that commits or rolls back.
async fn psycopg2(url: &str) -> Result<i64> {
    let db = Db::open(url).await?; // a pool of 10 at most, one of them open
    db.migrate(migrations!("examples/coming_from_python"))
        .await?;

    let bob = db
        .transaction(async |tx| {
            let bob: i64 = tx
                .fetch_one(sql!(
                    "INSERT INTO authors (name) VALUES (:name) RETURNING id",
                    name = "Bob"
                ))
                .await?;
            tx.execute(sql!(
                "INSERT INTO posts (author_id, title, year) VALUES (:id, :title, 2019)",
                id = bob,
                title = "Dunes"
            ))
            .await?;
            Ok::<_, Error>(bob)
        })
        .await?;
    db.close().await?;
    Ok(bob)
}

/// `create_engine` with its options.
async fn engine(url: &str) -> Result<Db> {
    let mut config = DatabaseConfig::from_url(url)?;
    config.pool.max = 10;
    config.pool.max_overflow = 5;
    config.pool.acquire_timeout = Duration::from_secs(5);
    config.pool.max_lifetime = Duration::from_secs(1800);
    config.pool.pre_ping = true;
    config.echo = true;
    let db = Db::connect(config).await?;
    db.migrate(migrations!("examples/coming_from_python"))
        .await?;
    db.verify().await?;

    let transaction = db.tx().repeatable_read();
    let posts = transaction
        .run(async |tx| tx.posts().since(2000, 10).await)
        .await?;
    assert!(posts.len() <= 1);
    Ok(db)
}

/// `Session`: add, flush, commit, rollback, a savepoint, a change.
async fn session(db: &Db) -> Result<()> {
    let tides = db
        .transaction(async |tx| {
            let ann = tx.authors().add(&author("Ann")).await?; // sent here; `ann.id` is known
            let tides = tx.posts().add(&post(ann.id, "Tides", 2024)).await?;
            tx.posts().add(&post(ann.id, "Moons", 2026)).await?;
            let again = tx.savepoint(async |sp| sp.authors().add(&author("Ann")).await);
            if let Err(error) = again.await
                && !error.violates(Author::UNIQUE_NAME)
            {
                return Err(error);
            }
            Ok(tides)
        })
        .await?;

    let mut tides = db.posts().get(tides.id).await?;
    tides.title = "Tides and currents".to_owned();
    db.posts().update(&tides).await?; // without it nothing is changed

    let rolled_back = db
        .transaction(async |tx| {
            tx.posts().add(&post(tides.author_id, "Suns", 2027)).await?;
            Err::<(), Error>(Error::new(ErrorKind::Other)) // any error
        })
        .await;
    assert!(rolled_back.is_err());
    Ok(())
}

/// `select` and `relationship`.
async fn select(db: &Db) -> Result<()> {
    let posts = db.posts().since(2020, 10).await?;
    let titles: Vec<&str> = posts.iter().map(|post| post.title.as_str()).collect();
    assert_eq!(titles, ["Moons", "Tides and currents"]);

    for AuthorWithPosts { author, posts } in db.authors().with_posts().await? {
        println!("{}: {} posts", author.name, posts.len());
    }
    Ok(())
}

/// Values, counters, hashes and lists.
async fn values(kv: &Kv) -> Result<()> {
    let minute = Duration::from_secs(60);
    kv.set("greeting", b"hello", Some(minute)).await?;
    assert_eq!(kv.get("greeting").await?.as_deref(), Some(&b"hello"[..]));
    assert_eq!(kv.incr("views", 1).await?, 1);

    kv.set_fields("user:1", &[("name", b"Ann"), ("city", b"Oslo")])
        .await?;
    let user = kv.all_fields("user:1").await?;
    assert_eq!(user.get("city").map(|city| &city[..]), Some(&b"Oslo"[..]));

    kv.push_back("jobs", &[b"one", b"two"]).await?;
    let job = kv.pop_wait(&["jobs"], Duration::from_secs(5)).await?;
    assert!(job.is_some_and(|(list, job)| list == "jobs" && job == "one"));
    Ok(())
}

/// What a pipeline is for: fewer waits, or several commands in one step.
async fn pipeline(kv: &Kv) -> Result<()> {
    let day = Duration::from_secs(86_400);
    let (reads, writes) = tokio::try_join!(kv.incr("reads", 1), kv.incr("writes", 1))?;
    let today = kv.incr_within("reads:today", 1, day).await?; // one step
    assert_eq!((reads, writes, today), (1, 1, 1));
    Ok(())
}

/// Messages.
async fn pub_sub(kv: &Kv) -> Result<()> {
    let mut news = kv.subscribe(&["news"]).await?;
    kv.publish("news", b"rain").await?;
    match news.next().await {
        Event::Message { payload, .. } => assert_eq!(payload, "rain"),
        other => println!("some were missed: {other:?}"),
    }
    Ok(())
}

/// A lock.
async fn lock(kv: &Kv) -> Result<()> {
    let (ttl, wait) = (Duration::from_secs(30), Duration::from_secs(5));
    let lock = kv.lock("nightly", ttl, wait).await?;
    println!("nobody else is here; my token is {}", lock.token());
    lock.release().await?;
    Ok(())
}

async fn ask_the_station(town: &str) -> Result<i32> {
    Ok(if town == "Oslo" { -3 } else { 20 })
}

/// A decorator that keeps what a function answers.
async fn decorator(db: &Db, kv: &Kv) -> Result<()> {
    let cache = Cache::on(kv);
    let db = db.with_cache(cache.clone());
    assert_eq!(db.posts().posts_of(2024).await?, 1); // asked
    assert_eq!(db.posts().posts_of(2024).await?, 1); // from the cache

    let (town, five_minutes) = ("Oslo", Duration::from_secs(300));
    let degrees: i32 = cache
        .remember(&format!("weather:{town}"), five_minutes, async || {
            ask_the_station(town).await
        })
        .await?;
    assert_eq!(degrees, -3);
    Ok(())
}

/// Everything once, on an empty database.
pub(crate) async fn coming_from_python(url: &str, kv: Kv) -> Result<()> {
    psycopg2(url).await?;
    let db = engine(url).await?;
    session(&db).await?;
    select(&db).await?;
    let kv = kv.prefixed(&format!("python-{}:", std::process::id()));
    values(&kv).await?;
    pipeline(&kv).await?;
    pub_sub(&kv).await?;
    lock(&kv).await?;
    decorator(&db, &kv).await?;
    db.close().await
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut variables = shelfmark::config::Variables::from_env()?;
    let url = variables.text("DATABASE_URL");
    variables.finish()?;
    coming_from_python(url.as_deref().unwrap_or("memory:"), Kv::from_env().await?).await
}
