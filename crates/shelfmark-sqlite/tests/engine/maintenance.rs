//! The connection for migrations.

use std::time::Duration;

use shelfmark_core::{Engine, ErrorKind};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_script_has_many_statements_and_its_own_transaction() -> Outcome {
    for db in both().await? {
        let maintenance = db.engine.maintenance().await?;
        maintenance
            .script(
                "-- a migration
                 BEGIN IMMEDIATE;
                 CREATE TABLE a (x INTEGER); /* then */ CREATE TABLE b (y TEXT);
                 CREATE TRIGGER c AFTER INSERT ON a BEGIN INSERT INTO b VALUES ('; END'); END;
                 INSERT INTO a VALUES (1);",
            )
            .await?;
        // Calls take part in the transaction of the script.
        maintenance
            .execute(write("INSERT INTO a VALUES (2)"))
            .await?;
        assert_eq!(number(&*maintenance, "SELECT count(*) FROM b").await?, 2);
        maintenance.script("ROLLBACK").await?;
        assert!(fetch(&*maintenance, read("SELECT * FROM a")).await.is_err());
        maintenance
            .script("CREATE TABLE a (x); INSERT INTO a VALUES (1)")
            .await?;
        drop(maintenance);
        assert_eq!(db.number("SELECT count(*) FROM a").await?, 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_migration_left_open_is_rolled_back_and_its_settings_are_gone() -> Outcome {
    for db in both().await? {
        let maintenance = db.engine.maintenance().await?;
        maintenance
            .script("PRAGMA foreign_keys = OFF; BEGIN; INSERT INTO t VALUES (1)")
            .await?;
        drop(maintenance);
        db.execute("INSERT INTO t VALUES (2)").await?;
        assert_eq!(db.number("SELECT sum(a) FROM t").await?, 2);
        let session = begin(&*db.engine).await?;
        assert_eq!(
            number(&*session, "SELECT * FROM pragma_foreign_keys").await?,
            1
        );
        session.rollback().await?;
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_fails_says_what_sqlite_says_of_its_text() -> Outcome {
    for db in both().await? {
        let maintenance = db.engine.maintenance().await?;
        let error = maintenance
            .script("BEGIN; INSERT INTO t VALUES (1); ALTER TABLE missing ADD x; COMMIT")
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("no such table: missing"),
            "{error}"
        );
        maintenance.script("ROLLBACK").await?;
        assert_eq!(number(&*maintenance, "SELECT count(*) FROM t").await?, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_script_stops_and_is_rolled_back() -> Outcome {
    for db in both().await? {
        let maintenance = db.engine.maintenance().await?;
        let sql = format!("BEGIN; INSERT INTO t VALUES (1); {ENDLESS_WRITE}; COMMIT");
        let script = maintenance.script(&sql);
        assert!(
            dropped_after(script, Duration::from_millis(50))
                .await
                .is_none()
        );
        drop(maintenance);
        let next = tokio::time::timeout(Duration::from_secs(2), db.execute("DELETE FROM t"));
        assert_eq!(next.await??, 0);
        db.assert_nothing_is_left_open().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_waits_for_the_writer_and_keeps_it() -> Outcome {
    let mut settings = settings();
    settings.acquire_timeout = Duration::from_millis(100);
    let db = file_with(&settings).await?;
    let maintenance = db.engine.maintenance().await?;
    let error = db.execute("DELETE FROM t").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolExhausted);
    assert!(
        error.to_string().contains("held longest: maintenance"),
        "{error}"
    );
    assert_eq!(
        db.number("SELECT count(*) FROM t").await?,
        0,
        "reading goes on"
    );
    let error = db.engine.maintenance().await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolExhausted);
    drop(maintenance);
    db.engine.maintenance().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_taken_late_is_waited_for_as_long_as_any() -> Outcome {
    let mut settings = settings();
    settings.acquire_timeout = Duration::from_millis(400);
    let db = file_with(&settings).await?;
    let maintenance = db.engine.maintenance().await?;
    // Longer than the patience of the caller who took the connection.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let outsider = db.outsider()?;
    outsider.execute_batch("BEGIN IMMEDIATE")?;
    let began = std::time::Instant::now();
    let error = maintenance.script("BEGIN IMMEDIATE").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(
        began.elapsed() >= Duration::from_millis(390),
        "{:?}",
        began.elapsed()
    );
    Ok(())
}
