//! What opening makes, and what it says when it cannot.

use shelfmark_core::{Channel, Engine, ErrorKind};
use shelfmark_sqlite::SqliteEngine;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_made_with_its_folder() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a/b/c.db");
    let engine = SqliteEngine::open(&path, &settings()).await?;
    engine.ping().await?;
    assert!(path.exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_enforces_foreign_keys_and_full_durability_on_a_log() -> Outcome {
    let db = file().await?;
    for (pragma, value) in [
        ("foreign_keys", 1),
        ("synchronous", 2),
        ("trusted_schema", 0),
    ] {
        let sql = format!("SELECT * FROM pragma_{pragma}");
        assert_eq!(db.number(&sql).await?, value, "{pragma} of a reader");
        let session = begin(&*db.engine).await?;
        assert_eq!(
            number(&*session, &sql).await?,
            value,
            "{pragma} of the writer"
        );
        session.rollback().await?;
    }
    let outsider = db.outsider()?;
    let mode: String = outsider.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    assert_eq!(mode, "wal");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_named_with_its_reason() -> Outcome {
    let folder = tempfile::tempdir()?;
    let plain = folder.path().join("plain.txt");
    std::fs::write(
        &plain,
        "this is no database, though it is long enough to be looked at as one; SQLite reads the first hundred bytes of a file",
    )?;
    let cases = [
        (
            folder.path().to_path_buf(),
            ErrorKind::InvalidConfig,
            "is a folder",
        ),
        (
            plain.clone(),
            ErrorKind::InvalidConfig,
            "is not an SQLite database",
        ),
        (
            plain.join("x.db"),
            ErrorKind::InvalidConfig,
            "cannot create the folder",
        ),
        ("".into(), ErrorKind::InvalidConfig, "is empty"),
    ];
    for (path, kind, part) in cases {
        let error = SqliteEngine::open(&path, &settings()).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.contains(part), "{text}");
        if !path.as_os_str().is_empty() {
            let named = if part == "cannot create the folder" {
                &plain
            } else {
                &path
            };
            assert!(text.contains(&named.display().to_string()), "{text}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_vanished_does_not_come_back_empty() -> Outcome {
    let db = file().await?;
    // The connection that ran this is replaced, so the next write has to open the file again.
    db.engine
        .execute(session_call("PRAGMA user_version = 3"))
        .await?;
    for name in ["test.db", "test.db-wal", "test.db-shm"] {
        let _ = std::fs::remove_file(db.path().with_file_name(name));
    }
    let error = db.execute("INSERT INTO t VALUES (1)").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.to_string().contains("test.db"), "{error}");
    assert!(!db.path().exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_open_a_new_file_at_once_both_succeed() -> Outcome {
    for _ in 0..20 {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("new.db");
        let settings = settings();
        let (a, b, c) = tokio::join!(
            SqliteEngine::open(&path, &settings),
            SqliteEngine::open(&path, &settings),
            SqliteEngine::open(&path, &settings),
        );
        for engine in [a?, b?, c?] {
            engine.ping().await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relative_path_stays_the_same_file() -> Outcome {
    let folder = tempfile::tempdir_in(".")?;
    let relative =
        std::path::Path::new(".").join(folder.path().file_name().ok_or("a folder has a name")?);
    let engine = SqliteEngine::open(&relative.join("file:x.db"), &settings()).await?;
    let status = engine.status();
    assert!(folder.path().join("file:x.db").exists());
    assert!(
        status
            .engine
            .starts_with(&format!("SQLite {}", std::env::current_dir()?.display())),
        "{status:?}"
    );
    Ok(())
}
