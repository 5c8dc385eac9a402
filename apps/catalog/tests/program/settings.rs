//! What the service is told by its environment and by a file `.env`.

use std::fs;

use anyhow::Result;

use crate::service::{Engine, Place, Service};

#[test]
fn a_protection_in_the_file_of_settings_is_on() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    fs::write(
        place.folder.path().join(".env"),
        "CATALOG_ADDR=127.0.0.1:0\nCATALOG_RATE_LIMIT=7/1h\nCATALOG_SAMPLE=false\n",
    )?;
    let limit_of = |service: &Service| -> Result<Option<String>> {
        let answer = service.get("/shows?limit=1")?;
        assert_eq!(answer.json()["items"], serde_json::json!([]));
        Ok(answer.header("ratelimit-limit").map(str::to_owned))
    };
    let service = Service::spawn(place.program(&[]))?;
    assert_eq!(limit_of(&service)?.as_deref(), Some("7"));
    // The environment wins over the file, and the command line over both.
    let mut command = place.program(&["serve"]);
    command.env("CATALOG_RATE_LIMIT", "8/1h");
    assert_eq!(limit_of(&Service::spawn(command)?)?.as_deref(), Some("8"));
    let mut command = place.program(&["serve", "--rate-limit", "9/1h"]);
    command.env("CATALOG_RATE_LIMIT", "8/1h");
    assert_eq!(limit_of(&Service::spawn(command)?)?.as_deref(), Some("9"));
    Ok(())
}

#[test]
fn wrong_settings_are_told_at_once_with_their_lines() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    fs::write(
        place.folder.path().join(".env"),
        "# Settings\nCATALOG_ADDR=localhost:8001\n\nCATALOG_RATE_LIMIT=many\n",
    )?;
    let mut command = place.program(&["serve"]);
    let ended = command.env("CATALOG_SAMPLE", "perhaps").output()?;
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    for part in [
        "/.env line 2): `localhost:8001` is not an IP address with a port; for example CATALOG_ADDR=127.0.0.1:8080",
        "/.env line 4): `many` is not a number of requests per time; for example CATALOG_RATE_LIMIT=100/1m",
        "CATALOG_SAMPLE: \"perhaps\" is neither true nor false",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!place.folder.path().join("data").exists());
    Ok(())
}

#[test]
fn an_empty_catalogue_stays_empty_when_no_sample_is_asked_for() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    let service = Service::spawn(place.program(&["--addr", "127.0.0.1:0", "--no-sample"]))?;
    let shows = service.get("/shows?limit=1")?.json();
    assert_eq!(shows["items"], serde_json::json!([]));
    Ok(())
}
