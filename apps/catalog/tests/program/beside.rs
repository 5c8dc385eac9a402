//! What stands beside the tables: views are counted, clients are limited, and nobody waits for Redis.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::on_both_engines;
use crate::service::{Engine, Place, Service};

const SHOW: &str = "/shows/s1";

fn views(service: &Service) -> Result<Option<i64>> {
    Ok(service.get(SHOW)?.json()["views"].as_i64())
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
