//! A backup is one moment of all tables, and a restore gives exactly that or nothing, whichever engines they are on.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use catalog::manage::archive::{ArchiveError, ArchiveReader, ArchiveWriter};
use catalog::manage::{
    BackupError, BackupOptions, Progress, RestoreOptions, backup, check, restore,
};
use catalog::repositories::{
    ActorsExt as _, DirectorsExt as _, Shows as _, ShowsExt as _, Titles as _, TitlesExt as _,
};
use catalog::use_cases::search_shows;
use serde_json::json;
use shelfmark::Db;

use crate::service::Engine;
use crate::tables::{Catalogue, add, record, rows};

async fn back_up(db: &Db, to: &Path) -> Result<u64> {
    let options = BackupOptions::default();
    Ok(backup(db, to, options, &mut Progress::new(true))
        .await?
        .rows)
}

async fn put_back(db: &Db, from: &Path, replace: bool) -> Result<u64, BackupError> {
    let options = RestoreOptions {
        replace,
        ..RestoreOptions::default()
    };
    Ok(restore(db, from, options, &mut Progress::new(true))
        .await?
        .rows)
}

/// Backs `from` up, restores it into an empty database of `to`, and compares everything.
async fn there_and_back(from: Engine, to: Engine) -> Result<()> {
    let (from, to) = (Catalogue::filled(from).await?, Catalogue::empty(to).await?);
    let file = from.place.folder.path().join("a.backup");
    let original = rows(&from.db).await?;
    let copied = back_up(&from.db, &file).await?;
    assert_eq!(copied, original.len() as u64);
    assert_eq!(check(&file)?.rows, copied);
    assert_eq!(put_back(&to.db, &file, false).await?, copied);
    assert_eq!(rows(&to.db).await?, original);

    // What is made of the rows is there as well: words are found, those of a title and those of a name.
    for (typed, expected) in [("enigmatique", 2), ("director of x2", 1)] {
        let (db, found) = (
            &to.db,
            search_shows(
                to.db.shows(),
                to.db.titles(),
                to.db.directors(),
                to.db.actors(),
                typed,
                10,
            ),
        );
        let found = found.await?;
        assert_eq!(found.items.len(), expected, "{typed} in {:?}", db.dialect());
    }
    // New rows get keys of their own.
    add(&to.db, &record("new")).await?;
    assert!(to.db.shows().find("new").await?.is_some());

    // And a copy of the copy is the same again.
    let again = to.place.folder.path().join("b.backup");
    assert!(to.db.shows().delete("new").await?);
    back_up(&to.db, &again).await?;
    assert!(put_back(&from.db, &again, true).await? > copied);
    assert_eq!(rows(&from.db).await?, rows(&to.db).await?);
    Ok(())
}

#[tokio::test]
async fn a_restored_catalogue_equals_its_original_from_sqlite_to_sqlite() -> Result<()> {
    there_and_back(Engine::Sqlite, Engine::Sqlite).await
}

#[tokio::test]
async fn a_restored_catalogue_equals_its_original_from_postgres_to_postgres() -> Result<()> {
    there_and_back(Engine::Postgres, Engine::Postgres).await
}

#[tokio::test]
async fn a_restored_catalogue_equals_its_original_from_sqlite_to_postgres() -> Result<()> {
    there_and_back(Engine::Sqlite, Engine::Postgres).await
}

#[tokio::test]
async fn a_restored_catalogue_equals_its_original_from_postgres_to_sqlite() -> Result<()> {
    there_and_back(Engine::Postgres, Engine::Sqlite).await
}

/// Everything that is refused, on one engine: each time the database stays as it was.
async fn refusals(engine: Engine) -> Result<()> {
    let catalogue = Catalogue::filled(engine).await?;
    let (db, folder) = (&catalogue.db, catalogue.place.folder.path());
    let before = rows(db).await?;
    let whole = folder.join("whole.backup");
    back_up(db, &whole).await?;

    let refused = put_back(db, &whole, false)
        .await
        .err()
        .context("it was taken")?;
    assert!(matches!(refused, BackupError::NotEmpty), "{refused}");
    let refused = back_up(db, &whole).await.err().context("it was replaced")?;
    assert!(
        refused.to_string().ends_with("replace it with --force"),
        "{refused}"
    );

    let bytes = fs::read(&whole)?;
    let cut = folder.join("cut.backup");
    for length in [bytes.len() / 2, bytes.len() - 1] {
        fs::write(&cut, &bytes[..length])?;
        let refused = put_back(db, &cut, true)
            .await
            .err()
            .context("it was taken")?;
        let is_cut_off = matches!(refused, BackupError::Archive(ArchiveError::CutOff { .. }));
        assert!(is_cut_off, "{refused}");
        assert_eq!(rows(db).await?, before);
    }
    let mut changed = bytes.clone();
    changed[bytes.len() * 9 / 10] ^= 1;
    fs::write(&cut, &changed)?;
    // The command looks at all of a file before it opens the database.
    let refused = check(&cut).err().context("it was taken for whole")?;
    assert!(matches!(refused, BackupError::Archive(_)), "{refused}");
    // A row may misfit before the sum at the end does.
    assert!(put_back(db, &cut, true).await.is_err());
    assert_eq!(rows(db).await?, before);

    // Whole files by somebody who knows the format, with rows that do not fit.
    let head = ArchiveReader::open(&whole, i64::MAX)?.head().clone();
    let link = json!({"show_id": "nobody", "director_id": 1, "position": 0});
    let genre = json!({"id": 1, "name": ""});
    for (table, row, says) in [
        (
            "show_directors",
            link,
            "foreign key violation of show_directors_",
        ),
        ("genres", genre, "check violation of genres_name_check"),
        (
            "passwords",
            json!({}),
            "a table `passwords`, which the catalogue has not",
        ),
        (
            "genres",
            json!({"id": 1, "name": "x", "more": 1}),
            "row 1 cannot be read",
        ),
    ] {
        let made = folder.join("made.backup");
        let mut writer = ArchiveWriter::create(&made, true, &head)?;
        writer.table(table)?;
        writer.row(&row)?;
        writer.finish()?;
        let refused = put_back(db, &made, true)
            .await
            .err()
            .context("it was taken")?;
        assert!(refused.to_string().contains(says), "{refused}");
        assert_eq!(rows(db).await?, before);
    }
    // After all that, it takes the whole one.
    put_back(db, &whole, true).await?;
    assert_eq!(rows(db).await?, before);
    Ok(())
}

#[tokio::test]
async fn what_is_refused_changes_nothing_on_sqlite() -> Result<()> {
    refusals(Engine::Sqlite).await
}

#[tokio::test]
async fn what_is_refused_changes_nothing_on_postgres() -> Result<()> {
    refusals(Engine::Postgres).await
}

/// Shows come, each with its names and words in one transaction, while backups are taken: each holds whole shows alone.
async fn one_moment(engine: Engine) -> Result<()> {
    let catalogue = Catalogue::filled(engine).await?;
    let other = Catalogue::empty(engine).await?;
    let db = &catalogue.db;
    let before = db.shows().count().await?;
    let writing = async {
        for n in 0..60 {
            add(db, &record(&format!("w{n:02}"))).await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let backing_up = async {
        let mut counts = Vec::new();
        for n in 0..4 {
            let file = catalogue.place.folder.path().join(format!("{n}.backup"));
            back_up(db, &file).await?;
            put_back(&other.db, &file, true).await?;
            let shows = other.db.shows().count().await?;
            assert_eq!(other.db.titles().missing().await?, 0);
            for new in 0..(shows - before) {
                let details = other.db.shows().details(&format!("w{new:02}")).await?;
                let details = details.context("the shows are not the first ones")?;
                let names = [
                    details.directors.len(),
                    details.genres.len(),
                    details.actors.len(),
                ];
                assert_eq!(names, [2, 2, 1]);
            }
            counts.push(shows);
        }
        Ok::<_, anyhow::Error>(counts)
    };
    let ((), counts) = tokio::try_join!(writing, backing_up)?;
    assert!(counts.is_sorted(), "{counts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_writers_holds_one_moment_on_sqlite() -> Result<()> {
    one_moment(Engine::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_writers_holds_one_moment_on_postgres() -> Result<()> {
    one_moment(Engine::Postgres).await
}

/// Whoever writes during a restore waits and comes after it: nothing of the catalogue from before stays in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_beside_a_restore_is_before_it_or_after_it() -> Result<()> {
    let catalogue = Catalogue::filled(Engine::Postgres).await?;
    let db = &catalogue.db;
    let file = catalogue.place.folder.path().join("a.backup");
    back_up(db, &file).await?;
    let whole = db.shows().count().await?;
    for round in 0..3 {
        let id = format!("beside{round}");
        let adding = record(&id);
        let (added, restored) = tokio::join!(add(db, &adding), put_back(db, &file, true));
        added?;
        restored?;
        let is_there = db.shows().details(&id).await?;
        assert_eq!(
            db.shows().count().await?,
            whole + i64::from(is_there.is_some())
        );
        if let Some(details) = is_there {
            assert_eq!((details.directors.len(), details.genres.len()), (2, 2));
        }
        assert_eq!(db.titles().missing().await?, 0);
    }
    Ok(())
}
