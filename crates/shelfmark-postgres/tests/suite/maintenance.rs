//! The connection for migrations.

use std::time::Duration;

use shelfmark_core::{Access, Engine as _, ErrorKind, ValueRef};

use crate::support::{Db, call, one, pool_of, read, rows, text, write};

#[tokio::test]
async fn it_is_outside_of_the_pool_and_has_no_deadline() -> anyhow::Result<()> {
    let db = Db::limited(pool_of(1), Duration::from_millis(100)).await?;
    let maintenance = db.engine.maintenance().await?;
    assert_eq!(db.engine.status().in_use, 0);
    assert_eq!(
        one(&*maintenance, "SELECT current_setting('statement_timeout')").await?,
        text("0")
    );
    rows(&*maintenance, read("SELECT pg_sleep(0.3)", Vec::new())).await?;
    drop(maintenance);
    db.observer().await?.until("true", 1).await?;
    Ok(())
}

#[tokio::test]
async fn it_runs_scripts_and_may_begin_transactions() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let maintenance = db.engine.maintenance().await?;
    maintenance
        .script("CREATE TABLE t (n int); INSERT INTO t VALUES (1); -- a comment\n")
        .await?;
    maintenance
        .execute(call(Access::Session, "BEGIN", Vec::new()))
        .await?;
    maintenance
        .execute(write("INSERT INTO t VALUES ($1)", vec![ValueRef::I32(2)]))
        .await?;
    let error = maintenance
        .script("INSERT INTO t VALUES (3); SELECT nope")
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("column \"nope\" does not exist"),
        "{error}"
    );
    maintenance.script("ROLLBACK").await?;
    assert_eq!(
        one(&*maintenance, "SELECT count(*) FROM t").await?,
        ValueRef::I64(1)
    );
    Ok(())
}

#[tokio::test]
async fn its_statements_follow_the_schema_that_it_changes() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let maintenance = db.engine.maintenance().await?;
    maintenance
        .script("CREATE TABLE t (a int); INSERT INTO t VALUES (1); BEGIN")
        .await?;
    for columns in 1..4 {
        let found = rows(&*maintenance, read("SELECT * FROM t", Vec::new())).await?;
        assert_eq!(found[0].len(), columns);
        maintenance
            .script(&format!("ALTER TABLE t ADD c{columns} text"))
            .await?;
    }
    maintenance.script("COMMIT").await?;
    Ok(())
}

#[tokio::test]
async fn a_dropped_script_is_stopped_on_the_server() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let observer = db.observer().await?;
    let maintenance = db.engine.maintenance().await?;
    let slow = tokio::time::timeout(
        Duration::from_millis(50),
        maintenance.script("SELECT pg_sleep(60)"),
    )
    .await;
    assert!(slow.is_err());
    assert_eq!(one(&*maintenance, "SELECT 1").await?, ValueRef::I32(1));
    observer.until("state = 'active'", 0).await?;
    let slow = tokio::time::timeout(
        Duration::from_millis(50),
        maintenance.script("SELECT pg_sleep(60)"),
    )
    .await;
    assert!(slow.is_err());
    drop(maintenance);
    observer.until("query LIKE '%pg_sleep%'", 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_closed_engine_gives_none() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.engine.close(Duration::from_secs(1)).await?;
    let error = db
        .engine
        .maintenance()
        .await
        .err()
        .map(|error| error.kind());
    assert_eq!(error, Some(ErrorKind::Connection));
    Ok(())
}
