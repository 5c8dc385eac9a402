//! A disk that is full, and a file that is damaged.

use std::io::{Seek as _, SeekFrom, Write as _};

use shelfmark_core::ErrorKind;
use shelfmark_sqlite::SqliteEngine;

use crate::support::*;

const BIG: &str = "INSERT INTO t SELECT zeroblob(4000) FROM
    (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) SELECT i FROM n)";

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_the_database_recovers() -> Outcome {
    for db in both().await? {
        db.execute("INSERT INTO t VALUES (1)").await?;
        // The limit stands for the disk; it belongs to the connection.
        let session = begin(&*db.engine).await?;
        session
            .execute(session_call("PRAGMA max_page_count = 100"))
            .await?;
        session.execute(write("INSERT INTO t VALUES (2)")).await?;
        let error = session.execute(write(BIG)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert_eq!(error.code(), Some("SQLITE_FULL"));
        assert!(error.to_string().contains("is full"), "{error}");
        drop(session);
        db.assert_nothing_is_left_open().await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 1);
        assert_eq!(db.execute(BIG).await?, 500);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_said_to_be_damaged() -> Outcome {
    let db = file().await?;
    db.execute(BIG).await?;
    let path = db.path();
    let (engine, _folder) = db.into_parts();
    shelfmark_core::Engine::close(&*engine, std::time::Duration::from_secs(5)).await?;
    let mut bytes = std::fs::OpenOptions::new().write(true).open(&path)?;
    bytes.seek(SeekFrom::Start(4096))?;
    bytes.write_all(&[0x5a; 64 * 1024])?;
    drop(bytes);
    let engine = SqliteEngine::open(&path, &settings()).await?;
    let error = number(&engine, "SELECT count(*) FROM t WHERE a > 1")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    assert!(text.contains("is damaged"), "{text}");
    Ok(())
}
