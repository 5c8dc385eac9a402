//! The commands as people type them: what they say, what they leave, and how they end.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::on_both_engines;
use crate::service::{Engine, Place, Service, ended_within, program, signal};

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

on_both_engines! {
    fn a_backup_of_a_running_service_fills_another_database(place) {
        let service = Service::start(place)?;
        service.get("/shows?limit=1")?;
        let made = place.run(&["manage", "backup", "a.backup", "--quiet"])?;
        assert!(made.status.success(), "{}", err(&made));
        let said = out(&made);
        assert!(said.starts_with("a.backup holds ") && said.contains(" rows ("), "{said}");

        let again = place.run(&["manage", "backup", "a.backup"])?;
        assert_eq!((again.status.code(), out(&again)), (Some(1), String::new()));
        assert_eq!(err(&again), "error: a.backup is there already; choose another name, or replace it with --force\n");
        assert!(place.run(&["manage", "backup", "a.backup", "--force"])?.status.success());

        let checked = place.run(&["manage", "restore", "a.backup", "--check"])?;
        assert!(out(&checked).starts_with("a.backup is whole and holds "), "{}", err(&checked));
        let refused = place.run(&["manage", "restore", "a.backup"])?;
        assert_eq!(refused.status.code(), Some(1));
        assert!(err(&refused).contains("the database is not empty; nothing was restored"), "{}", err(&refused));

        // Into a database of the other kind that is not even there.
        let url = format!("sqlite://{}", place.folder.path().join("new/other.db").display());
        let moved = program(&url, place.folder.path(), &["manage", "restore", "a.backup"]).output()?;
        assert!(moved.status.success(), "{}", err(&moved));
        let count = |url: &str| -> Result<String> {
            let made = program(url, place.folder.path(), &["manage", "backup", "b.backup", "--force", "--quiet"]).output()?;
            let said = out(&made);
            Ok(said.split(" rows").next().unwrap_or_default().to_owned())
        };
        assert_eq!(count(&url)?, count(&place.url)?);
    }

    fn a_running_service_shows_what_was_restored_beside_it(place) {
        let service = Service::start(place)?;
        assert!(place.run(&["manage", "backup", "a.backup"])?.status.success());
        assert_eq!(service.delete("/shows/s1")?.status, 204);
        service.get("/shows/s1")?.problem(404);
        let restored = place.run(&["manage", "restore", "a.backup", "--replace"])?;
        assert!(restored.status.success(), "{}", err(&restored));
        let until = Instant::now() + Duration::from_secs(20);
        while service.get("/shows/s1")?.status != 200 {
            assert!(Instant::now() < until, "what was restored is not shown");
        }
    }

    fn a_service_is_asked_how_it_is(place) {
        let service = Service::start(place)?;
        let address = service.address();
        let asked = place.run(&["health", "--addr", address, "--ready"])?;
        assert_eq!((asked.status.code(), out(&asked), err(&asked)), (Some(0), String::new(), String::new()));
        let tested = place.run(&["manage", "test", "--url", &format!("http://{address}/"), "--instances", "1"])?;
        let said = out(&tested);
        assert!(tested.status.success(), "{said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 6, "{said}");
        // Nobody says which instance answers, so two cannot be told apart.
        let tested = place.run(&["manage", "test", "--url", &format!("http://{address}")])?;
        assert_eq!(tested.status.code(), Some(1));
        let said = out(&tested);
        assert!(said.contains("failed  instances: nothing in front says which instance answers"), "{said}");
    }
}

#[test]
fn a_service_that_is_not_there_is_not_well() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    // Taken and let go: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let asked = place.run(&["health", "--addr", &address])?;
    assert_eq!(asked.status.code(), Some(1));
    assert!(
        err(&asked).starts_with(&format!("error: no answer from http://{address}: ")),
        "{}",
        err(&asked)
    );
    let tested = place.run(&["manage", "test", "--url", &format!("http://{address}")])?;
    assert_eq!(tested.status.code(), Some(1));
    let said = out(&tested);
    // Once, and not for each check.
    assert_eq!(said.lines().count(), 1, "{said}");
    let expected = format!("failed  health: no answer from http://{address}: ");
    assert!(said.starts_with(&expected), "{said}");
    let none = place.run(&["manage", "test", "--instances", "0"])?;
    assert_eq!(none.status.code(), Some(2));
    Ok(())
}

#[test]
fn a_file_that_is_not_whole_makes_no_database() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    fs::write(
        place.folder.path().join("films.csv"),
        "show_id,type,title\n",
    )?;
    let refused = place.run(&["manage", "restore", "films.csv"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        err(&refused),
        "error: films.csv is no backup of a catalogue\n"
    );
    let refused = place.run(&["manage", "restore", "none.backup"])?;
    assert!(
        err(&refused).starts_with("error: cannot read none.backup\n  because: "),
        "{}",
        err(&refused)
    );
    assert!(!place.folder.path().join("data").exists());
    Ok(())
}

#[test]
fn init_db_creates_a_database_that_is_not_there_with_all_tables() -> Result<()> {
    let place = Place::new(Engine::Postgres)?;
    // A name beside that of the test's own database, so that whoever cleans up there knows it too.
    let url = format!("{}_init", place.url);
    let made = program(&url, place.folder.path(), &["manage", "init-db"]).output()?;
    assert!(made.status.success(), "{}", err(&made));
    assert!(out(&made).ends_with(" has all tables\n"), "{}", out(&made));
    let again = program(&url, place.folder.path(), &["manage", "init-db"]).output()?;
    assert!(again.status.success(), "{}", err(&again));
    // It is empty: a restore needs no --replace.
    let words = ["manage", "backup", "empty.backup", "--allow-empty"];
    let copied = program(&url, place.folder.path(), &words).output()?;
    assert!(copied.status.success(), "{}", err(&copied));
    let restored = program(
        &url,
        place.folder.path(),
        &["manage", "restore", "empty.backup"],
    )
    .output()?;
    assert!(restored.status.success(), "{}", err(&restored));
    tokio::runtime::Runtime::new()?.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await?;
        let name = url.rsplit('/').next().unwrap_or_default();
        let statement = format!("DROP DATABASE \"{name}\"");
        tokio::select! {
            ended = connection => ended?,
            dropped = client.batch_execute(&statement) => dropped?,
        }
        anyhow::Ok(())
    })
}

#[tokio::test]
async fn an_interrupted_backup_leaves_nothing() -> Result<()> {
    let place = Place::new(Engine::Postgres)?;
    assert!(place.run(&["manage", "init-db"])?.status.success());
    // Somebody keeps a table to itself, so that the backup waits in the middle of its work.
    let (mut client, connection) =
        tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    let locked = client.transaction().await?;
    locked
        .batch_execute("LOCK TABLE show_actors IN ACCESS EXCLUSIVE MODE")
        .await?;
    let mut child = place
        .program(&["manage", "backup", "a.backup", "--quiet", "--allow-empty"])
        .spawn()?;
    let files = || Ok::<_, anyhow::Error>(fs::read_dir(place.folder.path())?.count());
    let until = Instant::now() + Duration::from_secs(30);
    while files()? == 0 {
        assert!(Instant::now() < until, "the backup does not begin");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    signal(&child, "INT")?;
    assert_eq!(
        ended_within(&mut child, Duration::from_secs(30))?,
        Some(130)
    );
    assert_eq!(files()?, 0);
    locked.rollback().await?;
    drop(client);
    connection.await??;
    Ok(())
}

/// A folder with a deployment, and an engine that notes what it is asked and ends with `code`.
fn deployment(place: &Place, engine: &str, code: u8) -> Result<()> {
    let folder = place.folder.path();
    fs::create_dir_all(folder.join("deploy"))?;
    fs::create_dir_all(folder.join("bin"))?;
    fs::write(folder.join("deploy/compose.yaml"), "services: {}\n")?;
    fs::write(folder.join("deploy/.env"), "")?;
    let script = folder.join("bin").join(engine);
    let text = format!(
        "#!/bin/sh\n[ \"$2\" = version ] && exit 0\necho \"$PWD: $*\"\necho progress >&2\nexit {code}\n"
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn with_path(place: &Place, arguments: &[&str]) -> Result<Output> {
    let bin = place.folder.path().join("bin");
    Ok(place.program(arguments).env("PATH", bin).output()?)
}

#[test]
fn containers_are_driven_by_whichever_engine_is_there() -> Result<()> {
    for engine in ["docker", "podman"] {
        let place = Place::new(Engine::Sqlite)?;
        deployment(&place, engine, 0)?;
        let folder = fs::canonicalize(place.folder.path().join("deploy"))?;
        for (words, expected) in [
            (&["up"][..], "up --detach --wait --build"),
            (&["down"], "down"),
            (&["status"], "ps"),
            (&["logs"], "logs --tail 200"),
            (
                &["logs", "--follow", "--tail", "5", "nginx", "redis"],
                "logs --tail 5 --follow nginx redis",
            ),
        ] {
            let ran = with_path(&place, &[&["manage"], words].concat())?;
            assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
            let line = format!(
                "{}: compose --file compose.yaml {expected}\n",
                folder.display()
            );
            assert_eq!((out(&ran), err(&ran)), (line, "progress\n".to_owned()));
        }
    }
    Ok(())
}

#[test]
fn the_current_folder_is_the_deployment_when_it_has_its_file() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    deployment(&place, "docker", 0)?;
    let folder = fs::canonicalize(place.folder.path().join("deploy"))?;
    let mut program = place.program(&["manage", "status"]);
    program
        .env("PATH", place.folder.path().join("bin"))
        .current_dir(&folder);
    let expected = format!("{}: compose --file compose.yaml ps\n", folder.display());
    assert_eq!(out(&program.output()?), expected);
    Ok(())
}

#[test]
fn the_exit_code_of_the_containers_engine_is_passed_on() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    deployment(&place, "docker", 17)?;
    assert_eq!(
        with_path(&place, &["manage", "up"])?.status.code(),
        Some(17)
    );
    Ok(())
}

#[test]
fn what_is_missing_for_containers_is_named_with_the_next_step() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    let said = |arguments: &[&str]| -> Result<String> {
        let ran = with_path(&place, arguments)?;
        assert_eq!(ran.status.code(), Some(1));
        Ok(err(&ran))
    };
    assert_eq!(
        said(&["manage", "up"])?,
        "error: there is no compose.yaml in deploy; name the folder of the deployment with --project\n"
    );
    deployment(&place, "other", 0)?;
    assert_eq!(
        said(&["manage", "up"])?,
        "error: neither `docker compose` nor `podman compose` works on this machine; install one of them, or run the \
         catalogue without containers, with the systemd units in deploy/systemd\n"
    );
    fs::remove_file(place.folder.path().join("deploy/.env"))?;
    assert_eq!(
        said(&["manage", "status", "--project", "deploy"])?,
        "error: there is no .env in deploy; copy .env.example there and fill it in\n"
    );
    assert!(!Path::new("deploy/.env").exists());
    Ok(())
}
