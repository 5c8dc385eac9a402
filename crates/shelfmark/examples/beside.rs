//! What README.md shows of what stands beside the tables: a cache, counters, limits, queues, locks, messages. Runs in
//! process, or on the Redis that REDIS_URL names.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shelfmark::DatabaseConfig;
use shelfmark::prelude::*;
use shelfmark_kv::{
    Cache, Counters as _, Event, Kv, Lists as _, Locks as _, PubSub as _, Quota, RateLimiter as _,
    ReliableLists as _,
};

#[derive(Entity, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[entity(table = "shows")]
struct Show {
    #[id]
    show_id: String,
    title: String,
    release_year: i32,
}

#[derive(Insert)]
#[insert(Show)]
struct NewShow {
    show_id: String,
    title: String,
    release_year: i32,
}

#[repository(entity = Show)]
trait Shows {
    #[insert]
    #[evicts(key = "show:{new.show_id}", tag = "lists")]
    async fn insert(&self, new: &NewShow) -> Result<Show>;

    #[find]
    #[cached(key = "show:{show_id}", ttl = "5m")]
    async fn find(&self, show_id: &str) -> Result<Option<Show>>;

    #[query("SELECT {*} FROM shows WHERE release_year >= :year ORDER BY show_id LIMIT :limit")]
    #[cached(ttl = "1m", tag = "lists")] // without a key: all arguments are in it
    async fn since(&self, year: i32, limit: i64) -> Result<Vec<Show>>;

    #[exec("UPDATE shows SET title = :title WHERE show_id = :show_id")]
    #[evicts(key = "show:{show_id}", tag = "lists")]
    async fn rename(&self, show_id: &str, title: &str) -> Result<bool>;
}

#[derive(Shape, Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Weather {
    degrees: i32,
}

async fn ask_the_station(town: &str) -> Result<Weather> {
    let degrees = if town == "Oslo" { -3 } else { 20 };
    Ok(Weather { degrees })
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = DatabaseConfig::from_env_or("memory:")?;
    beside(&Db::connect(config).await?, Kv::from_env().await?).await
}

/// Everything once.
pub(crate) async fn beside(db: &Db, kv: Kv) -> Result<()> {
    db.execute(sql!("CREATE TABLE IF NOT EXISTS shows (show_id TEXT PRIMARY KEY, title TEXT NOT NULL, release_year INTEGER NOT NULL)"))
        .await?;
    db.execute(sql!("DELETE FROM shows")).await?;
    let kv = kv.prefixed(&format!("beside-{}:", std::process::id()));
    let cache = Cache::on(&kv);

    let db = db.with_cache(cache.clone());
    let alien = NewShow {
        show_id: "s1".to_owned(),
        title: "Alien".to_owned(),
        release_year: 1979,
    };
    db.shows().insert(&alien).await?;
    let found = db.shows().find("s1").await?; // read from the table, and kept
    assert_eq!(found, db.shows().find("s1").await?); // the table is not asked
    assert_eq!(db.shows().since(1970, 10).await?.len(), 1);
    db.transaction(async |tx| {
        tx.shows().rename("s1", "Aliens").await?;
        // Inside of a transaction reads go past the cache, and evictions wait for its commit.
        let renamed = tx.shows().find("s1").await?;
        assert_eq!(renamed.map(|show| show.title).as_deref(), Some("Aliens"));
        Ok::<_, Error>(())
    })
    .await?;
    // From when the commit is answered, nobody is given the old title.
    let renamed = db.shows().find("s1").await?;
    assert_eq!(renamed.map(|show| show.title).as_deref(), Some("Aliens"));

    let town = "Oslo";
    let key = format!("weather:{town}");
    let ten_minutes = Duration::from_secs(600);
    // Computed once, however many tasks ask at the same time, and on Redis, however many processes.
    let weather: Weather = cache
        .remember(&key, ten_minutes, async || ask_the_station(town).await)
        .await?;
    assert_eq!(weather.degrees, -3);
    println!("{}", cache.stats()); // hits, waits, misses, the time that was saved

    let views = kv.incr("views:s1", 1).await?;
    let day = Duration::from_secs(86_400);
    let today = kv.incr_within("views:s1:today", 1, day).await?;
    assert_eq!((views, today), (1, 1));

    let hundred_a_minute = Quota::new(100, Duration::from_secs(60));
    let decision = kv.check("client:192.0.2.1", hundred_a_minute).await?;
    assert!(decision.allowed && decision.remaining == 99);

    kv.push_back("mails", &[b"welcome ann"]).await?;
    let lease = Duration::from_secs(30);
    if let Some(mail) = kv.take("mails", lease, Duration::from_secs(1)).await? {
        // The mail of a worker who ends before this line is given to another one after 30 seconds.
        kv.ack(&mail).await?;
    }

    let lock = kv.lock("nightly", lease, Duration::from_secs(5)).await?;
    let token = lock.token();
    println!("writes carry the token {token}; one with a smaller token is refused");
    lock.release().await?;

    let mut heard = kv.subscribe(&["shows"]).await?;
    kv.publish("shows", b"s1").await?;
    if let Event::Message { payload, .. } = heard.next().await {
        assert_eq!(&*payload, b"s1");
    }
    Ok(())
}
