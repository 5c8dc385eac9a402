//! What stands beside the tables: views are counted, clients are limited, and nobody waits for Redis.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use crate::on_both_engines;
use crate::service::{Engine, Place, Service};

const SHOW: &str = "/shows/s1";

fn views(service: &Service) -> Result<Option<i64>> {
    Ok(service.get(SHOW)?.json()["views"].as_i64())
}

/// A service whose cache keeps what it reads: on PostgreSQL that begins when it hears of what others change.
fn keeping(place: &Place) -> Result<Service> {
    let service = Service::start(place)?;
    until("nothing is kept", || {
        service.get("/shows/none")?;
        Ok(hits(&service)? > 0)
    })?;
    Ok(service)
}

/// How many looks the cache has answered.
fn hits(service: &Service) -> Result<i64> {
    Ok(service.get("/stats/cache")?.json()["hits"]
        .as_i64()
        .unwrap())
}

/// Asks until the answer is the one that is waited for.
fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so()? {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A service with `settings` beside its database.
fn start(place: &Place, settings: &[(&str, &str)]) -> Result<Service> {
    let mut command = place.program(&["serve", "--addr", "127.0.0.1:0"]);
    command.envs(settings.iter().copied());
    Service::spawn(command)
}

on_both_engines! {
    fn each_look_at_a_show_is_counted(place) {
        let service = Service::start(place)?;
        for expected in 1..=3 {
            assert_eq!(views(&service)?, Some(expected));
        }
        // A look at what is not there is none.
        service.get("/shows/no-such")?.problem(404);
        assert_eq!(service.get("/shows/s2")?.json()["views"], 1);
    }

    fn a_page_is_read_once_and_a_change_is_seen_by_the_next_look(place) {
        let service = keeping(place)?;
        let before = hits(&service)?;
        let page = service.get(SHOW)?.json();
        assert_eq!(service.get(SHOW)?.json()["title"], page["title"]);
        assert_eq!(hits(&service)?, before + 1);
        // A patch, a replacement, a removal, and coming back: each is seen by whoever looks next.
        for rating in ["R", "PG", "R"] {
            assert_eq!(service.patch(SHOW, &json!({"rating": rating}))?.status, 200);
            assert_eq!(service.get(SHOW)?.json()["rating"], rating);
        }
        let mut body = page;
        body.as_object_mut().unwrap().remove("views");
        for names in ["directors", "actors", "genres", "countries"] {
            body[names] = json!(["Somebody New"]);
        }
        body["title"] = json!("Another title");
        assert_eq!(service.put(SHOW, &body)?.status, 200);
        let page = service.get(SHOW)?.json();
        assert_eq!((&page["title"], &page["actors"][0]["name"]), (&json!("Another title"), &json!("Somebody New")));
        assert_eq!(service.delete(SHOW)?.status, 204);
        service.get(SHOW)?.problem(404);
        assert_eq!(service.post("/shows", "application/json", &body.to_string())?.status, 201);
        assert_eq!(service.get(SHOW)?.status, 200);
    }

    fn statistics_are_kept_until_a_show_comes_or_goes(place) {
        let service = keeping(place)?;
        let sum = || -> Result<i64> {
            let years = service.get("/stats/years")?.json();
            Ok(years["items"].as_array().unwrap().iter().map(|year| year["shows"].as_i64().unwrap()).sum())
        };
        let hits_before = hits(&service)?;
        let before = sum()?;
        let genres = service.get("/genres")?.json();
        assert_eq!(sum()?, before);
        assert_eq!(hits(&service)?, hits_before + 1);
        assert_eq!(service.delete(SHOW)?.status, 204);
        assert_eq!(sum()?, before - 1);
        assert_ne!(service.get("/genres")?.json(), genres);
    }

    fn a_client_who_asks_too_often_is_told_when_to_come_back(place) {
        let service = start(place, &[("CATALOG_RATE_LIMIT", "2/1h")])?;
        for left in ["1", "0"] {
            let answer = service.get("/genres")?;
            assert_eq!((answer.status, answer.header("ratelimit-remaining")), (200, Some(left)));
        }
        let refused = service.get("/genres")?;
        let detail = refused.problem(429);
        assert!(detail.starts_with("a client may ask 2 times in 3600s"), "{detail}");
        let wait: u64 = refused.header("retry-after").unwrap_or_default().parse()?;
        assert!((1..=1800).contains(&wait), "{wait}");
        // Who asks whether the service lives is not a client.
        assert_eq!(service.get("/readyz")?.status, 200);
    }
}

#[test]
fn a_limit_that_is_none_is_named_when_starting() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    let ended = place.run(&["serve", "--addr", "127.0.0.1:0", "--rate-limit", "many"])?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("for example 100/1m"), "{said}");
    Ok(())
}

#[test]
fn instances_on_one_redis_count_and_limit_together() -> Result<()> {
    let (place, redis) = (Place::new(Engine::Sqlite)?, test_redis::Server::start()?);
    let url = redis.url();
    let settings = [("REDIS_URL", url.as_str()), ("CATALOG_RATE_LIMIT", "4/1h")];
    let (one, other) = (start(&place, &settings)?, start(&place, &settings)?);
    for expected in [1, 3] {
        assert_eq!(views(&one)?, Some(expected));
        assert_eq!(views(&other)?, Some(expected + 1));
    }
    assert_eq!(one.get(SHOW)?.status, 429);
    assert_eq!(other.get(SHOW)?.status, 429);
    Ok(())
}

#[test]
fn shows_are_served_while_redis_is_away_and_counted_when_it_is_back() -> Result<()> {
    let (place, redis) = (Place::new(Engine::Sqlite)?, test_redis::Server::start()?);
    let url = redis.url();
    let service = start(
        &place,
        &[("REDIS_URL", url.as_str()), ("CATALOG_RATE_LIMIT", "9/1h")],
    )?;
    assert_eq!(views(&service)?, Some(1));
    redis.crash();
    let asked = Instant::now();
    let answer = service.get(SHOW)?;
    assert_eq!(
        (answer.status, answer.json()["views"].as_i64()),
        (200, None)
    );
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
    redis.restart()?;
    let until = Instant::now() + Duration::from_secs(20);
    while views(&service)?.is_none() {
        assert!(Instant::now() < until, "views are not counted again");
    }
    Ok(())
}

#[test]
fn instances_on_one_postgres_hear_of_each_others_changes() -> Result<()> {
    let place = Place::new(Engine::Postgres)?;
    let (one, other) = (Service::start(&place)?, keeping(&place)?);
    other.get(SHOW)?;
    one.patch(SHOW, &json!({"rating": "NC-17"}))?;
    until("a change is not heard of", || {
        Ok(other.get(SHOW)?.json()["rating"] == "NC-17")
    })?;

    // So do they of what an import brings, which is a process of its own.
    let file = place.folder.path().join("titles.csv");
    let header = "show_id,type,title,director,cast,country,date_added,release_year,rating,duration,listed_in,description";
    std::fs::write(&file, format!("{header}\ns1,Movie,Imported,,,,,2001,,,,\n"))?;
    let imported = place.run(&["import", "--quiet", "titles.csv"])?;
    assert!(
        imported.status.success(),
        "{}",
        String::from_utf8_lossy(&imported.stderr)
    );
    until("an import is not heard of", || {
        Ok(other.get(SHOW)?.json()["title"] == "Imported")
    })
}

#[test]
fn instances_on_one_redis_never_show_what_another_has_changed() -> Result<()> {
    let (place, redis) = (Place::new(Engine::Sqlite)?, test_redis::Server::start()?);
    let url = redis.url();
    let settings = [("REDIS_URL", url.as_str())];
    let (one, other) = (start(&place, &settings)?, start(&place, &settings)?);
    for round in 0..20 {
        let rating = format!("R{round}");
        assert_eq!(one.patch(SHOW, &json!({"rating": rating}))?.status, 200);
        assert_eq!(other.get(SHOW)?.json()["rating"], rating);
        assert_eq!(one.get(SHOW)?.json()["rating"], rating);
    }
    assert!(one.get("/stats/cache")?.json()["hits"].as_i64() >= Some(15));
    Ok(())
}
