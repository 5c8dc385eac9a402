//! Instances, the database and Redis go and come back while clients are at work.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::deployment::Deployment;
use crate::load::{Failure, Kind, Load};

/// How long after the database is back a request may still fail.
const RECOVERY: Duration = Duration::from_secs(8);

#[test]
fn no_acknowledged_write_is_lost_and_reads_fail_over_whatever_goes_and_comes_back() -> Result<()> {
    let mut all = Deployment::start()?;
    // A new catalogue is empty, and whoever looks from outside is told so: a lost one would look the same.
    let tested = all.run(&["manage", "test", "--url", &all.url])?;
    let said = String::from_utf8_lossy(&tested.stdout).into_owned();
    assert!(said.contains("failed  list: there are no shows"), "{said}");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample/titles.csv");
    let imported = all.run(&["import", &sample.to_string_lossy()])?;
    let said = String::from_utf8_lossy(&imported.stderr).into_owned();
    assert!(imported.status.success(), "{said}");
    wait_for_replica(&all)?;
    // The instances hear of it from the database.
    let mut said = String::new();
    until("the instances do not see what was imported", || {
        let tested = all.run(&["manage", "test", "--url", &all.url])?;
        said = String::from_utf8_lossy(&tested.stdout).into_owned();
        Ok(tested.status.success())
    })?;
    assert!(said.contains("instances: 2 answer: "), "{said}");

    let load = Load::start(&all.url);
    load.go_on(40)?;
    until("the replica answers no reads of the instances", || {
        let sessions = "SELECT '', count(*) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND query LIKE '%FROM shows%'";
        Ok(ask(&on_replica(&all), sessions)?
            .iter()
            .any(|(_, count)| *count > 0))
    })?;

    // An instance goes, and comes back.
    let killed = Instant::now();
    all.kill(0)?;
    load.go_on(60)?;
    let tested = all.run(&["manage", "test", "--url", &all.url])?;
    let said = String::from_utf8_lossy(&tested.stdout).into_owned();
    assert_eq!(tested.status.code(), Some(1), "{said}");
    assert!(
        said.contains("failed  instances: only 1 of 2 answer"),
        "{said}"
    );
    all.start_again(0)?;
    until("the instance that was started again is not asked", || {
        Ok(served_by(&all.url)? == all.address(0))
    })?;
    load.go_on(40)?;

    // Redis goes: pages are read from the database, and nobody notices.
    let without_redis = Instant::now();
    all.redis.crash();
    load.go_on(40)?;
    all.redis.restart()?;
    load.go_on(40)?;

    // The database is restarted, as for an update, and then crashes.
    let mut away = Vec::new();
    for crash in [false, true] {
        let begun = Instant::now();
        if crash {
            all.primary.crash();
        } else {
            all.primary.stop();
        }
        // Long enough that the clients notice.
        until("nobody has noticed that the database is away", || {
            Ok(status(&format!("{}/readyz", all.url))? == 503)
        })?;
        all.primary.restart()?;
        let back = Instant::now();
        load.go_on(40)?;
        away.push((begun, back));
    }
    let notes = load.end()?;

    assert_eq!(notes.wrong, Vec::<String>::new());
    let is_excused = |failure: &Failure| {
        away.iter()
            .any(|&(begun, back)| failure.ended >= begun && failure.begun <= back + RECOVERY)
    };
    let beside: Vec<&Failure> = notes
        .failures
        .iter()
        .filter(|failure| !is_excused(failure))
        .collect();
    let of = |kind: Kind| beside.iter().filter(|failure| failure.kind == kind).count();
    // Neither the instance nor Redis cost any read.
    assert_eq!(of(Kind::Read), 0, "{beside:#?}");
    // A write that was under way in the instance that was killed is of unknown outcome: at most one of each client.
    assert!(of(Kind::Write) <= 8, "{beside:#?}");
    let at_kill = |failure: &Failure| {
        failure.begun <= killed + Duration::from_secs(2) && failure.ended >= killed
    };
    assert!(beside.iter().all(|failure| at_kill(failure)), "{beside:#?}");
    assert!(without_redis > killed);

    let there = stored(&all)?;
    let acknowledged: BTreeSet<String> = notes.acknowledged.iter().cloned().collect();
    assert_eq!(acknowledged.len(), notes.acknowledged.len());
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|id| !there.contains(*id))
        .collect();
    assert_eq!(lost, Vec::<&String>::new());
    let unknown: BTreeSet<String> = notes.unknown.iter().cloned().collect();
    let invented: Vec<_> = there
        .iter()
        .filter(|id| !acknowledged.contains(*id) && !unknown.contains(*id))
        .collect();
    assert_eq!(invented, Vec::<&String>::new());
    eprintln!(
        "{} reads, {} writes acknowledged, {} failures while the database was away for {:?}, {} when an instance was killed; {} of {} writes of unknown outcome are there",
        notes.reads,
        notes.acknowledged.len(),
        notes.failures.len() - beside.len(),
        away.iter()
            .map(|(begun, back)| *back - *begun)
            .collect::<Vec<_>>(),
        beside.len(),
        there.len() - acknowledged.len(),
        unknown.len(),
    );
    Ok(())
}

/// The shows of the load that are in the database, whole: each with its one director and its genre.
fn stored(all: &Deployment) -> Result<BTreeSet<String>> {
    let rows = ask(
        &all.direct(),
        "SELECT s.show_id, count(*) FROM shows AS s
         JOIN show_directors AS d ON d.show_id = s.show_id JOIN show_genres AS g ON g.show_id = s.show_id
         JOIN search_titles AS t ON t.show_id = s.show_id
         WHERE s.show_id LIKE 'load-%' GROUP BY s.show_id",
    )?;
    assert!(rows.iter().all(|(_, count)| *count == 1), "{rows:?}");
    let count = ask(
        &all.direct(),
        "SELECT '', count(*) FROM shows WHERE show_id LIKE 'load-%'",
    )?;
    assert_eq!(
        count.first().map(|(_, count)| *count),
        i64::try_from(rows.len()).ok()
    );
    Ok(rows.into_iter().map(|(id, _)| id).collect())
}

/// Waits until the replica has what the primary has.
fn wait_for_replica(all: &Deployment) -> Result<()> {
    let count = |url: &str| ask(url, "SELECT '', count(*) FROM shows");
    until("the replica does not follow", || {
        Ok(count(&on_replica(all))? == count(&all.direct())?)
    })
}

/// The address of the database on the replica.
fn on_replica(all: &Deployment) -> String {
    all.direct().replace(
        &format!(":{}/", all.primary.port()),
        &format!(":{}/", all.replica.port()),
    )
}

fn ask(url: &str, statement: &str) -> Result<Vec<(String, i64)>> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let rows = tokio::select! {
            ended = connection => { ended?; anyhow::bail!("the connection ended") }
            rows = client.query(statement, &[]) => rows?,
        };
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    })
}

fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so()? {
        anyhow::ensure!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(40)));
    config.build().into()
}

fn status(url: &str) -> Result<u16> {
    Ok(agent().get(url).call()?.status().as_u16())
}

fn served_by(url: &str) -> Result<String> {
    let answer = agent().get(format!("{url}/healthz")).call()?;
    let name = answer
        .headers()
        .get("x-served-by")
        .context("no x-served-by")?;
    Ok(name.to_str()?.to_owned())
}
