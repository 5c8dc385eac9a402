//! A backup is of the database that is meant, changes nothing there, and does not stop half-way.

use std::fs;
use std::process::Output;

use anyhow::{Context as _, Result};
use catalog::repositories::{Directors as _, DirectorsExt as _};
use shelfmark::{Db, sql};

use crate::commands::{err, out};
use crate::on_both_engines;
use crate::service::{Engine, Place, Service, program};

/// A catalogue with the sample.
fn fill(place: &Place) -> Result<()> {
    let ended = Service::start(place)?.terminate()?;
    anyhow::ensure!(ended == Some(0));
    Ok(())
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Runtime::new()?.block_on(work)
}

/// That it failed, saying this, and left nothing that was not there.
fn refused(ran: &Output, says: &str) {
    assert_eq!(ran.status.code(), Some(1), "{}", out(ran));
    assert!(err(ran).contains(says), "{}", err(ran));
    assert_eq!(out(ran), "");
}

fn shows(place: &Place) -> Result<i64> {
    block_on(async {
        let db = Db::open(&place.url).await?;
        let count: i64 = db.fetch_one(sql!("SELECT count(*) FROM shows")).await?;
        db.close().await?;
        Ok(count)
    })
}

#[test]
fn a_backup_takes_no_database_that_is_not_named() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    let folder = place.folder.path();
    let unnamed = |arguments: &[&str]| -> Result<Output> {
        let mut command = place.program(arguments);
        Ok(command.env_remove("DATABASE_URL").output()?)
    };
    let says = "no database is named, and none is guessed here; set DATABASE_URL";
    refused(&unnamed(&["manage", "backup", "a.backup"])?, says);
    // The settings of containers name no server that could be reached from here.
    fs::write(
        folder.join(".env"),
        "POSTGRES_USER=catalog\nPOSTGRES_PASSWORD=secret\nPOSTGRES_DB=catalog\n",
    )?;
    refused(&unnamed(&["manage", "backup", "a.backup"])?, says);
    fs::remove_file(folder.join(".env"))?;
    // Nor does a restore, which would fill a file that nobody serves.
    fill(&place)?;
    assert!(
        place
            .run(&["manage", "backup", "a.backup"])?
            .status
            .success()
    );
    fs::remove_dir_all(folder.join("data"))?;
    refused(&unnamed(&["manage", "restore", "a.backup"])?, says);
    for arguments in [
        ["manage", "backup", "b.backup"],
        ["manage", "restore", "a.backup"],
    ] {
        let in_memory = program("memory:", folder, &arguments).output()?;
        refused(
            &in_memory,
            "a database in memory is that of this command alone",
        );
    }
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
    assert_eq!(names.collect::<Result<Vec<_>>>()?, ["a.backup"]);
    Ok(())
}

#[test]
fn a_backup_makes_no_database() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    let ran = place.run(&["manage", "backup", "a.backup"])?;
    refused(&ran, "error: there is no database sqlite://");
    assert_eq!(fs::read_dir(place.folder.path())?.count(), 0);
    // A file that is no catalogue stays as it is.
    fs::create_dir(place.folder.path().join("data"))?;
    fs::write(place.folder.path().join("data/catalog.db"), "")?;
    let ran = place.run(&["manage", "backup", "a.backup"])?;
    refused(
        &ran,
        "the database has no tables of a catalogue; nothing was backed up",
    );
    assert!(!place.folder.path().join("a.backup").exists());
    Ok(())
}

on_both_engines! {
    fn nothing_is_backed_up_or_restored_only_when_that_is_said(place) {
        assert!(place.run(&["manage", "init-db"])?.status.success());
        fs::write(place.folder.path().join("good.backup"), "good")?;
        let ran = place.run(&["manage", "backup", "good.backup", "--force"])?;
        refused(&ran, "the database has no shows; nothing was backed up");
        assert_eq!(fs::read(place.folder.path().join("good.backup"))?, b"good");
        let ran = place.run(&["manage", "backup", "empty.backup", "--allow-empty"])?;
        assert!(ran.status.success(), "{}", err(&ran));

        fill(place)?;
        let before = shows(place)?;
        assert!(before > 0);
        let ran = place.run(&["manage", "restore", "--replace", "empty.backup"])?;
        refused(&ran, "the backup has no shows; nothing was restored");
        assert_eq!(shows(place)?, before);
        let ran = place.run(&["manage", "restore", "--replace", "--allow-empty", "empty.backup"])?;
        assert!(ran.status.success(), "{}", err(&ran));
        assert_eq!(shows(place)?, 0);
    }

    fn a_backup_leaves_the_schema_to_the_program_that_serves_it(place) {
        fill(place)?;
        let change = |change: &'static str| block_on(async move {
            let db = Db::open(&place.url).await?;
            match change {
                "older" => db.execute(sql!("DELETE FROM _shelfmark_migrations WHERE version = 3")).await?,
                _ => db.execute(sql!(
                    "INSERT INTO _shelfmark_migrations SELECT 99, name, checksum, applied_at, finished
                     FROM _shelfmark_migrations WHERE version = 1"
                )).await?,
            };
            db.close().await?;
            Ok(())
        });
        let versions = || block_on(async {
            let db = Db::open(&place.url).await?;
            let versions: Vec<i64> = db.fetch_all(sql!("SELECT version FROM _shelfmark_migrations ORDER BY version")).await?;
            db.close().await?;
            Ok(versions)
        });
        change("older")?;
        let ran = place.run(&["manage", "backup", "a.backup"])?;
        refused(&ran, "the database has the tables of schema 2, and this program reads those of 3; back it up with the program that serves it");
        assert_eq!(versions()?, [1, 2]);
        change("newer")?;
        let ran = place.run(&["manage", "backup", "a.backup"])?;
        refused(&ran, "the database has the tables of schema 99, and this program knows up to 3");
        assert_eq!(versions()?, [1, 2, 99]);
        assert!(!place.folder.path().join("a.backup").exists());
    }

    fn the_limit_of_a_statement_does_not_end_a_backup_or_a_restore(place) {
        fill(place)?;
        for arguments in [&["init-db"][..], &["backup", "a.backup"], &["restore", "--replace", "a.backup"]] {
            let mut command = place.program(&[&["manage"], arguments].concat());
            let ran = command.env("DATABASE_STATEMENT_TIMEOUT", "1ms").output()?;
            assert!(ran.status.success(), "{arguments:?}: {}", err(&ran));
        }
    }

    fn a_restore_does_not_read_the_words_of_what_it_replaces(place) {
        fill(place)?;
        assert!(place.run(&["manage", "backup", "a.backup"])?.status.success());
        block_on(async {
            let db = Db::open(&place.url).await?;
            let id: i64 = db.fetch_one(sql!("SELECT min(id) FROM directors")).await?;
            anyhow::ensure!(db.directors().rename(id, "Renamed By Hand").await?);
            db.close().await?;
            Ok(())
        })?;
        assert!(place.run(&["manage", "backup", "renamed.backup"])?.status.success());
        let read = "the search has been brought up to date";
        let replaced = place.run(&["manage", "restore", "--replace", "a.backup"])?;
        assert!(replaced.status.success() && !err(&replaced).contains(read), "{}", err(&replaced));
        // What is in a backup without its words gets them.
        let replaced = place.run(&["manage", "restore", "--replace", "renamed.backup"])?;
        assert!(replaced.status.success() && err(&replaced).contains(read), "{}", err(&replaced));
    }
}

#[test]
fn behind_a_pooler_the_database_is_created_past_it() -> Result<()> {
    let place = Place::new(Engine::Postgres)?;
    // A name beside that of the test's own database, so that whoever cleans up there knows it too.
    let direct = format!("{}_direct", place.url);
    // Nobody listens there: a pooler knows no database that is not there either.
    let pooler = "postgres://nobody@127.0.0.1:1/none";
    let mut command = program(pooler, place.folder.path(), &["manage", "init-db"]);
    let made = command
        .env("DATABASE_POOLER", "transaction")
        .env("DATABASE_DIRECT_URL", &direct)
        .output()?;
    assert!(made.status.success(), "{}", err(&made));
    let name = direct.rsplit('/').next().context("a URL has a name")?;
    assert_eq!(
        out(&made).split('/').next_back(),
        Some(&*format!("{name} has all tables\n"))
    );
    block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await?;
        let statement = format!("DROP DATABASE \"{name}\"");
        tokio::select! {
            ended = connection => ended?,
            dropped = client.batch_execute(&statement) => dropped?,
        }
        Ok(())
    })
}

#[test]
fn a_service_without_its_database_says_what_creates_it() -> Result<()> {
    let place = Place::new(Engine::Postgres)?;
    let url = format!("{}_none", place.url);
    let arguments = ["serve", "--addr", "127.0.0.1:0"];
    let ran = program(&url, place.folder.path(), &arguments).output()?;
    refused(&ran, "(3D000); `catalog manage init-db` creates it");
    Ok(())
}

#[test]
fn a_name_that_is_no_place_for_a_backup_is_told_as_such() -> Result<()> {
    let place = Place::new(Engine::Sqlite)?;
    fill(&place)?;
    let ran = place.run(&["manage", "backup", "none/a.backup"])?;
    refused(&ran, "error: there is no folder none\n");
    let ran = place.run(&["manage", "backup", ".", "--force"])?;
    refused(&ran, "error: . is a folder; name a file in it\n");
    fs::write(
        place.folder.path().join("films.txt"),
        "#catalog-backup {\"version\":1}\n",
    )?;
    let ran = place.run(&["manage", "restore", "films.txt"])?;
    refused(
        &ran,
        "films.txt is a backup that somebody has unpacked; pack it again with gzip",
    );
    Ok(())
}
